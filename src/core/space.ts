// Spaces: teams that share a server and nothing else. Which there are is kept in `main`; all else of a space, its keys too, is in a
// log of its own. What always holds: `main` is always there, and a space that is removed is only put out of service: made again,
// it goes on where it was, so that no fence of it comes twice (L2).

import type { Actor } from './access.ts';
import { forbidden, mayEverywhere } from './access.ts';
import type { Outcome } from './errors.ts';
import { accept, refuse } from './errors.ts';
import type { SpaceRow } from './rows.ts';
import { isSpaceName, mainSpace } from './space-name.ts';
import type { State } from './state.ts';
import type { Turn } from './turn.ts';

const longestDescription = 500;

/** Makes a space, or changes what is said of it. */
export function putSpace(
  turn: Turn,
  name: string,
  description: string | null,
  actor: Actor,
): Outcome<{ space: SpaceRow; created: boolean }> {
  if (!mayEverywhere(actor, 'admin')) return forbidden(actor, 'admin', null);
  if (!isSpaceName(name) || name === mainSpace) {
    const why =
      name === mainSpace
        ? 'main is always there.'
        : 'A space is named with a-z, 0-9 and single -, at most 40 of them; lock, ballast, restoring and replaced are taken.';
    return refuse('invalid_name', why, { field: 'name' });
  }
  if (description !== null && description.length > longestDescription)
    return refuse('invalid_request', `The description is longer than ${longestDescription} characters.`, {
      field: 'description',
    });
  const { spaces, settings } = turn.state;
  const known = spaces.get(name);
  const isThere = known?.removed === false;
  if (!isThere && servedSpaces(turn.state).length >= settings.maxSpaces)
    return refuse('too_many_spaces', `There are ${settings.maxSpaces} spaces already. Remove those that nobody uses.`);
  const text = description ?? (isThere ? known.description : '');
  if (isThere && known.description === text) return accept({ space: known, created: false });
  const space = turn.put('space', name, (seq) => ({
    ...{ id: name, seq, description: text },
    createdAt: isThere ? known.createdAt : turn.moment.at,
    createdBy: isThere ? known.createdBy : actor.name,
    removed: false,
    mark: known?.mark ?? null,
    epoch: known?.epoch ?? 0,
  }));
  turn.event(isThere ? 'space.changed' : 'space.created', name, actor.name, { description: text });
  return accept({ space, created: !isThere });
}

/** A server has opened a space, and found a store with this mark, in this epoch. */
export function recogniseSpace(turn: Turn, name: string, mark: string, epoch: number): Outcome<null> {
  const space = turn.state.spaces.get(name);
  if (space === undefined || space.removed) return refuse('space_unknown', `There is no space ${name} any more.`);
  if (space.mark === mark && epoch < space.epoch)
    return refuse(
      'space_unknown',
      `The space ${name} was moved or put back since, and this server is set to the copy that was left behind. Correct --space-stores; if that one is meant: signalbox space remove ${name} --forget, and make it again.`,
    );
  if (space.mark === null || (space.mark === mark && epoch > space.epoch))
    turn.put('space', name, (seq) => ({ ...space, seq, mark, epoch }));
  else if (space.mark !== mark)
    return refuse(
      'space_unknown',
      `The space ${name} is kept in another store than the one that this server is set to. Correct --space-stores; to move a space, copy it; if that one is meant: signalbox space remove ${name} --forget, and make it again.`,
    );
  return accept(null);
}

/**
 * Puts a space out of service: its keys are unknown from then on, and who waits in it is sent away. Made again, it must be found in
 * the same store; `forget`: it may be another one, whose fences may be lower.
 */
export function removeSpace(turn: Turn, name: string, forget: boolean, actor: Actor): Outcome<null> {
  if (!mayEverywhere(actor, 'admin')) return forbidden(actor, 'admin', null);
  if (name === mainSpace) return refuse('invalid_name', 'main cannot be removed.', { field: 'name' });
  const space = turn.state.spaces.get(name);
  if (space === undefined || (space.removed && !forget))
    return refuse('space_unknown', `There is no space ${name}. signalbox space list shows them.`);
  if (forget) turn.remove('space', name);
  else turn.put('space', name, (seq) => ({ ...space, seq, removed: true }));
  turn.event(forget ? 'space.forgotten' : 'space.removed', name, actor.name);
  return accept(null);
}

/** Those that are to be served. */
export function servedSpaces({ spaces }: State): SpaceRow[] {
  return spaces
    .values()
    .filter(({ removed }) => !removed)
    .toArray();
}

// Freezes by selector: no grants in any environment that carries these labels, also in those that are made later. Holders go
// on and requests keep their order.

import type { Actor } from './access.ts';
import { forbidden, mayEverywhere } from './access.ts';
import type { Outcome } from './errors.ts';
import { accept, refuse } from './errors.ts';
import { grantReady } from './lease/grant.ts';
import { nameFault } from './names.ts';
import type { FreezeRow, Labels } from './rows.ts';
import { selectorText } from './selectors.ts';
import type { Turn } from './turn.ts';

export interface Freeze {
  readonly labels: Labels;
  readonly reason: string;
  readonly untilAt: number | null;
}

export function putFreeze(
  turn: Turn,
  name: string,
  freeze: Freeze,
  actor: Actor,
): Outcome<{ freeze: FreezeRow; created: boolean }> {
  const fault = nameFault(name);
  if (fault !== null) return refuse('invalid_name', `The name of the freeze ${fault}.`, { field: 'name' });
  if (!mayEverywhere(actor, 'force')) return forbidden(actor, 'force', null);
  if (freeze.reason.trim() === '')
    return refuse('reason_required', 'A freeze needs a reason: it is shown to everyone who waits.', {
      field: 'reason',
    });
  if (freeze.untilAt !== null && freeze.untilAt <= turn.moment.at)
    return refuse('invalid_request', 'until lies in the past.', { field: 'until' });
  const { freezes, settings } = turn.state;
  const before = freezes.get(name);
  const created = before === undefined;
  if (created && freezes.size >= settings.maxFreezes) {
    return refuse('too_many_freezes', `There are ${settings.maxFreezes} freezes already. Delete those that are over.`);
  }
  const row = turn.put('freeze', name, (seq) => ({
    ...{
      name,
      seq,
      labels: freeze.labels,
      reason: freeze.reason,
      by: actor.name,
      at: turn.moment.at,
      until: freeze.untilAt,
    },
  }));
  turn.event('freeze.put', name, actor.name, {
    labels: selectorText(freeze.labels),
    reason: freeze.reason,
    untilAt: freeze.untilAt,
    ...(before !== undefined && { was: frozenAs(before) }),
  });
  grantReady(turn);
  return accept({ freeze: row, created });
}

export function endFreeze(turn: Turn, name: string, actor: Actor): Outcome<null> {
  if (!mayEverywhere(actor, 'force')) return forbidden(actor, 'force', null);
  const freeze = turn.state.freezes.get(name);
  if (freeze === undefined)
    return refuse('freeze_unknown', `There is no freeze "${name}". GET /v1/freezes lists them.`);
  turn.remove('freeze', name);
  turn.event('freeze.ended', name, actor.name, frozenAs(freeze));
  grantReady(turn);
  return accept(null);
}

/** What the history says of a freeze that is over, or is another one from now on. */
function frozenAs({ labels, reason, by, at }: FreezeRow) {
  return { labels: selectorText(labels), reason, by, sinceAt: at };
}

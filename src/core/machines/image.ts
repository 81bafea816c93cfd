// Images: what machines are made from. What always holds: a build that names none gets the newest active one of its role; what the
// driver lists is learned from it, and goes when it lists it no longer; what somebody has said through the API or the file of the
// server stays until they take it back.

import type { Actor } from '../access.ts';
import { forbidden, mayEverywhere } from '../access.ts';
import type { Outcome } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import type { ImageRow, Source } from '../rows.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';

export interface ImageChange {
  readonly role: string | null;
  readonly name: string | null;
  readonly isActive: boolean;
}

/** Says what an image is for. One that the driver lists can be named here too, and then what is said here counts. */
export function setImage(turn: Turn, id: string, change: ImageChange, actor: Actor): Outcome<ImageRow> {
  if (!mayEverywhere(actor, 'build')) return forbidden(actor, 'build', null);
  if (!/^[\x21-\x7e]{1,200}$/.test(id))
    return refuse('invalid_request', 'The id of an image has 1 to 200 printable characters.', { field: 'id' });
  if (!turn.state.images.has(id) && turn.state.images.size >= turn.state.settings.maxImages)
    return refuse('too_many_images', `There are ${turn.state.settings.maxImages} images already.`);
  return accept(putImage(turn, id, change, 'api', actor.name));
}

export function forgetImage(turn: Turn, id: string, actor: Actor): Outcome<null> {
  if (!mayEverywhere(actor, 'build')) return forbidden(actor, 'build', null);
  if (!turn.state.images.has(id))
    return refuse('image_unknown', `There is no image ${id}. signalbox image list shows them.`, { field: 'id' });
  removeImage(turn, id, actor.name);
  return accept(null);
}

/** Puts an image; nothing where it is as it should be. */
export function putImage(turn: Turn, id: string, change: ImageChange, source: Source, by: string): ImageRow {
  const known = turn.state.images.get(id);
  const { role, name, isActive } = change;
  if (known !== undefined && known.source === source && isSame(known, change)) return known;
  const image = turn.put('image', id, (seq) => ({
    ...{ id, seq, role, name, isActive, source },
    ...{ state: known?.state ?? 'available', createdAt: known?.createdAt ?? turn.moment.at },
  }));
  turn.event(known === undefined ? 'image.added' : 'image.changed', id, by, { role, name, active: isActive });
  return image;
}

export function removeImage(turn: Turn, id: string, by: string): void {
  if (!turn.state.images.has(id)) return;
  turn.remove('image', id);
  turn.event('image.removed', id, by);
}

/** What the driver lists now, all of it. */
export function learnImages(turn: Turn, listed: readonly Omit<ImageRow, 'seq' | 'source'>[]): void {
  const { images, settings } = turn.state;
  const there = new Set(listed.map(({ id }) => id));
  for (const image of [...images.values()])
    if (image.source === 'driver' && !there.has(image.id)) removeImage(turn, image.id, 'signalbox');
  for (const image of listed) {
    const known = images.get(image.id);
    if (known === undefined && images.size >= settings.maxImages) continue;
    if (known !== undefined && known.source !== 'driver') continue;
    if (known !== undefined && isSame(known, image) && known.state === image.state) continue;
    turn.put('image', image.id, (seq) => ({ ...image, seq, source: 'driver' }));
    const { role, name, isActive } = image;
    turn.event(known === undefined ? 'image.added' : 'image.changed', image.id, 'signalbox', {
      ...{ role, name, active: isActive },
    });
  }
}

/** What a build of this role takes when it names none. */
export function newestActive(state: State, role: string): ImageRow | null {
  let newest: ImageRow | null = null;
  for (const image of state.images.values()) {
    if (!image.isActive || image.role !== role) continue;
    if (newest === null || image.createdAt > newest.createdAt) newest = image;
  }
  return newest;
}

function isSame(known: ImageRow, { role, name, isActive }: ImageChange): boolean {
  return known.role === role && known.name === name && known.isActive === isActive;
}

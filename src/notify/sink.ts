// Somebody outside who is told of builds and machines. What always holds: what is told does not change however often it is tried,
// and carries an id by which whoever is told knows a repeat; no outcome, and no text of one, shows an address or a secret.

import type { BuildRow, Notice } from '../core/rows.ts';

export interface Message {
  /** The same in every try. */
  readonly delivery: string;
  readonly space: string;
  readonly notice: Notice;
  /** The build it is about, as it is now; null where it is about none, or the build is not kept any more. */
  readonly build: BuildRow | null;
}

export type Sent =
  | { readonly outcome: 'sent' }
  /** It may succeed later. `afterMs`: not before that, as whoever was asked has said; null: they have not. */
  | { readonly outcome: 'again'; readonly reason: string; readonly afterMs: number | null }
  /** It never will. */
  | { readonly outcome: 'refused'; readonly reason: string };

export interface Sink {
  readonly name: string;
  readonly events: readonly string[];
  /** How many messages it is sent at the same time. */
  readonly atOnce: number;
  /** Never throws. Ends early where the signal says so, with whatever outcome. */
  send(message: Message, signal: AbortSignal): Promise<Sent>;
}

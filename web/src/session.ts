// The key that this browser session acts with, shared by its tabs.
//
// Must always hold: the key is in session storage and in a header, never in an address, a title or a log; signing out in one tab
// signs out all of them.

import { Cell } from './cell.ts';

const slot = 'signalbox.key';
const askedForMs = 250;

type Message =
  | { readonly kind: 'whoHasKey' }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'signedOut' };

const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('signalbox.session') : null;

/** null: no key. Whoever watches it starts anew with each other one. */
export const key = new Cell<string | null>(sessionStorage.getItem(slot));

channel?.addEventListener('message', ({ data }: MessageEvent<Message>) => {
  if (data.kind === 'whoHasKey' && key.value !== null) tell({ kind: 'key', key: key.value });
  if (data.kind === 'key') keep(data.key);
  if (data.kind === 'signedOut') keep(null);
});

/** Asks the other tabs, so that a link that was opened in a new tab just works. Resolves with the key, or null where none has one. */
export function askOtherTabs(): Promise<string | null> {
  if (channel === null || key.value !== null) return Promise.resolve(key.value);
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stop();
      resolve(key.value);
    };
    const timer = setTimeout(done, askedForMs);
    const stop = key.watch(done);
    tell({ kind: 'whoHasKey' });
  });
}

export function signIn(value: string): void {
  keep(value);
  tell({ kind: 'key', key: value });
}

export function signOut(): void {
  keep(null);
  tell({ kind: 'signedOut' });
}

function keep(value: string | null): void {
  if (value === null) sessionStorage.removeItem(slot);
  else sessionStorage.setItem(slot, value);
  key.set(value);
}

function tell(message: Message): void {
  channel?.postMessage(message);
}

// Who the person is, and what they may do: decided by the same rules as the server's (src/core/access.ts), so that no button is
// offered that could only fail.

import type { Failure, Problem } from '../../src/client/outcome.ts';
import type { Me } from '../../src/client/types.ts';
import { type Actor, may, parseGrant, type Scope } from '../../src/core/access.ts';
import { api, clientFor, keyRefused } from './api.ts';
import { Cell, useCell } from './cell.ts';
import { askOtherTabs, key, signIn, signOut } from './session.ts';

export interface Person {
  readonly me: Me;
  readonly actor: Actor;
}

export type Access =
  | { readonly state: 'asking' }
  /** Nothing can be shown before somebody signs in; `problem`: why the key that they had is refused. */
  | { readonly state: 'signIn'; readonly problem: Problem | null }
  | { readonly state: 'failed'; readonly failure: Failure }
  | { readonly state: 'in' };

export const access = new Cell<Access>({ state: 'asking' });
/** Who was last let in: the page stays where it was while somebody signs in again. */
export const person = new Cell<Person | null>(null);

/** Asks who we are, and other tabs for the key where one is needed. */
export async function findAccess(): Promise<void> {
  const first = await api().me();
  const needsKey = first.ok && first.value.keys && first.value.anonymous && key.value === null;
  if (needsKey && (await askOtherTabs()) !== null) return;
  if (first.ok) take(first.value);
  else if (first.kind === 'problem' && first.status === 401) access.set({ state: 'signIn', problem: first.problem });
  else access.set({ state: 'failed', failure: first });
}

/** Tries a key; null: it is taken. */
export async function trySignIn(typed: string): Promise<Failure | 'mayNotRead' | null> {
  const answer = await clientFor(typed).me();
  if (!answer.ok) return answer;
  if (answer.value.anonymous || !mayRead(answer.value)) return 'mayNotRead';
  signIn(typed);
  return null;
}

function take(me: Me): void {
  if (!mayRead(me)) {
    access.set({ state: 'signIn', problem: null });
    return;
  }
  person.set({ me, actor: actorOf(me) });
  access.set({ state: 'in' });
}

function actorOf(me: Me): Actor {
  const grants = me.scopes.flatMap((scope) => parseGrant(scope) ?? []);
  return { identity: me.anonymous ? 'anonymous' : me.name, name: me.name, grants, maxPriority: me.maxPriority };
}

function mayRead(me: Me): boolean {
  return may(actorOf(me), 'read', null);
}

/** Whether this person may do something to an environment; null asks whether to any at all. */
export function useMay(): (scope: Scope, environment: string | null) => boolean {
  const now = useCell(person);
  return (scope, environment) => now !== null && may(now.actor, scope, environment);
}

export function startAccess(): void {
  key.watch((value) => {
    if (access.value.state === 'signIn' && value === null) return;
    if (value === null) {
      person.set(null);
      access.set({ state: 'asking' });
    }
    void findAccess();
  });
  keyRefused.watch(async () => {
    const answer = await api().me();
    if (answer.ok || answer.kind !== 'problem' || answer.status !== 401 || key.value === null) return;
    // First the sign-in, over the page; then no tab keeps a key that is worth nothing.
    access.set({ state: 'signIn', problem: answer.problem });
    signOut();
  });
  void findAccess();
}

// Between two pieces of a wait nothing is heard of what is still missing, and a piece with probes cannot be short. Where somebody
// looks at a terminal the list of waits is asked for now and then, which tells how everything on that server was found last.
//
// Must always hold: it settles nothing, so what ends the wait is the wait alone; a server that does not show its list (a key
// without the scope, another server behind the same address) is no error.

import type { Client } from '../../client/client.ts';
import type { Conditions } from '../../client/conditions.ts';
import type { ConditionReply, WaitList } from '../../client/types.ts';

const everyMs = 2_000;
const mostWaits = 500;

/** Calls `heard` when something is known anew. Ends with `signal`. */
export function lookOn(client: Client, standing: Conditions, heard: () => void, signal: AbortSignal): void {
  let isLooking = false;
  const timer = setInterval(async () => {
    if (isLooking || standing.outcome !== null) return;
    isLooking = true;
    const outcome = await client.waits({ limit: mostWaits }, { signal, timeoutMs: 3_000 });
    isLooking = false;
    if (signal.aborted || standing.outcome !== null) return;
    if (outcome.ok) noteAll(standing, outcome.value, heard);
    else if (outcome.kind === 'problem' && outcome.status < 500) clearInterval(timer);
  }, everyMs);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

function noteAll(standing: Conditions, list: WaitList, heard: () => void): void {
  const now = Date.parse(list.asOf.at);
  for (const index of standing.missing) {
    const before = standing.found[index]?.reply;
    const latest = before === undefined ? null : latestOf(list, before);
    if (latest === null) continue;
    const agoMs = latest.triedAt === null ? null : now - Date.parse(latest.triedAt);
    standing.note(index, latest, performance.now(), agoMs);
  }
  heard();
}

/** Null: the list says nothing of it that is not settled. */
function latestOf({ items, probes }: WaitList, before: ConditionReply): ConditionReply | null {
  const probe = probes.find(({ target }) => target === before.target);
  if (probe !== undefined) {
    const { detail, tries, triedAt } = probe;
    return detail === null ? null : { ...before, detail, tries, triedAt };
  }
  const same = items.flatMap(({ conditions }) => conditions).find(({ target }) => target === before.target);
  return same === undefined || same.state !== 'pending' ? null : { ...before, detail: same.detail };
}

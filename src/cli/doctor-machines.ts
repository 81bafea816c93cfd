// The checks of the doctor that are about machines: is the driver looked at, what was given up, which pools are paused. A server
// that has nothing to do with machines, or does not let this key look at them, is not mentioned.

import type { Job, Pool } from '../client/types-machines.ts';
import type { Connection } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import { type Finding, failure, good, note } from './doctor-findings.ts';
import { lookedText, toDoText } from './machines/job-words.ts';
import { triesText } from './machines/words.ts';
import { formatDuration } from './text/durations.ts';
import { asFailure } from './text/errors.ts';
import { foreign } from './text/sanitize.ts';

/** Looks follow each other within seconds; one takes its time where there are many machines. */
const lookIsOldMs = 120_000;
/** In a line; `job list` has all. */
const mostNamed = 3;

export async function* machineFindings({ client, need }: Connection): AsyncGenerator<Finding> {
  try {
    const jobs = await gather((page) => client.jobs(page), need);
    const look = jobs.items.find(({ kind }) => kind === 'reconcile');
    if (look !== undefined) yield lookFinding(look, Date.parse(jobs.asOf.at));
    const dead = jobs.items.filter(({ state }) => state === 'dead');
    if (dead.length > 0) yield note('jobs', deadText(dead), null);
    const pools = await gather((page) => client.pools(page), need);
    if (pools.items.length > 0) yield poolsFinding(pools.items);
    if (pools.items.length > 0 && look === undefined)
      yield failure('driver', 'nobody builds machines for pools: no server with a driver works, and no worker', null);
  } catch (thrown) {
    const refused = asFailure(thrown);
    if (['forbidden', 'unauthenticated'].includes(refused.code)) return;
    yield failure('machines', [refused.message, ...refused.more].join(' '), null);
  }
}

/** `now`: by the server's clock. */
function lookFinding({ report, error, tries, createdAt }: Job, now: number): Finding {
  const sinceMs = now - Date.parse(report?.at ?? createdAt);
  const ago = `${formatDuration(sinceMs)} ago`;
  const last = report === null ? 'there was none yet' : `the last good one was ${ago}`;
  if (error !== null)
    return failure('driver', `looks at it fail (${triesText(tries)}): ${foreign(error, 300)}; ${last}`, null);
  if (sinceMs > lookIsOldMs)
    return failure(
      'driver',
      report === null
        ? `not looked at in ${formatDuration(sinceMs)}: no server with a driver works, and no worker`
        : `last looked at ${ago}: no server with a driver works, and no worker`,
      null,
    );
  if (report === null) return good('driver', 'there is one; it was not looked at yet', null);
  return good('driver', `looked at ${ago}: ${lookedText(report)}`, null);
}

function poolsFinding(pools: readonly Pool[]): Finding {
  const paused = pools.flatMap(({ name, pausedForSeconds }) =>
    pausedForSeconds === null ? [] : [`${foreign(name, 60)} for ${formatDuration(pausedForSeconds * 1000)}`],
  );
  if (paused.length === 0)
    return good('pools', `${pools.length === 1 ? '1 pool' : `${pools.length} pools`}, none paused`, null);
  const why = 'the last build has failed, or there may be no more machines. To look: signalbox build list';
  return note('pools', `paused: ${shortened(paused)}; ${why}`, null);
}

function deadText(dead: readonly Job[]): string {
  const named = dead.map((job) => {
    const of = job.subject === '' ? '' : ` ${foreign(job.subject, 60)}`;
    return `${toDoText(job)}${of} (${foreign(job.error ?? 'no reason', 100)})`;
  });
  return `${dead.length} given up: ${shortened(named)}. All: signalbox job list`;
}

function shortened(texts: readonly string[]): string {
  const more = texts.length > mostNamed ? [`${texts.length - mostNamed} more`] : [];
  return [...texts.slice(0, mostNamed), ...more].join(', ');
}

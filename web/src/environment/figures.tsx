// Would another one pay? How much of the time it was held, how long people waited, and how long they would have with one more.

import { useState } from 'preact/hooks';
import { formatDuration } from '../../../src/cli/text/durations.ts';
import type { Environment } from '../../../src/client/types.ts';
import type { EnvironmentStats } from '../../../src/client/types-figures.ts';
import { serverNow } from '../clock.ts';
import { useAnswer } from '../ui/answer.ts';
import { Problem } from '../ui/problem.tsx';
import { Moment } from '../ui/time.tsx';
import { Choice } from './choice.tsx';
import { useFresh } from './fresh.ts';

const dayMs = 86_400_000;
const spans = { '1d': dayMs, '7d': 7 * dayMs, '30d': 30 * dayMs } as const;
type Span = keyof typeof spans;
const freshMs = 15_000;
/** Holders below the first few are told as one. */
const named = 8;

export function Figures({ row }: { row: Environment }) {
  const [span, setSpan] = useState<Span>('7d');
  const { value, failure, again } = useAnswer(
    (client, signal) =>
      client.environmentStats(row.name, { since: new Date(serverNow() - spans[span]).toISOString() }, { signal }),
    `${row.name} ${span}`,
  );
  useFresh(row, again, freshMs);
  return (
    <section class="figures" aria-labelledby="figures">
      <div class="section-head">
        <h2 id="figures">Would another one pay?</h2>
        <Choice label="Figures of the last" of={Object.keys(spans) as Span[]} chosen={span} choose={setSpan} />
      </div>
      {failure !== null && <Problem what="The figures could not be made." failure={failure} again={again} />}
      {value === null && failure === null && <p class="second">Counting…</p>}
      {value !== null && <Told stats={value} />}
    </section>
  );
}

function Told({ stats }: { stats: EnvironmentStats }) {
  const { waits, oneMore } = stats;
  const isShort = Date.parse(stats.from) - Date.parse(stats.since) > 60_000;
  return (
    <>
      <p class="verdict">{verdict(stats)}</p>
      {isShort && (
        <p class="second small">
          {stats.truncated ? 'There was more than is counted at once' : 'The history begins there'}: counted from{' '}
          <Moment at={stats.from} /> on.
        </p>
      )}
      <dl class="numbers">
        <Figure title="held">
          {stats.heldShare === null ? 'not there' : `${percent(stats.heldShare)} of the time`}
        </Figure>
        <Figure title="leases">{stats.leases}</Figure>
        <Figure title="half waited at most">{duration(waits.p50Seconds)}</Figure>
        <Figure title="95 % waited at most">{duration(waits.p95Seconds)}</Figure>
        <Figure title="all waits together">{duration(waits.sumSeconds)}</Figure>
        {waits.timedOut + waits.cancelled > 0 && (
          <Figure title="left without it">
            {waits.timedOut + waits.cancelled} ({waits.timedOut} ran out of time)
          </Figure>
        )}
        {stats.closedSeconds > 0 && <Figure title="frozen or draining">{duration(stats.closedSeconds)}</Figure>}
        <Figure title="with one more, 95 % at most">{duration(oneMore.p95Seconds)}</Figure>
      </dl>
      {stats.byHolder.length > 0 && <ByHolder stats={stats} />}
    </>
  );
}

function verdict({ waits, oneMore, leases }: EnvironmentStats): string {
  if (leases === 0) return 'Nobody held it in this time.';
  if (waits.sumSeconds === 0) return 'Nobody waited: another one would change nothing.';
  const { p95Seconds } = waits;
  const saved = `${duration(oneMore.savedSeconds)} of ${duration(waits.sumSeconds)} of waiting`;
  if (oneMore.savedSeconds === 0) return 'Another one would save no waiting.';
  if (p95Seconds === null || oneMore.p95Seconds === null) return `Another one would save ${saved}.`;
  return `Another one would save ${saved}: 95 % would wait ${duration(oneMore.p95Seconds)} at most instead of ${duration(p95Seconds)}.`;
}

function Figure({ title, children }: { title: string; children: string | number | readonly (string | number)[] }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function ByHolder({ stats }: { stats: EnvironmentStats }) {
  const shown = stats.byHolder.slice(0, named);
  const rest = stats.byHolder.slice(named);
  const others = {
    holders: stats.others.holders + rest.length,
    leases: rest.reduce((sum, { leases }) => sum + leases, stats.others.leases),
    heldSeconds: rest.reduce((sum, { heldSeconds }) => sum + heldSeconds, stats.others.heldSeconds),
    share: Math.min(
      1,
      rest.reduce((sum, { share }) => sum + share, stats.others.share),
    ),
  };
  const lines = [
    ...shown.map((each) => ({ key: `= ${each.name}`, title: each.name ?? 'without a name', ...each })),
    ...(others.holders > 0 ? [{ key: 'others', title: `${others.holders} others`, ...others }] : []),
  ];
  return (
    <table class="table holders-table">
      <caption class="only-heard">By holder</caption>
      <thead>
        <tr>
          <th scope="col">Holder</th>
          <th scope="col" class="col-share">
            Share of held time
          </th>
          <th scope="col" class="col-waits">
            Held
          </th>
          <th scope="col" class="col-place">
            Leases
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map(({ key, title, share, heldSeconds, leases }) => (
          <tr key={key}>
            <th scope="row">
              <bdi>{title}</bdi>
            </th>
            <td>
              <svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                <rect class="share-all" width="100" height="8" />
                <rect class="share-held" width={Math.max(0.5, share * 100)} height="8" />
              </svg>{' '}
              {percent(share)}
            </td>
            <td>{duration(heldSeconds)}</td>
            <td>{leases}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function percent(share: number): string {
  const of100 = share * 100;
  return `${of100 > 0 && of100 < 1 ? '< 1' : Math.round(of100)} %`;
}

function duration(seconds: number | null): string {
  return seconds === null ? '–' : formatDuration(seconds * 1000);
}

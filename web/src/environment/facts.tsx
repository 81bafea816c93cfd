// What an environment is: its capacity, labels and times; and why it is closed, by whom and until when.

import { formatExact } from '../../../src/cli/text/durations.ts';
import type { Environment } from '../../../src/client/types.ts';
import { lookOf } from '../board/model.ts';
import { State } from '../ui/state.tsx';
import { Left, Moment, Since } from '../ui/time.tsx';

export function Facts({ row }: { row: Environment }) {
  const labels = Object.entries(row.labels);
  const facts = [
    `capacity ${row.capacity}`,
    row.ttlSeconds === null ? 'held until released' : `ttl ${formatExact(row.ttlSeconds * 1000)}`,
    ...(row.maxHoldSeconds === null ? [] : [`held for ${formatExact(row.maxHoldSeconds * 1000)} at most`]),
    row.onExpire === 'free' ? 'after expiry: free' : 'after expiry: dirty until it is cleaned',
    row.declared ? 'declared' : 'made at its first use',
  ];
  return (
    <>
      {row.state !== 'open' && <Closed row={row} />}
      {row.description !== '' && (
        <p class="description">
          <bdi>{row.description}</bdi>
        </p>
      )}
      <p class="second small facts">
        {facts.join(' · ')}
        {labels.length > 0 && ' · '}
        {labels.map(([name, value]) => (
          <span key={name}>
            <bdi class="mono">
              {name}={value}
            </bdi>{' '}
          </span>
        ))}
        · there since <Since at={row.createdAt} />
      </p>
    </>
  );
}

function Closed({ row }: { row: Environment }) {
  const { shape, word } = lookOf(row);
  const freezes = row.frozenBy ?? [];
  return (
    <p class={`closed closed-${shape}`} role="status">
      <State shape={shape} word={word} />
      {row.stateBy !== null && (
        <>
          {' '}
          by <bdi>{row.stateBy}</bdi>
        </>
      )}
      {row.stateReason !== null && (
        <>
          : “<bdi>{row.stateReason}</bdi>”
        </>
      )}
      {row.stateUntil !== null && (
        <span>
          {' '}
          until <Moment at={row.stateUntil} />, <Left until={row.stateUntil} /> left
        </span>
      )}
      {freezes.length > 0 && (
        <span class="second">
          {' '}
          · freeze <bdi>{freezes.join(', ')}</bdi>
        </span>
      )}
    </p>
  );
}

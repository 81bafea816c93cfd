// All of one signal: who set it, what it carries as a tree, who waits for it. On a phone also what can be done to it.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Signal } from '../../../src/client/types.ts';
import { useCell } from '../cell.ts';
import { useRow } from '../live/rows.ts';
import { useAnswer } from '../ui/answer.ts';
import { Dialog } from '../ui/dialog.tsx';
import type { MenuItem } from '../ui/menu.tsx';
import { Problem } from '../ui/problem.tsx';
import { Left, Since } from '../ui/time.tsx';
import { jsonText, Payload, sizeText } from './payload.tsx';
import { type Place, places } from './places.ts';
import { SignalState } from './signals.tsx';
import { waits } from './waits.ts';
import { WaiterList, Who } from './who.tsx';

interface Props {
  readonly name: string;
  readonly items: (place: Place) => readonly MenuItem[];
  readonly close: () => void;
}

export function SignalDialog({ name, items, close }: Props) {
  const place = useRow(places, name);
  useCell(waits);
  const settled = waits.value?.settled.get(`signal:${name}`) ?? [];
  const signal = place?.signal ?? null;
  return (
    <Dialog title={<bdi>{name}</bdi>} close={close}>
      {place === null ? <p>It is not set, and nobody waits for it.</p> : <SignalState place={place} />}
      {signal !== null && <SignalFacts signal={signal} />}
      {signal !== null && signal.bytes > 0 && <Carried key={signal.seq} signal={signal} />}
      {place !== null && place.waiting > 0 && (
        <section>
          <h3>
            {place.waiting} {place.waiting === 1 ? 'waits' : 'wait'}
          </h3>
          <WaiterList waiters={place.waiters} label={`Who waits for ${name}`} />
        </section>
      )}
      {settled.length > 0 && (
        <section>
          <h3>Seen by, while they wait for other things</h3>
          <WaiterList waiters={settled} label={`Who has seen ${name}`} />
        </section>
      )}
      <div class="buttons">
        {place !== null &&
          items(place).map(({ label, run }) => (
            <button key={label} type="button" onClick={run}>
              {label}
            </button>
          ))}
        <button type="button" data-first onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function SignalFacts({ signal }: { signal: Signal }) {
  return (
    <dl class="facts">
      <Fact title="By">
        <Who by={signal.by} holder={signal.holder} />
        {signal.holder.name !== null && (
          <span class="second">
            {' '}
            with the key <bdi>{signal.by}</bdi>
          </span>
        )}
      </Fact>
      {signal.holder.ref !== null && (
        <Fact title="Of">
          <bdi>{signal.holder.ref}</bdi>
        </Fact>
      )}
      {signal.at !== null && (
        <Fact title="Set">
          <Since at={signal.at} /> ago
        </Fact>
      )}
      <Fact title="Ends">
        {signal.expiresAt === null ? (
          'when it is cleared'
        ) : (
          <>
            in <Left until={signal.expiresAt} />
          </>
        )}
      </Fact>
      {signal.failure !== null && (
        <Fact title="Reason">
          <bdi>{signal.failure.reason}</bdi>
        </Fact>
      )}
    </dl>
  );
}

export function Fact({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** Lists leave large payloads out; then the signal is asked for. */
function Carried({ signal }: { signal: Signal }) {
  return (
    <section>
      <h3>Carries {sizeText(signal.bytes)} of JSON</h3>
      {signal.data === null ? <Fetched signal={signal} /> : <Shown data={signal.data} />}
    </section>
  );
}

function Fetched({ signal: { name, seq } }: { signal: Signal }) {
  const { value, failure, again } = useAnswer(
    (client, stop) => client.signal(name, { signal: stop }),
    `${name} ${seq}`,
  );
  if (failure !== null) return <Problem what="It could not be loaded." failure={failure} again={again} />;
  return value === null ? <p class="second">Loading…</p> : <Shown data={value.data} />;
}

function Shown({ data }: { data: unknown }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(jsonText(data, 2));
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <>
      <Payload data={data} />
      {navigator.clipboard !== undefined && (
        <button type="button" onClick={() => void copy()}>
          {isCopied ? 'Copied' : 'Copy as JSON'}
        </button>
      )}
    </>
  );
}

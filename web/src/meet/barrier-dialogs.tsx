// All of one barrier; break one that waits, for everybody; forget one that is over.
//
// Must always hold: what was decided on is what is changed: a barrier that has ended since, or is another of that name, is left.

import { useMemo, useState } from 'preact/hooks';
import type { Barrier } from '../../../src/client/types.ts';
import { api } from '../api.ts';
import { useCell } from '../cell.ts';
import { useRow } from '../live/rows.ts';
import { barriers } from '../live/tables.ts';
import { useAnswer } from '../ui/answer.ts';
import { ActionDialog, Dialog } from '../ui/dialog.tsx';
import type { MenuItem } from '../ui/menu.tsx';
import { Problem } from '../ui/problem.tsx';
import { Since } from '../ui/time.tsx';
import { BarrierName, BarrierState, Broken, Standing, Time } from './barriers.tsx';
import { HistoryOf } from './signal-actions.tsx';
import { Fact } from './signal-dialog.tsx';
import { barrierTarget } from './waiting.ts';
import { waits } from './waits.ts';
import { WaiterList } from './who.tsx';

const shownParties = 200;

interface Props {
  readonly id: string;
  readonly items: (barrier: Barrier) => readonly MenuItem[];
  readonly close: () => void;
}

export function BarrierDialog({ id, items, close }: Props) {
  const barrier = useRow(barriers, id);
  useCell(waits);
  if (barrier === null)
    return (
      <Dialog title="Barrier" close={close}>
        <p>It was forgotten.</p>
        <div class="buttons">
          <button type="button" data-first onClick={close}>
            Close
          </button>
        </div>
      </Dialog>
    );
  const waiters = waits.value?.pending.get(barrierTarget(barrier)) ?? [];
  return (
    <Dialog title={<BarrierName barrier={barrier} />} close={close}>
      <p>
        <BarrierState barrier={barrier} /> {barrier.arrived} of {barrier.parties} · <Time barrier={barrier} />
      </p>
      <dl class="facts">
        {barrier.end !== null && barrier.state === 'broken' && (
          <Fact title="Why">
            <Broken barrier={barrier} />
          </Fact>
        )}
        <Fact title="Declared">
          by <bdi>{barrier.createdBy}</bdi> <Since at={barrier.createdAt} /> ago
        </Fact>
        {barrier.missingCount > 0 && (
          <Fact title="Missing">
            <bdi>{barrier.missing?.join(', ') || `${barrier.missingCount} of ${barrier.parties}`}</bdi>
          </Fact>
        )}
      </dl>
      {barrier.namesLeftOut ? <AllParties barrier={barrier} /> : <Parties barrier={barrier} />}
      {waiters.length > 0 && (
        <section>
          <h3>{waiters.length === 1 ? '1 waits' : `${waiters.length} wait`} for it to open</h3>
          <WaiterList waiters={waiters} label="Who waits for it to open" />
        </section>
      )}
      <div class="buttons">
        {items(barrier).map(({ label, run }) => (
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

/** Lists leave many names out; then the barrier is asked for. */
function AllParties({ barrier: { name, generation, seq } }: { barrier: Barrier }) {
  const { value, failure, again } = useAnswer(
    (client, signal) => client.barrier(name, { generation, signal }),
    `${name} ${generation} ${seq}`,
  );
  if (failure !== null) return <Problem what="Its parties could not be loaded." failure={failure} again={again} />;
  return value === null ? <p class="second">Loading…</p> : <Parties barrier={value} />;
}

function Parties({ barrier: { arrivals, missing } }: { barrier: Barrier }) {
  const [shown, setShown] = useState(shownParties);
  const all = [
    ...(missing ?? []).map((party) => ({ party, at: null, by: null })),
    ...arrivals.toSorted((a, b) => b.at.localeCompare(a.at)),
  ];
  if (all.length === 0) return null;
  return (
    <>
      <table class="parties">
        <thead>
          <tr>
            <th scope="col">Party</th>
            <th scope="col">Has come</th>
            <th scope="col">By</th>
          </tr>
        </thead>
        <tbody>
          {all.slice(0, shown).map(({ party, at, by }) => (
            <tr key={party}>
              <th scope="row">
                <bdi>{party}</bdi>
              </th>
              <td>{at === null ? 'missing' : <Ago at={at} />}</td>
              <td>
                <bdi>{by ?? ''}</bdi>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {all.length > shown && (
        <button type="button" onClick={() => setShown(all.length)}>
          {all.length - shown} more
        </button>
      )}
    </>
  );
}

function Ago({ at }: { at: string }) {
  return (
    <>
      <Since at={at} /> ago
    </>
  );
}

function titleOf(verb: string, barrier: Barrier | null) {
  return (
    <>
      {verb} {barrier === null ? 'it' : <BarrierName barrier={barrier} />}?
    </>
  );
}

export function CancelBarrier({ id, close }: { id: string; close: () => void }) {
  const [reason, setReason] = useState('');
  const decidedOn = useMemo(() => barriers.get(id), []);
  const now = useRow(barriers, id);
  useCell(waits);
  const waiters = now === null ? [] : (waits.value?.pending.get(barrierTarget(now)) ?? []);
  const hurts = (now?.arrived ?? 0) > 0 || waiters.length > 0;
  const isSame = (row: Barrier | null) => row?.createdAt === decidedOn?.createdAt && row?.state === 'waiting';
  return (
    <ActionDialog
      title={titleOf('Break', decidedOn)}
      verb="Break it"
      going="Breaking it…"
      keep="Keep it"
      isHarmful
      isReady={!hurts || reason.trim() !== ''}
      overtaken={
        isSame(now) ? null : 'It does not wait any more: there is nothing to break. Close this and look again.'
      }
      act={async () =>
        isSame(barriers.get(id)) && decidedOn !== null
          ? api().deleteBarrier(
              decidedOn.name,
              { ...(reason.trim() !== '' && { reason: reason.trim() }) },
              { generation: decidedOn.generation },
            )
          : null
      }
      done={(barrier) => (
        <>
          <p>
            {barrier.end?.how === 'cancelled' ? 'The server has broken it. ' : 'It had ended already: '}
            <BarrierState barrier={barrier} />, <Standing barrier={barrier} /> (event {barrier.seq}).
          </p>
          <p>
            <HistoryOf name={barrier.name} />
          </p>
        </>
      )}
      close={close}
    >
      {now !== null && (
        <>
          <p>
            {now.arrived} of {now.parties} have come
            {now.missingCount > 0 && (
              <>
                , <Standing barrier={now} />
              </>
            )}
            .{' '}
            {hurts
              ? 'All who have come or wait are told at once that it broke, with your reason, and their jobs fail. Whoever comes later is told the same.'
              : 'Nobody waits for it now. Whoever comes later is told that it broke.'}
          </p>
          {now.arrivals.length > 0 && (
            <p>
              Here are: <bdi>{now.arrivals.map(({ party }) => party).join(', ')}</bdi>
            </p>
          )}
          {waiters.length > 0 && <WaiterList waiters={waiters} label="Who waits for it to open" />}
        </>
      )}
      <label>
        {hurts ? 'Reason (shown to all of them)' : 'Reason (if there is one)'}
        <input data-first value={reason} maxLength={1000} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
    </ActionDialog>
  );
}

export function ForgetBarrier({ id, close }: { id: string; close: () => void }) {
  const decidedOn = useMemo(() => barriers.get(id), []);
  const now = useRow(barriers, id);
  const isSame = (row: Barrier | null) => row?.seq === decidedOn?.seq;
  return (
    <ActionDialog
      title={titleOf('Forget', decidedOn)}
      verb="Forget it"
      going="Forgetting it…"
      keep="Keep it"
      overtaken={isSame(now) ? null : 'It is gone, or another one of this name, since this was opened.'}
      act={async () =>
        isSame(barriers.get(id)) && decidedOn !== null
          ? api().deleteBarrier(decidedOn.name, { forget: true }, { generation: decidedOn.generation })
          : null
      }
      done={(barrier) => (
        <p>
          The server has forgotten <BarrierName barrier={barrier} />. <HistoryOf name={barrier.name} />
        </p>
      )}
      close={close}
    >
      {decidedOn !== null && (
        <p>
          <BarrierState barrier={decidedOn} /> · {decidedOn.arrived} of {decidedOn.parties} had come. Its name and
          generation can then be used anew, and whoever comes late is no longer told how it ended.
        </p>
      )}
    </ActionDialog>
  );
}

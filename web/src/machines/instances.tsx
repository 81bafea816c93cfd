// Machines that are there: their state, address, age and pool, who holds them, and how to end one.

import { useState } from 'preact/hooks';
import type { Instance } from '../../../src/client/types-machines.ts';
import { openDialog } from '../actions/frame.tsx';
import { api } from '../api.ts';
import { useCell } from '../cell.ts';
import { useRow } from '../live/rows.ts';
import { environments, instances, jobs } from '../live/tables.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import type { MenuItem } from '../ui/menu.tsx';
import { State } from '../ui/state.tsx';
import { Since } from '../ui/time.tsx';
import { Field, given } from './fields.tsx';
import { EnvironmentLink, Holders, holdersOf, leaseIds } from './holders.tsx';
import { mayAll } from './may.ts';
import { addressOf, buildPath, instanceLook, nameOf } from './model.ts';
import { type Column, Sheet } from './sheet.tsx';

const columns: readonly Column<Instance>[] = [
  {
    id: 'state',
    title: 'State',
    isPlain: true,
    cell: (row) => <State {...instanceLook(row)} />,
  },
  {
    id: 'name',
    title: 'Machine',
    isName: true,
    cell: (row) => (
      <bdi class="mono" title={row.id}>
        {nameOf(row)}
      </bdi>
    ),
  },
  { id: 'address', title: 'Address', cell: (row) => addressOf(row) && <bdi class="mono">{addressOf(row)}</bdi> },
  { id: 'age', title: 'Age', cell: (row) => row.launchedAt && <Since at={row.launchedAt} /> },
  { id: 'pool', title: 'Pool', cell: (row) => row.pool && <bdi>{row.pool}</bdi> },
  {
    id: 'environment',
    title: 'Environment',
    cell: (row) => row.environment && <EnvironmentLink name={row.environment} />,
  },
  {
    id: 'holder',
    title: 'Held by',
    cell: (row) => (holdersOf(row).length === 0 ? null : <Holders leases={holdersOf(row)} />),
  },
  {
    id: 'build',
    title: 'Build',
    cell: (row) =>
      row.build && (
        <a href={buildPath(row.build)}>
          <bdi>{row.build}</bdi>
        </a>
      ),
  },
];

export function InstanceTable({
  rows,
  label = 'Machines',
  isOfBuild = false,
  question,
}: {
  rows: readonly Instance[];
  label?: string;
  /** On the page of their build. */
  isOfBuild?: boolean;
  question?: string;
}) {
  useCell(environments.version);
  return (
    <Sheet
      label={label}
      rows={rows}
      idOf={(row) => row.id}
      columns={isOfBuild ? columns.filter(({ id }) => id !== 'build') : columns}
      nameOf={nameOf}
      items={actionsOnInstance}
      question={question ?? ''}
    />
  );
}

/** What this person may do to it now. */
export function actionsOnInstance(row: Instance): readonly MenuItem[] {
  return [
    ...(row.state === 'running' && row.build !== null && mayAll('build')
      ? [{ label: 'Say that it is ready…', run: () => openReady(row) }]
      : []),
    ...(canEnd(row) && mayAll('terminate') ? [{ label: 'Terminate…', run: () => openTerminate(row) }] : []),
  ];
}

/** Again too, where ending it was given up. */
function canEnd({ id, state }: Instance): boolean {
  if (state === 'running' || state === 'ready') return true;
  return state === 'ending' && [...jobs.all()].some(({ subject, state: job }) => subject === id && job === 'dead');
}

function openTerminate(row: Instance): void {
  openDialog((close) => <Terminate asked={row} close={close} />);
}

function Terminate({ asked, close }: { asked: Instance; close: () => void }) {
  const [reason, setReason] = useState('');
  const [heldAtFirst] = useState(() => leaseIds(holdersOf(asked)));
  const [said, setSaid] = useState<string | null>(null);
  useCell(environments.version);
  const now = useRow(instances, asked.id);
  const held = holdersOf(now ?? asked);
  const others = 'Somebody else holds it now than when this was opened. Close this and look again.';
  const overtaken =
    said ??
    (now === null || now.state === 'gone'
      ? 'It is gone already.'
      : !canEnd(now)
        ? 'It is being ended already.'
        : leaseIds(held) !== heldAtFirst
          ? others
          : null);
  const act = async () => {
    if (asked.environment !== null) {
      // Who is hurt must be who the dialog has said: asked anew, as we may not have heard yet.
      const answer = await api().environment(asked.environment);
      if (!answer.ok && !(answer.kind === 'problem' && answer.status === 404)) return answer;
      if (answer.ok && leaseIds(answer.value.held) !== heldAtFirst) {
        setSaid(others);
        return null;
      }
    }
    return api().terminateInstance(asked.id, { reason: reason.trim() });
  };
  return (
    <ActionDialog
      title={
        <>
          Terminate <bdi>{nameOf(asked)}</bdi>?
        </>
      }
      verb="Terminate it"
      going="Terminating…"
      keep="Keep"
      isHarmful
      isReady={given(reason) !== undefined}
      overtaken={overtaken}
      act={act}
      close={close}
      done={(after) => (
        <>
          <bdi>{nameOf(after)}</bdi> is {after.state}.
        </>
      )}
    >
      <p>
        {held.length > 0 ? (
          <>
            <Holders leases={held} /> holds it as <bdi>{asked.environment}</bdi>, loses it at once and is shown the
            reason.
          </>
        ) : asked.environment !== null ? (
          <>
            Nobody holds it now. As <bdi>{asked.environment}</bdi> it can no longer be leased.
          </>
        ) : (
          'Whatever runs on it is stopped.'
        )}{' '}
        The driver ends the machine; it does not come back.
        {asked.pool !== null && (
          <>
            {' '}
            The pool <bdi>{asked.pool}</bdi> builds another one when it needs it.
          </>
        )}
      </p>
      <Field
        label={held.length > 0 ? 'Reason (shown to whoever holds it)' : 'Reason'}
        value={reason}
        change={setReason}
        placeholder="its disk is full"
        isFirst
      />
    </ActionDialog>
  );
}

function openReady(row: Instance): void {
  openDialog((close) => <Ready asked={row} close={close} />);
}

function Ready({ asked, close }: { asked: Instance; close: () => void }) {
  const now = useRow(instances, asked.id);
  const overtaken =
    now === null ? 'It is gone already.' : now.state !== 'running' ? `It is ${now.state} by now.` : null;
  return (
    <ActionDialog
      title={
        <>
          Is <bdi>{nameOf(asked)}</bdi> ready?
        </>
      }
      verb="It is ready"
      going="Saying so…"
      keep="Not yet"
      overtaken={overtaken}
      act={() => api().instanceReady(asked.id)}
      close={close}
      done={(after) => (
        <>
          <bdi>{nameOf(after)}</bdi> is {after.state}.
        </>
      )}
    >
      <p>
        As if its init script had said so: what it was built for may use it from now on
        {asked.pool !== null && (
          <>
            , and the pool <bdi>{asked.pool}</bdi> gives it to whoever is next
          </>
        )}
        .
      </p>
    </ActionDialog>
  );
}

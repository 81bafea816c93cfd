// Makes, changes and deletes a pool.
//
// Must always hold: a pool is sent as a whole, so one that somebody else has changed since the dialog was opened is not overwritten.

import { useState } from 'preact/hooks';
import { formatExact, parseDuration } from '../../../src/cli/text/durations.ts';
import type { Failure } from '../../../src/client/outcome.ts';
import type { Pool, PoolRequest } from '../../../src/client/types-machines.ts';
import { openDialog } from '../actions/frame.tsx';
import { api } from '../api.ts';
import { useRow } from '../live/rows.ts';
import { pools } from '../live/tables.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import { Faults, Field, faultsOf, numberOf, Tick } from './fields.tsx';
import { labelsText, machines, parseLabels } from './model.ts';
import { requestOf, SpecFields, specOf } from './spec-fields.tsx';

/** null: a new one. */
export function openPool(pool: Pool | null): void {
  openDialog((close) => <PoolDialog asked={pool} close={close} />);
}

export function openDeletePool(pool: Pool): void {
  openDialog((close) => <DeletePool asked={pool} close={close} />);
}

/** What somebody has said of it, and not how it is. */
function saidOf(pool: Pool): string {
  const { machines: _machines, waiting: _waiting, pausedForSeconds: _paused, ...said } = pool;
  return JSON.stringify(said);
}

const exactSeconds = (seconds: number): string => formatExact(seconds * 1000);

/** null: it is no duration. */
function secondsOf(text: string): number | null {
  const ms = parseDuration(text);
  return ms === null ? null : ms / 1000;
}

function PoolDialog({ asked, close }: { asked: Pool | null; close: () => void }) {
  const [name, setName] = useState(asked?.name ?? '');
  const [labels, setLabels] = useState(asked === null ? '' : labelsText(asked.labels));
  const [min, setMin] = useState(String(asked?.min ?? 0));
  const [max, setMax] = useState(String(asked?.max ?? 1));
  const [idle, setIdle] = useState(String(asked?.idle ?? 0));
  const [idleFor, setIdleFor] = useState(exactSeconds(asked?.idleForSeconds ?? 600));
  const [maxAge, setMaxAge] = useState(asked?.maxAgeSeconds == null ? '' : exactSeconds(asked.maxAgeSeconds));
  const [within, setWithin] = useState(exactSeconds(asked?.readyWithinSeconds ?? 1800));
  const [isOnce, setOnce] = useState(asked?.once ?? false);
  const [readyWhen, setReadyWhen] = useState(asked?.readyWhen ?? 'finished');
  const [spec, setSpec] = useState(() => specOf(asked?.build ?? null));
  const [failure, setFailure] = useState<Failure | null>(null);
  const now = useRow(pools, asked?.name ?? name.trim());
  const pairs = parseLabels(labels);
  const times = [idleFor, within, ...(maxAge.trim() === '' ? [] : [maxAge])];
  const isWritten = pairs !== null && name.trim() !== '' && times.every((text) => secondsOf(text) !== null);
  const overtaken =
    asked === null
      ? now === null
        ? null
        : 'There is a pool of this name already. To change it, use its own menu.'
      : now === null
        ? 'It was deleted meanwhile.'
        : saidOf(now) === saidOf(asked)
          ? null
          : 'Somebody has changed it meanwhile. Close this and open it again.';
  const act = async () => {
    const request: PoolRequest = {
      labels: pairs ?? {},
      ...{ min: numberOf(min), max: numberOf(max), idle: numberOf(idle), once: isOnce, readyWhen },
      ...{ idleForSeconds: secondsOf(idleFor) ?? 0, readyWithinSeconds: secondsOf(within) ?? 0 },
      maxAgeSeconds: maxAge.trim() === '' ? null : secondsOf(maxAge),
      build: requestOf(spec),
    };
    const answer = await api().putPool(name.trim(), request);
    setFailure(answer.ok ? null : answer);
    return answer;
  };
  const time = (label: string, value: string, change: (value: string) => void, hint: string) => (
    <Field
      label={label}
      value={value}
      change={change}
      hint={hint}
      isWrong={value.trim() !== '' && secondsOf(value) === null}
    />
  );
  const faults = faultsOf(failure);
  return (
    <ActionDialog
      title={
        asked === null ? (
          'New pool'
        ) : (
          <>
            Change the pool <bdi>{asked.name}</bdi>
          </>
        )
      }
      verb={asked === null ? 'Make it' : 'Change it'}
      going={asked === null ? 'Making it…' : 'Changing it…'}
      keep={asked === null ? 'Not now' : 'Leave it as it is'}
      isReady={isWritten}
      overtaken={overtaken}
      act={act}
      close={close}
      done={(pool) => (
        <>
          The pool <bdi>{pool.name}</bdi> keeps {pool.min} to {machines(pool.max)}, {pool.idle} of them idle.
        </>
      )}
    >
      <p>
        A lease that asks for these labels gets a machine of this pool, built when none is free.
        {asked !== null && asked.machines.held > 0 && ' Whoever holds one now keeps it.'}
        {asked?.source === 'file' &&
          ' It comes from the configuration of the server, which sets it back when it is read again.'}
      </p>
      <div class="m-fields">
        {asked === null && <Field label="Name" value={name} change={setName} isFirst placeholder="docker" />}
        <Field
          label="Labels"
          value={labels}
          change={setLabels}
          isFirst={asked !== null}
          placeholder="pool=docker,size=small"
          isWrong={pairs === null}
        />
        <Field label="Min" isNumber value={min} change={setMin} hint="machines that are always there" />
        <Field label="Max" isNumber value={max} change={setMax} hint="machines at most" />
        <Field label="Idle" isNumber value={idle} change={setIdle} hint="machines that wait for the next lease" />
        {time('Idle for', idleFor, setIdleFor, 'how long one that nobody wants is kept, as 10m')}
        {time('Max age', maxAge, setMaxAge, 'how old one may become, as 12h; empty: for ever')}
        {time('Ready within', within, setWithin, 'how long one may take to say that it is ready')}
        <label>
          <span>May be leased</span>
          <select value={readyWhen} onChange={(event) => setReadyWhen(event.currentTarget.value as typeof readyWhen)}>
            <option value="finished" selected={readyWhen === 'finished'}>
              once it says that it is ready
            </option>
            <option value="started" selected={readyWhen === 'started'}>
              as soon as it runs
            </option>
          </select>
        </label>
        <Tick label="A new machine for each lease" value={isOnce} change={setOnce} />
      </div>
      <h3>Its machines are built from</h3>
      <SpecFields spec={spec} change={setSpec} faults={faults.length > 0 ? faults : [detailOf(failure)]} />
      <Faults faults={faults} />
    </ActionDialog>
  );
}

const detailOf = (failure: Failure | null): string => (failure?.kind === 'problem' ? failure.problem.detail : '');

function DeletePool({ asked, close }: { asked: Pool; close: () => void }) {
  const now = useRow(pools, asked.name);
  const { free, held, building } = (now ?? asked).machines;
  const waiting = (now ?? asked).waiting;
  const overtaken =
    now === null
      ? 'It was deleted already.'
      : saidOf(now) === saidOf(asked)
        ? null
        : 'Somebody has changed it meanwhile. Close this and look again.';
  return (
    <ActionDialog
      title={
        <>
          Delete the pool <bdi>{asked.name}</bdi>?
        </>
      }
      verb="Delete it"
      going="Deleting…"
      keep="Keep"
      isHarmful
      overtaken={overtaken}
      act={() => api().deletePool(asked.name)}
      close={close}
      done={() => (
        <>
          The pool <bdi>{asked.name}</bdi> is deleted. Its machines end as soon as nobody holds them.
        </>
      )}
    >
      <p>
        {free + building > 0
          ? `${machines(free + building)} that nobody holds ${free + building === 1 ? 'is' : 'are'} ended. `
          : ''}
        {held > 0
          ? `${machines(held)} ${held === 1 ? 'is' : 'are'} held: whoever holds one keeps it, and it ends after that. `
          : ''}
        {waiting > 0 ? `${waiting} waiting for a machine of it: nothing is built for them any more. ` : ''}
        {free + building + held === 0 ? 'It has no machines now. ' : ''}
        {asked.source === 'file' && 'The configuration of the server makes it again when it is read again.'}
      </p>
    </ActionDialog>
  );
}

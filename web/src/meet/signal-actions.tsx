// Set a signal, perhaps as a failure, and clear one.
//
// Must always hold: what was decided on is what is changed: where the signal has changed since, nothing is sent.

import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { Signal } from '../../../src/client/types.ts';
import { useMay } from '../access.ts';
import { api } from '../api.ts';
import { useCell } from '../cell.ts';
import { useRow } from '../live/rows.ts';
import { pathOf } from '../routes.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import { Since } from '../ui/time.tsx';
import { type Place, places } from './places.ts';
import { type Checked, check, type Typed } from './setting.ts';
import { waits } from './waits.ts';
import { WaiterList, Who } from './who.tsx';

const blank: Typed = { name: '', isFailure: false, payload: '', reason: '', ends: 'week', duration: '' };

/** `name` null: the person says which. */
export function SetSignal({ name, close }: { name: string | null; close: () => void }) {
  const [typed, setTyped] = useState<Typed>({ ...blank, name: name ?? '' });
  const may = useMay();
  const place = useRow(places, typed.name);
  const decidedOn = useMemo(() => places.get(name ?? '')?.signal?.seq ?? null, []);
  const checked = check(typed);
  const isAllowed = typed.name === '' || may('signal', typed.name);
  const change = (part: Partial<Typed>) => setTyped((before) => ({ ...before, ...part }));
  const isChanged = name !== null && (place?.signal?.seq ?? null) !== decidedOn;
  return (
    <ActionDialog
      title={
        name === null ? (
          'Set a signal'
        ) : (
          <>
            Set the signal <bdi>{name}</bdi>
          </>
        )
      }
      verb={typed.isFailure ? 'Set it as failed' : 'Set it'}
      going={typed.isFailure ? 'Setting it as failed…' : 'Setting it…'}
      keep="Leave it"
      isHarmful={typed.isFailure}
      isReady={checked.ok && isAllowed}
      overtaken={isChanged ? 'It has changed since this was opened. Close this and look again.' : null}
      act={async () => (checked.ok ? api().putSignal(typed.name, checked.request) : null)}
      done={(signal) => <Answered signal={signal} />}
      close={close}
    >
      {name === null && (
        <Field title="Name" field="name" checked={checked}>
          {(given) => (
            <input
              {...given}
              data-first
              value={typed.name}
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => change({ name: event.currentTarget.value.trim() })}
            />
          )}
        </Field>
      )}
      {!isAllowed && (
        <p role="alert">
          Your key may not set <bdi>{typed.name}</bdi>.
        </p>
      )}
      <fieldset class="choices">
        <legend>It is set</legend>
        <label class="tick">
          <input type="radio" name="as" checked={!typed.isFailure} onChange={() => change({ isFailure: false })} />
          as done: whoever waits goes on
        </label>
        <label class="tick">
          <input type="radio" name="as" checked={typed.isFailure} onChange={() => change({ isFailure: true })} />
          as failed: whoever waits fails, with your reason
        </label>
      </fieldset>
      {typed.isFailure ? (
        <Field title="Reason (shown to everybody who waits)" field="reason" checked={checked}>
          {(given) => (
            <input {...given} value={typed.reason} onInput={(event) => change({ reason: event.currentTarget.value })} />
          )}
        </Field>
      ) : (
        <Field title="Carries (any JSON, or nothing)" field="payload" checked={checked}>
          {(given) => (
            <textarea
              {...given}
              {...(name !== null && { 'data-first': true })}
              class="mono"
              rows={4}
              spellcheck={false}
              value={typed.payload}
              onInput={(event) => change({ payload: event.currentTarget.value })}
            />
          )}
        </Field>
      )}
      <label>
        Ends
        <select value={typed.ends} onChange={(event) => change({ ends: event.currentTarget.value as Typed['ends'] })}>
          <option value="week">after seven days</option>
          <option value="after">after …</option>
          <option value="never">when it is cleared</option>
        </select>
      </label>
      {typed.ends === 'after' && (
        <Field title="After how long (90s, 10m, 2h, 3d)" field="duration" checked={checked}>
          {(given) => (
            <input
              {...given}
              value={typed.duration}
              onInput={(event) => change({ duration: event.currentTarget.value })}
            />
          )}
        </Field>
      )}
      {place !== null && <Consequence place={place} isFailure={typed.isFailure} />}
    </ActionDialog>
  );
}

interface Given {
  readonly id: string;
  readonly 'aria-invalid': boolean;
  readonly 'aria-describedby': string | undefined;
}

/** A field, and under it what is wrong with what was typed. */
function Field(props: {
  title: string;
  field: string;
  checked: Checked;
  children: (given: Given) => ComponentChildren;
}) {
  const { title, field, checked, children } = props;
  const words = !checked.ok && checked.field === field ? checked.words : '';
  const id = `wrong-${field}`;
  return (
    <div class="field">
      <label for={`field-${field}`}>{title}</label>
      {children({
        id: `field-${field}`,
        'aria-invalid': words !== '',
        'aria-describedby': words === '' ? undefined : id,
      })}
      {words !== '' && (
        <p id={id} class="error-text small">
          {words}
        </p>
      )}
    </div>
  );
}

/** Who is concerned, and what happens next. */
function Consequence({ place: { signal, waiters, waiting }, isFailure }: { place: Place; isFailure: boolean }) {
  if (signal !== null)
    return (
      <p>
        It is {signal.state} already, by <Who by={signal.by} holder={signal.holder} />
        {signal.at !== null && (
          <>
            {' '}
            <Since at={signal.at} /> ago
          </>
        )}
        . This takes its place, and its time begins anew.
      </p>
    );
  return (
    <section>
      <p>
        {waiting === 1 ? 'One waits for it' : `${waiting} wait for it`}, and{' '}
        {isFailure ? (waiting === 1 ? 'fails' : 'fail') : waiting === 1 ? 'goes on' : 'go on'} at once:
      </p>
      <WaiterList waiters={waiters} label="Who waits for it" />
    </section>
  );
}

function Answered({ signal }: { signal: Signal }) {
  return (
    <p>
      The server has set <bdi>{signal.name}</bdi> {signal.state === 'failed' ? 'as failed' : ''} (event {signal.seq}).{' '}
      {signal.expiresAt === null ? 'It stays until it is cleared. ' : ''}
      <HistoryOf name={signal.name} />
    </p>
  );
}

export function HistoryOf({ name }: { name: string }) {
  return <a href={`${pathOf({ screen: 'history' })}?${new URLSearchParams({ subject: name })}`}>Its history</a>;
}

export function ClearSignal({ name, close }: { name: string; close: () => void }) {
  const decidedOn = useMemo(() => places.get(name)?.signal ?? null, []);
  const signal = useRow(places, name)?.signal ?? null;
  useCell(waits);
  const settled = waits.value?.settled.get(`signal:${name}`) ?? [];
  const changed =
    signal === null
      ? 'It is not set any more: there is nothing to clear.'
      : signal.seq === decidedOn?.seq
        ? null
        : 'It was set anew since this was opened. Close this and look again.';
  return (
    <ActionDialog
      title={
        <>
          Clear the signal <bdi>{name}</bdi>?
        </>
      }
      verb="Clear it"
      going="Clearing it…"
      keep="Keep it"
      isHarmful
      overtaken={changed}
      act={async () => (places.get(name)?.signal?.seq === decidedOn?.seq ? api().deleteSignal(name) : null)}
      done={() => (
        <p>
          The server has cleared <bdi>{name}</bdi>. <HistoryOf name={name} />
        </p>
      )}
      close={close}
    >
      {decidedOn !== null && (
        <p>
          It was set{decidedOn.state === 'failed' ? ' as failed' : ''} by{' '}
          <Who by={decidedOn.by} holder={decidedOn.holder} />
          {decidedOn.at !== null && (
            <>
              {' '}
              <Since at={decidedOn.at} /> ago
            </>
          )}
          . Whoever waits for it from now on waits until it is set again; nobody is told.
        </p>
      )}
      {settled.length === 0 ? (
        <p>Nobody waits for it now.</p>
      ) : (
        <section>
          <p>
            {settled.length === 1 ? 'One has' : `${settled.length} have`} seen it and{' '}
            {settled.length === 1 ? 'waits' : 'wait'} for other things too; for them it stays seen:
          </p>
          <WaiterList waiters={settled} label="Who has seen it" />
        </section>
      )}
    </ActionDialog>
  );
}

// Looking after an environment: freeing slots that were left behind, and deleting it.
//
// Must always hold: only the slots that were shown are freed, and only the holders that were shown lose it.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Environment } from '../../../src/client/types.ts';
import { api } from '../api.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import { HistoryLink, plural, Reason, Who } from './fields.tsx';
import { openDialog, useGuard } from './frame.tsx';

/** Frees the slots whose holder went without releasing. Needs `force`. */
export function openClean(environment: Environment): void {
  openDialog((close) => <Clean opened={environment} close={close} />);
}

/** Needs `admin`; with a reason also under its holders. */
export function openDelete(environment: Environment): void {
  openDialog((close) => <Delete opened={environment} close={close} />);
}

function Clean({ opened, close }: { opened: Environment; close: () => void }) {
  const { name, dirty } = opened;
  const [reason, setReason] = useState('');
  const changed = (row: Environment): ComponentChildren =>
    row.dirty === dirty
      ? null
      : row.dirty === 0
        ? 'Somebody was faster: nothing is dirty there any more.'
        : `There are ${plural(row.dirty, 'dirty slot', 'dirty slots')} by now, not ${dirty}: look at them first.`;
  const { now, overtaken, guarded } = useGuard(name, changed);
  const waiting = now?.waiting ?? 0;
  return (
    <ActionDialog
      title={
        <>
          Is <bdi>{name}</bdi> clean again?
        </>
      }
      verb="It is clean"
      going="Freeing it…"
      keep="Not yet"
      overtaken={overtaken}
      act={() => guarded(() => api().clean(name, { reason: reason.trim() || null }))}
      done={() => (
        <>
          <p>{plural(dirty, 'slot is', 'slots are')} free again.</p>
          <HistoryLink subject={name} close={close} />
        </>
      )}
      close={close}
    >
      <p>
        {dirty === 1 ? 'Its holder went' : `The holders of ${dirty} slots went`} without releasing it, so what was left
        there must be looked at.{' '}
        {waiting > 0
          ? `Once it is free the first of ${plural(waiting, 'request', 'requests')} gets it.`
          : 'Nobody waits for it.'}
      </p>
      <Reason
        label={
          <>
            What was done <span class="second">(optional, for the history)</span>
          </>
        }
        value={reason}
        change={setReason}
      />
    </ActionDialog>
  );
}

function Delete({ opened, close }: { opened: Environment; close: () => void }) {
  const { name, held, waiting } = opened;
  const [reason, setReason] = useState('');
  const isUsed = held.length + waiting > 0;
  const holders = (row: Environment) => row.held.map(({ id }) => id).sort();
  const changed = (row: Environment): ComponentChildren =>
    String(holders(row)) === String(holders(opened)) && row.waiting <= waiting
      ? null
      : 'Others hold it, or wait for it, than when you decided. Nothing was done.';
  const { overtaken, guarded } = useGuard(name, changed);
  const query = isUsed ? { force: true, reason: reason.trim() } : {};
  return (
    <ActionDialog
      title={
        <>
          Delete <bdi>{name}</bdi>?
        </>
      }
      verb="Delete it"
      going="Deleting it…"
      keep="Keep"
      isHarmful
      isReady={!isUsed || reason.trim() !== ''}
      overtaken={overtaken}
      act={() => guarded(() => api().deleteEnvironment(name, query))}
      done={() => (
        <>
          <p>
            <bdi>{name}</bdi> was deleted.
          </p>
          <HistoryLink subject={name} close={close} />
        </>
      )}
      close={close}
    >
      {isUsed ? (
        <p>
          {held.length > 0 && (
            <>
              {held.map((lease, index) => (
                <span key={lease.id}>
                  {index > 0 && ', '}
                  <Who lease={lease} />
                </span>
              ))}{' '}
              {held.length === 1 ? 'loses' : 'lose'} it at once.{' '}
            </>
          )}
          {waiting > 0 &&
            `${plural(waiting, 'request that waits', 'requests that wait')} for it by name end, and their jobs fail.`}
        </p>
      ) : (
        <p>Nobody holds it and nobody waits for it.</p>
      )}
      <p>Its labels, limits and description are lost with it. Its history stays.</p>
      {isUsed && <Reason label="Reason (shown to all of them)" value={reason} change={setReason} />}
    </ActionDialog>
  );
}

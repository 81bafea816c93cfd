// Closing one environment and opening it again: drain, freeze, open.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Environment, EnvironmentChange } from '../../../src/client/types.ts';
import { api } from '../api.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import { HistoryLink, HowLongField, plural, Reason, Who } from './fields.tsx';
import { openDialog, useGuard } from './frame.tsx';
import { endOf, type HowLong } from './times.ts';

/** No new requests, and those that wait are sent away; holders go on. Needs `force`. */
export function openDrain(environment: Environment): void {
  openDialog((close) => <Close opened={environment} to="draining" close={close} />);
}

/** Nothing is granted until it ends; holders go on, requests wait. Needs `force`. */
export function openFreeze(environment: Environment): void {
  openDialog((close) => <Close opened={environment} to="frozen" close={close} />);
}

/** Ends a drain, or a freeze of its own. Needs `force`. */
export function openOpen(environment: Environment): void {
  openDialog((close) => <Open opened={environment} close={close} />);
}

/** What to say where somebody else has closed, opened or changed it; null where nobody has. */
function closedOtherwise(opened: Environment, now: Environment): ComponentChildren {
  const wasClosed = opened.state === 'drained' ? 'draining' : opened.state;
  const isClosed = now.state === 'drained' ? 'draining' : now.state;
  if (wasClosed === isClosed && opened.stateReason === now.stateReason && opened.stateBy === now.stateBy) return null;
  if (isClosed === 'open') return 'Somebody was faster: it is open again.';
  return (
    <>
      <bdi>{now.stateBy}</bdi> was faster: it is {isClosed === 'frozen' ? 'frozen' : 'being drained'} now
      {now.stateReason && (
        <>
          , “<bdi>{now.stateReason}</bdi>”
        </>
      )}
      .
    </>
  );
}

function Close({ opened, to, close }: { opened: Environment; to: 'draining' | 'frozen'; close: () => void }) {
  const { name } = opened;
  const isDrain = to === 'draining';
  const [reason, setReason] = useState('');
  const [howLong, setHowLong] = useState<HowLong>({ choice: isDrain ? 'none' : 'monday', at: '' });
  const { now, overtaken, guarded } = useGuard(name, (row) => closedOtherwise(opened, row));
  const end = endOf(howLong);
  const row = now ?? opened;
  const change: EnvironmentChange = {
    state: to,
    reason: reason.trim(),
    until: end == null ? null : new Date(end).toISOString(),
  };
  return (
    <ActionDialog
      title={
        <>
          {isDrain ? 'Drain' : 'Freeze'} <bdi>{name}</bdi>?
        </>
      }
      verb={isDrain ? 'Drain it' : 'Freeze it'}
      going={isDrain ? 'Draining it…' : 'Freezing it…'}
      keep="Leave it as it is"
      isHarmful
      isReady={reason.trim() !== '' && end !== undefined}
      overtaken={overtaken}
      act={() => guarded(() => api().changeEnvironment(name, change))}
      done={(answer) => (
        <>
          <p>
            {isDrain ? 'It takes no new requests.' : 'Nothing is granted there any more.'}{' '}
            {answer.held.length > 0 && `${plural(answer.held.length, 'holder goes', 'holders go')} on.`}
          </p>
          <HistoryLink subject={name} close={close} />
        </>
      )}
      close={close}
    >
      <p>
        <Holders environment={row} />{' '}
        {isDrain
          ? `New requests are refused${row.waiting > 0 ? `, and ${plural(row.waiting, 'that waits is', 'that wait are')} sent away now: their jobs fail` : ''}.`
          : `${row.waiting > 0 ? `${plural(row.waiting, 'request waits', 'requests wait')} on, in their order. ` : ''}Nobody new gets it until the freeze ends.`}
      </p>
      <Reason label="Reason (shown to everyone who wants it)" value={reason} change={setReason} />
      <HowLongField
        label="For how long"
        withoutEnd={isDrain ? 'until somebody opens it' : 'until somebody ends it'}
        value={howLong}
        change={setHowLong}
      />
    </ActionDialog>
  );
}

function Holders({ environment: { held } }: { environment: Environment }) {
  const [first] = held;
  if (first === undefined) return <>Nobody holds it.</>;
  return (
    <>
      <Who lease={first} />
      {held.length > 1 ? ` and ${held.length - 1} more hold it and go on.` : ' holds it and goes on.'}
    </>
  );
}

function Open({ opened, close }: { opened: Environment; close: () => void }) {
  const { name, stateBy, stateReason, state } = opened;
  const { now, overtaken, guarded } = useGuard(name, (row) => closedOtherwise(opened, row));
  const waiting = now?.waiting ?? 0;
  return (
    <ActionDialog
      title={
        <>
          Open <bdi>{name}</bdi> again?
        </>
      }
      verb="Open it"
      going="Opening it…"
      keep="Leave it closed"
      overtaken={overtaken}
      act={() => guarded(() => api().changeEnvironment(name, { state: 'open' }))}
      done={(answer) => (
        <>
          {answer.state === 'open' ? (
            <p>It is open.</p>
          ) : (
            <p>
              It has no freeze of its own any more, and is still held by the freeze <bdi>{answer.frozenBy?.[0]}</bdi>.
            </p>
          )}
          <HistoryLink subject={name} close={close} />
        </>
      )}
      close={close}
    >
      <p>
        <bdi>{stateBy ?? 'Somebody'}</bdi> {state === 'frozen' ? 'froze' : 'drains'} it
        {stateReason && (
          <>
            : “<bdi>{stateReason}</bdi>”
          </>
        )}
        .{' '}
        {waiting > 0
          ? `${plural(waiting, 'request waits', 'requests wait')}: the first gets it at once.`
          : 'Nobody waits for it.'}
      </p>
    </ActionDialog>
  );
}

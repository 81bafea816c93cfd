// Taking an environment away from whoever holds it, or a request out of the queue that is somebody else's, with a reason.
//
// Must always hold: it is about one lease by its id, never about whoever holds the environment by the time that one decides.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Environment, Lease, Revoked } from '../../../src/client/types.ts';
import { useMay } from '../access.ts';
import { api } from '../api.ts';
import { useAnswer } from '../ui/answer.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import { HolderName } from '../ui/holder.tsx';
import { Left, Moment, Since } from '../ui/time.tsx';
import { HistoryLink, HowLongField, keepOwnName, Names, OwnName, Reason, useOwnName, Who } from './fields.tsx';
import { openDialog, useGuard } from './frame.tsx';
import { keepMine } from './mine.ts';
import { endOf, type HowLong, secondsUntil } from './times.ts';

/** Needs `force` on every environment that the lease holds. */
export function openRevoke(lease: Lease, environment: string): void {
  openDialog((close) => <Revoke lease={lease} environment={environment} close={close} />);
}

interface Props {
  readonly lease: Lease;
  readonly environment: string;
  readonly close: () => void;
}

/** What to say where the lease is not held any more; null where it is. */
export function noLongerHeld(lease: Lease, now: Environment): ComponentChildren {
  const { held } = now;
  const still = held.find(({ id }) => id === lease.id);
  if (still !== undefined) {
    if (still.revoking === null || lease.revoking !== null) return null;
    return (
      <>
        <bdi>{still.revoking.by}</bdi> was faster and takes it away already: “<bdi>{still.revoking.reason}</bdi>”
      </>
    );
  }
  const [next] = held;
  return (
    <>
      <Who lease={lease} /> does not hold it any more.{' '}
      {next === undefined ? (
        'Nobody does now.'
      ) : (
        <>
          <Who lease={next} /> holds it now. Nothing was done to them.
        </>
      )}
    </>
  );
}

function Revoke({ lease, environment, close }: Props) {
  const may = useMay();
  const [reason, setReason] = useState('');
  const [isNow, setNow] = useState(false);
  const [isForMe, setForMe] = useState(false);
  const [name, setName] = useOwnName();
  const [howLong, setHowLong] = useState<HowLong>({ choice: 'none', at: '' });
  const { now, overtaken, guarded } = useGuard(environment, (row) => noLongerHeld(lease, row));
  const names = lease.granted.map((each) => each.environment);
  const end = endOf(howLong);
  const act = () =>
    guarded(async () => {
      const holder = { name: name.trim() || null };
      const steal = { holder, reason: reason.trim(), ttlSeconds: secondsUntil(end), queueSeconds: null };
      const passNow = isNow || lease.ttlSeconds === null;
      const body = { reason: reason.trim(), now: passNow, ...(isForMe && { steal }) };
      const answer = await api().revoke(lease.id, body);
      if (answer.ok && answer.value.stolen !== undefined) keepMine(answer.value.stolen, names);
      if (isForMe) keepOwnName(name);
      return answer;
    });
  return (
    <ActionDialog
      title={
        <>
          Take <Names names={names} /> away from <Who lease={lease} />?
        </>
      }
      verb="Take it away"
      going="Taking it away…"
      keep="Keep"
      isHarmful
      isReady={reason.trim() !== '' && (!isForMe || end !== undefined)}
      overtaken={overtaken}
      act={act}
      done={(answer) => <Done {...{ answer, lease, environment, close }} />}
      close={close}
    >
      <Hurt lease={lease} />
      <Next environment={environment} waiting={now?.waiting ?? 0} isForMe={isForMe} />
      <Reason
        label={
          <>
            Reason (shown to <Who lease={lease} />)
          </>
        }
        hint="prod incident, need uat now"
        value={reason}
        change={setReason}
      />
      {lease.ttlSeconds !== null && (
        <fieldset class="choices">
          <legend>It is passed on</legend>
          <label class="tick">
            <input type="radio" name="when" checked={!isNow} onChange={() => setNow(false)} />
            <span>
              when they have stopped{' '}
              {lease.expiresAt && (
                <span class="second">
                  (at the latest in <Left until={lease.expiresAt} />)
                </span>
              )}
            </span>
          </label>
          <label class="tick">
            <input type="radio" name="when" checked={isNow} onChange={() => setNow(true)} />
            <span>at once, though they may still be working</span>
          </label>
        </fieldset>
      )}
      {names.every((each) => may('acquire', each)) && (
        <label class="tick">
          <input type="checkbox" checked={isForMe} onChange={(event) => setForMe(event.currentTarget.checked)} />
          <span>and give it to me</span>
        </label>
      )}
      {isForMe && (
        <div class="fields">
          <OwnName value={name} change={setName} />
          <HowLongField label="For how long" withoutEnd="until I release it" value={howLong} change={setHowLong} />
        </div>
      )}
    </ActionDialog>
  );
}

function Hurt({ lease }: { lease: Lease }) {
  return (
    <div>
      <p>
        <HolderName holder={lease.holder} /> has had it for <Since at={lease.grantedAt ?? lease.queuedAt} />
        {lease.reason && (
          <>
            : “<bdi>{lease.reason}</bdi>”
          </>
        )}
        .{' '}
        {lease.ttlSeconds === null
          ? 'It has it until it releases it, so nobody can tell whether work still goes on there: it is passed on at once.'
          : 'Its command is stopped at once; the job fails with code 76 and shows your reason.'}
      </p>
      {lease.revoking !== null && (
        <p>
          <bdi>{lease.revoking.by}</bdi> takes it away already: “<bdi>{lease.revoking.reason}</bdi>”.
        </p>
      )}
    </div>
  );
}

/** Who gets it next. */
function Next({ environment, waiting, isForMe }: { environment: string; waiting: number; isForMe: boolean }) {
  const { value } = useAnswer(
    (client, signal) => client.leases({ environment, state: 'waiting', limit: 1 }, { signal }),
    `${environment} ${waiting}`,
  );
  const first = value?.items[0];
  if (waiting === 0 || first === undefined) return isForMe ? null : <p>Nobody waits for it.</p>;
  if (isForMe)
    return (
      <p>
        You get it before <Who lease={first} />
        {waiting > 1 && ` and ${waiting - 1} more`}, who wait for it.
      </p>
    );
  return (
    <p>
      Next in line is <Who lease={first} />
      {waiting > 1 && `, and ${waiting - 1} more wait`}.
    </p>
  );
}

function Done(props: Props & { answer: Revoked }) {
  const { answer, lease, environment, close } = props;
  const { stolen, warning } = answer;
  const isOver = answer.lease.state !== 'held';
  return (
    <>
      <p>
        {isOver ? (
          <>
            It was taken away from <Who lease={lease} />.
          </>
        ) : (
          <>
            It is being taken away from <Who lease={lease} />: it is passed on when they have stopped
            {answer.lease.expiresAt && (
              <>
                , at <Moment at={answer.lease.expiresAt} /> at the latest
              </>
            )}
            .
          </>
        )}{' '}
        {stolen?.state === 'held' && 'It is yours.'}
        {stolen?.state === 'waiting' && 'You are next. Keep this tab open: it keeps your place.'}
      </p>
      {warning !== undefined && <p>{warning}</p>}
      <HistoryLink subject={environment} close={close} />
    </>
  );
}

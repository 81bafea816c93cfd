// Reserving an environment for a person: a lease without a command. Its secret stays in this browser (mine.ts).
//
// Must always hold: what was free when one decided is taken only if it is still free; to wait for it is said and chosen.

import { useRef, useState } from 'preact/hooks';
import type { Outcome } from '../../../src/client/outcome.ts';
import type { Environment, Lease, LeaseRequest } from '../../../src/client/types.ts';
import { api } from '../api.ts';
import { useRow } from '../live/rows.ts';
import { environments } from '../live/tables.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import { Moment, Since } from '../ui/time.tsx';
import { HistoryLink, HowLongField, keepOwnName, OwnName, plural, Reason, useOwnName, Who } from './fields.tsx';
import { openDialog } from './frame.tsx';
import { keepMine } from './mine.ts';
import { endOf, type HowLong, secondsUntil } from './times.ts';

/** Needs `acquire` on it. */
export function openReserve(environment: Environment): void {
  openDialog((close) => <Reserve opened={environment} close={close} />);
}

function Reserve({ opened, close }: { opened: Environment; close: () => void }) {
  const now = useRow(environments, opened.name) ?? opened;
  const { name } = opened;
  const [reason, setReason] = useState('');
  const [owner, setOwner] = useOwnName();
  const [howLong, setHowLong] = useState<HowLong>({ choice: '1h', at: '' });
  const [sawTaken, setSawTaken] = useState(false);
  const ask = useAsk();
  const end = endOf(howLong);
  const isFree = isFreeNow(now) && !sawTaken;
  const isClosed = now.state === 'draining' || now.state === 'drained';
  const act = async () => {
    const request: LeaseRequest = {
      environment: name,
      holder: { name: owner.trim() || null },
      reason: reason.trim() || null,
      ttlSeconds: secondsUntil(end),
      queueSeconds: isFree ? 0 : null,
    };
    const answer = await ask(request);
    if (answer.ok) {
      keepMine(answer.value, [name]);
      keepOwnName(owner);
    } else if (answer.kind === 'problem' && answer.problem.code === 'environment_busy') setSawTaken(true);
    return answer;
  };
  return (
    <ActionDialog
      title={
        <>
          Reserve <bdi>{name}</bdi> for yourself
        </>
      }
      verb={isFree ? 'Reserve' : 'Wait for it'}
      going={isFree ? 'Reserving…' : 'Asking…'}
      keep="Cancel"
      isReady={end !== undefined}
      overtaken={isClosed ? 'It is being drained, and takes no new requests.' : null}
      act={act}
      done={(lease) => <Done lease={lease} name={name} close={close} />}
      close={close}
    >
      <Standing environment={now} isFree={isFree} />
      <Reason
        label={
          <>
            Reason <span class="second">(optional, shown on the board)</span>
          </>
        }
        value={reason}
        change={setReason}
      />
      <OwnName value={owner} change={setOwner} />
      <HowLongField label="For how long" withoutEnd="until I release it" value={howLong} change={setHowLong} />
      {now.maxHoldSeconds !== null && (
        <p class="second small">
          Nobody may hold it for longer than {plural(now.maxHoldSeconds, 'second', 'seconds')}.
        </p>
      )}
    </ActionDialog>
  );
}

function isFreeNow({ state, free, waiting }: Environment): boolean {
  return state === 'open' && free > 0 && waiting === 0;
}

function Standing({ environment, isFree }: { environment: Environment; isFree: boolean }) {
  const { held, waiting, state, stateReason, dirty } = environment;
  if (isFree) return <p>It is free: you have it at once.</p>;
  const [holder] = held;
  return (
    <div>
      <p>
        {state === 'frozen' ? (
          <>
            It is frozen
            {stateReason && (
              <>
                : “<bdi>{stateReason}</bdi>”
              </>
            )}
            .{' '}
          </>
        ) : holder !== undefined ? (
          <>
            <Who lease={holder} />
            {held.length > 1 && ` and ${held.length - 1} more`} {held.length > 1 ? 'have' : 'has'} had it
            {holder.grantedAt && (
              <>
                {' '}
                for <Since at={holder.grantedAt} />
              </>
            )}
            .{' '}
          </>
        ) : dirty > 0 ? (
          'It was left dirty, and must be cleaned first. '
        ) : (
          'It is not free. '
        )}
        You wait in line{waiting > 0 ? ` behind ${waiting}` : ', as the first'}.
      </p>
      <p>Keep this tab open while you wait: it keeps your place. The time counts from when you get it.</p>
    </div>
  );
}

function Done({ lease, name, close }: { lease: Lease; name: string; close: () => void }) {
  return (
    <>
      {lease.state === 'held' ? (
        <p>
          <bdi>{name}</bdi> is yours
          {lease.expiresAt === null ? (
            ' until you release it'
          ) : (
            <>
              {' '}
              until <Moment at={lease.expiresAt} />
            </>
          )}
          . You can release it on the board, from this browser.
        </p>
      ) : (
        <p>
          You wait for <bdi>{name}</bdi>
          {lease.position !== null && `, as number ${lease.position} in line`}. The board says when it is yours. Keep
          this tab open: it keeps your place.
        </p>
      )}
      <HistoryLink subject={name} close={close} />
    </>
  );
}

/**
 * Asks under a key of its own. The same wish that was not answered is sent as it was, under its old key: it may have been carried
 * out.
 */
function useAsk(): (request: LeaseRequest) => Promise<Outcome<Lease>> {
  const unanswered = useRef<{ wish: string; request: LeaseRequest; idempotencyKey: string } | null>(null);
  return async (request) => {
    // The seconds that are left run on; the wish is the same.
    const wish = JSON.stringify({ ...request, ttlSeconds: request.ttlSeconds === null });
    const again = unanswered.current?.wish === wish ? unanswered.current : null;
    const asked = again ?? { wish, request, idempotencyKey: randomKey() };
    const answer = await api().acquire(asked.request, { idempotencyKey: asked.idempotencyKey });
    unanswered.current = !answer.ok && answer.kind === 'unreachable' ? asked : null;
    return answer;
  };
}

/** Not `crypto.randomUUID`: that is there on https and on localhost only. */
function randomKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

// What can be done to a build: cancel it, or ask for the same again.

import { useState } from 'preact/hooks';
import type { Build } from '../../../src/client/types-machines.ts';
import { openDialog } from '../actions/frame.tsx';
import { api } from '../api.ts';
import { useCell } from '../cell.ts';
import { useRow } from '../live/rows.ts';
import { builds, environments, jobs } from '../live/tables.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import type { MenuItem } from '../ui/menu.tsx';
import { Field, given } from './fields.tsx';
import { Holders, holdersOf, leaseIds } from './holders.tsx';
import { isOwn, mayAll } from './may.ts';
import { buildPath, hasFailed, jobOfBuild, machines, nameOf, thereOf } from './model.ts';
import { openNewBuild } from './new-build.tsx';
import { hasDriver } from './rows.ts';

/** What this person may do to it now. */
export function actionsOnBuild(build: Build): readonly MenuItem[] {
  if (!mayAll('build')) return [];
  return [
    ...(canCancel(build) ? [{ label: 'Cancel…', run: () => openCancelBuild(build) }] : []),
    ...(isOver(build) && hasDriver() ? [{ label: 'Try again…', run: () => openNewBuild(build) }] : []),
    // The clipboard is there on https and on localhost only.
    ...(navigator.clipboard === undefined
      ? []
      : [
          {
            label: 'Copy link',
            run: () => void navigator.clipboard.writeText(location.origin + buildPath(build.id)),
          },
        ]),
  ];
}

const isOver = (build: Build): boolean => hasFailed(build) || build.state === 'cancelled';

/** Again too, where what could not be ended was given up. */
function canCancel(build: Build): boolean {
  if (build.state === 'cancelled') return false;
  if (build.cancelling !== null) return jobOfBuild([...jobs.all()], build.id)?.state === 'dead';
  return build.state === 'pending' || build.state === 'building' || thereOf(build).length > 0;
}

export function openCancelBuild(build: Build): void {
  openDialog((close) => <CancelBuild asked={build} close={close} />);
}

const holdsText = (build: Build): string => build.instances.map((each) => leaseIds(holdersOf(each))).join(' ');

function CancelBuild({ asked, close }: { asked: Build; close: () => void }) {
  const [reason, setReason] = useState('');
  const [heldAtFirst] = useState(() => holdsText(asked));
  useCell(environments.version);
  const now = useRow(builds, asked.id);
  const build = now ?? asked;
  const there = thereOf(build);
  const held = there.filter((each) => holdersOf(each).length > 0);
  const isNeeded = there.length > 0 || !isOwn(asked.by);
  const overtaken =
    now === null
      ? 'It is no longer known here.'
      : !canCancel(now)
        ? 'It was cancelled meanwhile, or is over.'
        : holdsText(now) !== heldAtFirst
          ? 'Others hold its machines now than when this was opened. Close this and look again.'
          : null;
  return (
    <ActionDialog
      title={
        <>
          Cancel build <bdi>{asked.id}</bdi>?
        </>
      }
      verb="Cancel the build"
      going="Cancelling…"
      keep="Keep"
      isHarmful
      isReady={!isNeeded || given(reason) !== undefined}
      overtaken={overtaken}
      act={() => api().cancelBuild(asked.id, { ...(given(reason) && { reason: given(reason) as string }) })}
      close={close}
      done={(after) => (
        <>
          Build <bdi>{after.id}</bdi> is {after.state === 'cancelled' ? 'cancelled' : 'being cancelled'}
          {thereOf(after).length > 0 && <>: {machines(thereOf(after).length)} being ended</>}.
        </>
      )}
    >
      <p>
        {there.length === 0 ? (
          'It has no machine yet, and will have none.'
        ) : (
          <>
            {machines(there.length)} of {build.count} {there.length === 1 ? 'ends' : 'end'}:{' '}
            <bdi>{there.slice(0, 8).map(nameOf).join(', ')}</bdi>
            {there.length > 8 && ` and ${there.length - 8} more`}. What runs on {there.length === 1 ? 'it' : 'them'} is
            stopped.
          </>
        )}{' '}
        {!isOwn(asked.by) && (
          <>
            It was asked for by <bdi>{asked.by}</bdi>
            {asked.pool !== null && (
              <>
                {' '}
                for the pool <bdi>{asked.pool}</bdi>, which asks for another one while it needs it
              </>
            )}
            .
          </>
        )}
      </p>
      {held.map((each) => (
        <p key={each.id}>
          <bdi>{nameOf(each)}</bdi> is held by <Holders leases={holdersOf(each)} />, who loses it at once and is shown
          the reason.
        </p>
      ))}
      <Field
        label={isNeeded ? 'Reason' : 'Reason (if you like)'}
        value={reason}
        change={setReason}
        placeholder="wrong branch"
        isFirst
      />
    </ActionDialog>
  );
}

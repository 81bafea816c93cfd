// The release freeze: everything, or all that carries some labels, also what is made later. And its end.
//
// Must always hold: a freeze that is on is never replaced by one that happens to have its name.

import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Freeze, Labels } from '../../../src/client/types.ts';
import { labelsMatch, selectorText } from '../../../src/core/selectors.ts';
import { api } from '../api.ts';
import { useCell } from '../cell.ts';
import { useRow } from '../live/rows.ts';
import { environments, freezes } from '../live/tables.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import { Moment, Since } from '../ui/time.tsx';
import { HistoryLink, HowLongField, plural, Reason } from './fields.tsx';
import { openDialog } from './frame.tsx';
import { endOf, type HowLong } from './times.ts';

/** `labels`: what the board shows now, offered beside everything. Needs `force` without limits. */
export function openFreezeAll(labels: Labels): void {
  openDialog((close) => <FreezeAll labels={labels} close={close} />);
}

export function openEndFreeze(freeze: Freeze): void {
  openDialog((close) => <EndFreeze opened={freeze} close={close} />);
}

function FreezeAll({ labels, close }: { labels: Labels; close: () => void }) {
  useEffect(() => {
    environments.want();
    freezes.want();
  }, []);
  const version = useCell(environments.version);
  const known = useCell(freezes.version);
  const isFiltered = Object.keys(labels).length > 0;
  const [isAll, setAll] = useState(!isFiltered);
  const chosen = isAll ? {} : labels;
  const [reason, setReason] = useState('');
  const [howLong, setHowLong] = useState<HowLong>({ choice: 'monday', at: '' });
  const [overtaken, setOvertaken] = useState<ComponentChildren>(null);
  const offered = useMemo(() => freeName(chosen), [isAll, known]);
  const [typed, setTyped] = useState<string | null>(null);
  const name = (typed ?? offered).trim();
  const taken = freezes.get(name);
  const end = endOf(howLong);
  const hit = useMemo(() => hitBy(chosen), [isAll, version]);
  const act = async () => {
    const answer = await api().freezes({ limit: 500 });
    if (!answer.ok) return answer;
    const other = answer.value.items.find((each) => each.name === name);
    if (other !== undefined) {
      setOvertaken(<Taken freeze={other} />);
      return null;
    }
    const until = end == null ? null : new Date(end).toISOString();
    return api().putFreeze(name, { labels: chosen, reason: reason.trim(), until });
  };
  return (
    <ActionDialog
      title="Freeze: nobody new gets in"
      verb={isAll ? 'Freeze everything' : 'Freeze these'}
      going="Freezing…"
      keep="Cancel"
      isHarmful
      isReady={reason.trim() !== '' && end !== undefined && name !== '' && taken === null}
      overtaken={overtaken}
      act={act}
      done={(freeze) => (
        <>
          <p>
            The freeze <bdi>{freeze.name}</bdi> is on
            {freeze.until === null ? (
              ' until somebody ends it.'
            ) : (
              <>
                {' '}
                until <Moment at={freeze.until} />.
              </>
            )}
          </p>
          <HistoryLink subject={freeze.name} close={close} />
        </>
      )}
      close={close}
    >
      {isFiltered && (
        <fieldset class="choices">
          <legend>What is frozen</legend>
          <label class="tick">
            <input type="radio" name="what" checked={!isAll} onChange={() => setAll(false)} />
            <span>
              only <bdi>{selectorText(labels)}</bdi>
            </span>
          </label>
          <label class="tick">
            <input type="radio" name="what" checked={isAll} onChange={() => setAll(true)} />
            <span>everything</span>
          </label>
        </fieldset>
      )}
      <p>
        {plural(hit.count, 'environment is', 'environments are')} frozen, and those that are made later
        {!isAll && ' with these labels'}.{' '}
        {hit.held > 0 && `${plural(hit.held, 'job that holds one goes', 'jobs that hold one go')} on. `}
        {hit.waiting > 0 && `${plural(hit.waiting, 'request waits', 'requests wait')} until it ends, in their order.`}
      </p>
      <Reason label="Reason (shown to everyone who waits)" value={reason} change={setReason} />
      <HowLongField label="For how long" withoutEnd="until somebody ends it" value={howLong} change={setHowLong} />
      <label>
        Name of the freeze
        <input
          maxLength={200}
          autocomplete="off"
          value={typed ?? offered}
          aria-invalid={taken !== null}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      {taken !== null && (
        <p class="error-text" role="alert">
          <Taken freeze={taken} />
        </p>
      )}
    </ActionDialog>
  );
}

function Taken({ freeze }: { freeze: Freeze }) {
  return (
    <>
      <bdi>{freeze.by}</bdi> has a freeze of this name already: “<bdi>{freeze.reason}</bdi>”. Nothing was done; give
      yours another name.
    </>
  );
}

/** `release-freeze`, or with the labels in it; with a number where it is taken. */
function freeName(labels: Labels): string {
  const base = ['freeze', ...Object.values(labels)].join('-').slice(0, 180);
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (freezes.get(name) === null) return name;
  }
}

/** What a freeze of these labels stops. */
function hitBy(labels: Labels): { count: number; held: number; waiting: number } {
  const hit = { count: 0, held: 0, waiting: 0 };
  for (const row of environments.all()) {
    if (!labelsMatch(labels, row.labels)) continue;
    hit.count++;
    hit.held += row.held.length;
    hit.waiting += row.waiting;
  }
  return hit;
}

/** Who has frozen what, and why. */
export function FreezeWords({ freeze }: { freeze: Freeze }) {
  const labels = selectorText(freeze.labels);
  return (
    <>
      {labels === '' ? 'Everything' : <bdi>{labels}</bdi>} is frozen by <bdi>{freeze.by}</bdi> for{' '}
      <Since at={freeze.at} />: “<bdi>{freeze.reason}</bdi>”
      {freeze.until === null ? (
        ', until somebody ends it'
      ) : (
        <>
          , until <Moment at={freeze.until} />
        </>
      )}
    </>
  );
}

function EndFreeze({ opened, close }: { opened: Freeze; close: () => void }) {
  useEffect(() => {
    environments.want();
    freezes.want();
  }, []);
  const { name } = opened;
  const now = useRow(freezes, name);
  const { state } = useCell(freezes.loading);
  const [said, setSaid] = useState<ComponentChildren>(null);
  const overtaken = said ?? (state === 'ready' ? changed(opened, now) : null);
  const { waiting } = hitBy(opened.labels);
  const act = async () => {
    const answer = await api().freezes({ limit: 500 });
    if (!answer.ok) return answer;
    const why = changed(opened, answer.value.items.find((each) => each.name === name) ?? null);
    if (why === null) return api().deleteFreeze(name);
    setSaid(why);
    return null;
  };
  return (
    <ActionDialog
      title={
        <>
          End the freeze <bdi>{name}</bdi>?
        </>
      }
      verb="End it"
      going="Ending it…"
      keep="Leave it on"
      overtaken={overtaken}
      act={act}
      done={() => (
        <>
          <p>The freeze is over.</p>
          <HistoryLink subject={name} close={close} />
        </>
      )}
      close={close}
    >
      <p>
        <FreezeWords freeze={opened} />.
      </p>
      <p>
        {waiting > 0
          ? `${plural(waiting, 'request has', 'requests have')} waited there: whoever can be let in is let in at once.`
          : 'Nobody waits there.'}
      </p>
    </ActionDialog>
  );
}

/** What to say where the freeze is over, or another one; null where it is as it was. */
function changed(opened: Freeze, now: Freeze | null): ComponentChildren {
  if (now === null) return 'It is over already.';
  const isSame = now.at === opened.at && now.reason === opened.reason && now.until === opened.until;
  if (isSame) return null;
  return (
    <>
      It is another one now, by <bdi>{now.by}</bdi>: “<bdi>{now.reason}</bdi>”. Nothing was done.
    </>
  );
}

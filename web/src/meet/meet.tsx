// Meeting places: signals, barriers, probes, and who waits for them; what failed, and what was waited for in vain.

import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Barrier } from '../../../src/client/types.ts';
import { person, useMay } from '../access.ts';
import { Ghosts } from '../board/ghosts.tsx';
import { useCell } from '../cell.ts';
import { barriers, signals } from '../live/tables.ts';
import { go, place as here, replaceSearch } from '../router.ts';
import { DataTable, type Line } from '../ui/data-table.tsx';
import type { MenuItem } from '../ui/menu.tsx';
import { Problem } from '../ui/problem.tsx';
import { useMedia } from '../ui/window.ts';
import { BarrierDialog, CancelBarrier, ForgetBarrier } from './barrier-dialogs.tsx';
import { barrierCard, barrierColumns, barrierId } from './barriers.tsx';
import { barriersByNeed, byNeed, type Place, places, seesLittle } from './places.ts';
import { ClearSignal, SetSignal } from './signal-actions.tsx';
import { SignalDialog } from './signal-dialog.tsx';
import { signalCard, signalColumns } from './signals.tsx';
import { InVain, Others, otherWaits, Probes } from './tables.tsx';
import { askWaitsAgain, waits, waitsFailure, watchWaits } from './waits.ts';
import './meet.css';

/** Which dialog is open. */
type Opened =
  | { readonly what: 'signal' | 'clear'; readonly name: string }
  | { readonly what: 'set'; readonly name: string | null }
  | { readonly what: 'barrier' | 'cancel' | 'forget'; readonly id: string };

export function Meet() {
  useEffect(() => {
    signals.want();
    barriers.want();
    return watchWaits(() => {
      if (seesLittle()) void signals.load();
    });
  }, []);
  const [opened, setOpened] = useState<Opened | null>(null);
  const close = () => setOpened(null);
  const may = useMay();
  const who = useCell(person);
  const { search } = useCell(here);
  const text = new URLSearchParams(search).get('q') ?? '';
  const signalsLoading = useCell(signals.loading);
  const barriersLoading = useCell(barriers.loading);
  const signalsVersion = useCell(signals.version);
  const barriersVersion = useCell(barriers.version);
  const known = useCell(waits);
  const failure = useCell(waitsFailure);
  const isShown = (...names: readonly string[]) => matches(text, names);

  const shownSignals = useMemo(
    () =>
      places
        .all()
        .filter((place) => isShown(place.name, place.signal?.holder.name ?? '', place.signal?.by ?? ''))
        .sort(byNeed)
        .map(({ name }): Line => ({ key: name, kind: 'row', id: name })),
    [signalsVersion, known, text],
  );
  const shownBarriers = useMemo(
    () =>
      [...barriers.all()]
        .filter((barrier) => isShown(barrier.name, barrier.generation))
        .sort(barriersByNeed)
        .map((barrier): Line => ({ key: barrierId(barrier), kind: 'row', id: barrierId(barrier) })),
    [barriersVersion, text],
  );
  const signalItems = (place: Place): readonly MenuItem[] => [
    ...(may('signal', place.name)
      ? [
          { label: 'Set…', run: () => setOpened({ what: 'set', name: place.name }) },
          ...(place.signal === null
            ? []
            : [{ label: 'Clear…', run: () => setOpened({ what: 'clear', name: place.name }) }]),
        ]
      : []),
    { label: 'History', run: () => history(place.name) },
  ];
  const barrierItems = (barrier: Barrier): readonly MenuItem[] => [
    ...(may('signal', barrier.name)
      ? [
          barrier.state === 'waiting'
            ? { label: 'Break…', run: () => setOpened({ what: 'cancel', id: barrierId(barrier) }) }
            : { label: 'Forget…', run: () => setOpened({ what: 'forget', id: barrierId(barrier) }) },
        ]
      : []),
    { label: 'History', run: () => history(barrier.name) },
  ];
  const look = useMemo(
    () => ({
      signal: (name: string) => setOpened({ what: 'signal', name }),
      barrier: (id: string) => setOpened({ what: 'barrier', id }),
    }),
    [],
  );
  const ofSignals = useMemo(
    () =>
      signalColumns({
        look: look.signal,
        items: signalItems,
        set: (name) => (may('signal', name) ? () => setOpened({ what: 'set', name }) : null),
      }),
    [who],
  );
  const ofBarriers = useMemo(() => barrierColumns({ look: look.barrier, items: barrierItems }), [who]);
  const cards = useMemo(() => ({ signal: signalCard(look.signal), barrier: barrierCard(look.barrier) }), []);
  const table = { question: search, sorting: null, onSort: () => undefined };
  const probes = known?.probes.filter(({ target }) => isShown(target)) ?? [];
  const inVain = known?.timedOut.filter(({ target, by, holder }) => isShown(target, by, holder.name ?? '')) ?? [];
  const others = useMemo(() => otherWaits(known?.open ?? []), [known]).filter(({ conditions, by, holder }) =>
    isShown(...conditions.map(({ target }) => target), by, holder.name ?? ''),
  );
  const nothing = text === '' ? null : <p class="second">None matches.</p>;
  return (
    <>
      <div class="meet-head">
        <h1>Meeting places</h1>
        <Search text={text} />
        {may('signal', null) && (
          <button type="button" onClick={() => setOpened({ what: 'set', name: null })}>
            Set a signal…
          </button>
        )}
      </div>
      {failure !== null && <Problem what="Who waits could not be asked." failure={failure} again={askWaitsAgain} />}
      {known?.isCut && <p class="second">More wait than are looked at here: the first {known.open.length}.</p>}
      <Sections>
        {[
          section('Signals', shownSignals.length, signalsLoading, () => void signals.load(), [
            shownSignals.length > 0 ? (
              <DataTable
                {...table}
                label="Signals"
                rows={places}
                lines={shownSignals}
                columns={ofSignals}
                card={cards.signal}
                gone={(name) => `${name} is no longer set, and nobody waits for it`}
              />
            ) : (
              (nothing ?? (
                <p class="second">
                  None is set or waited for. A job sets one with <code>signalbox signal set NAME</code>.
                </p>
              ))
            ),
          ]),
          section('Barriers', shownBarriers.length, barriersLoading, () => void barriers.load(), [
            shownBarriers.length > 0 ? (
              <DataTable
                {...table}
                label="Barriers"
                rows={barriers}
                lines={shownBarriers}
                columns={ofBarriers}
                card={cards.barrier}
                gone={(id) => `${id.replace('\t', ' · ')} was forgotten`}
              />
            ) : (
              (nothing ?? (
                <p class="second">
                  None. Jobs meet with <code>signalbox barrier NAME --parties 3</code>.
                </p>
              ))
            ),
          ]),
          section('Probes', probes.length, null, null, [
            probes.length > 0 ? <Probes rows={probes} /> : (nothing ?? <p class="second">Nothing is being tried.</p>),
            cut(known?.probes.length, known?.probesCount),
          ]),
          ...(others.length > 0
            ? [
                section('Waits for environments, leases and machines', others.length, null, null, [
                  <Others key="others" rows={others.slice(0, 100)} />,
                  cut(Math.min(others.length, 100), others.length),
                ]),
              ]
            : []),
          section('Timed out in the last hour', inVain.length, null, null, [
            inVain.length > 0 ? <InVain rows={inVain} /> : (nothing ?? <p class="second">Nobody waited in vain.</p>),
            cut(known?.timedOut.length, known?.timedOutCount),
          ]),
        ]}
      </Sections>
      {opened?.what === 'signal' && <SignalDialog name={opened.name} items={signalItems} close={close} />}
      {opened?.what === 'set' && <SetSignal name={opened.name} close={close} />}
      {opened?.what === 'clear' && <ClearSignal name={opened.name} close={close} />}
      {opened?.what === 'barrier' && <BarrierDialog id={opened.id} items={barrierItems} close={close} />}
      {opened?.what === 'cancel' && <CancelBarrier id={opened.id} close={close} />}
      {opened?.what === 'forget' && <ForgetBarrier id={opened.id} close={close} />}
    </>
  );
}

function history(subject: string): void {
  go({ screen: 'history' }, `?${new URLSearchParams({ subject }).toString()}`);
}

function matches(text: string, names: readonly string[]): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const all = names.join('\n').toLowerCase();
  return words.every((word) => all.includes(word));
}

function cut(shown = 0, all = 0): ComponentChildren {
  return all > shown ? (
    <p class="second">
      The latest {shown} of {all}.
    </p>
  ) : null;
}

interface Section {
  readonly title: string;
  readonly count: number;
  readonly content: ComponentChildren;
}

function section(
  title: string,
  count: number,
  loading: typeof signals.loading.value | null,
  again: (() => void) | null,
  content: readonly ComponentChildren[],
): Section {
  const isFirst = count === 0 && (loading?.state === 'idle' || loading?.state === 'loading');
  return {
    title,
    count,
    content: (
      <>
        {loading?.state === 'failed' && again !== null && (
          <Problem what={`${title} could not be loaded.`} failure={loading.failure} again={again} />
        )}
        {isFirst ? <Ghosts columns={6} /> : loading?.state === 'failed' && count === 0 ? null : content}
      </>
    ),
  };
}

/** On a phone one at a time is open. */
function Sections({ children }: { children: readonly Section[] }) {
  const isPhone = useMedia('(max-width: 639px)');
  const [openOne, setOpenOne] = useState<string | null>('Signals');
  return (
    <>
      {children.map(({ title, count, content }) => {
        const id = `section-${title.replaceAll(' ', '-')}`;
        const isOpen = !isPhone || openOne === title;
        return (
          <section key={title} class="meet-section" aria-labelledby={id}>
            <h2 id={id}>
              {isPhone ? (
                <button
                  type="button"
                  class="plain fold"
                  aria-expanded={isOpen}
                  onClick={() => setOpenOne(isOpen ? null : title)}
                >
                  <span aria-hidden="true">{isOpen ? '▾ ' : '▸ '}</span>
                  {title} ({count})
                </button>
              ) : (
                `${title} (${count})`
              )}
            </h2>
            {isOpen && content}
          </section>
        );
      })}
    </>
  );
}

function Search({ text }: { text: string }) {
  const [typed, setTyped] = useState(text);
  useEffect(() => {
    if (typed.trim() !== text) setTyped(text);
  }, [text]);
  return (
    <input
      type="search"
      data-search
      aria-label="Search name, holder, target"
      placeholder="/ search name, holder, target"
      value={typed}
      autocomplete="off"
      spellcheck={false}
      onInput={(event) => {
        const { value } = event.currentTarget;
        setTyped(value);
        replaceSearch(value.trim() === '' ? '' : `?${new URLSearchParams({ q: value.trim() }).toString()}`);
      }}
    />
  );
}

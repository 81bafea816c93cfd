// What the history is narrowed to: about what, by whom, which kind, when. All of it stands in the address.

import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { parseDuration } from '../../../src/cli/text/durations.ts';
import type { HistoryEvent } from '../../../src/client/types.ts';
import { environments } from '../live/tables.ts';
import { zoneOf } from './cells.tsx';
import { fieldOf, momentOfField, type Question } from './query.ts';
import { families, knownKinds } from './words.ts';

const spans = [
  ['', 'ever'],
  ['1h', 'last hour'],
  ['24h', 'last 24 hours'],
  ['7d', 'last 7 days'],
  ['30d', 'last 30 days'],
] as const;
const offeredNames = 200;

interface Props {
  readonly question: Question;
  readonly ask: (change: Partial<Question>) => void;
  readonly items: readonly HistoryEvent[];
}

export function Filters({ question, ask, items }: Props) {
  const { subject, actor, kind, lease } = question;
  const subjects = new Set([...environments.all()].map(({ name }) => name));
  for (const event of items) subjects.add(event.subject);
  const actors = new Set(items.map((event) => event.actor));
  return (
    <search class="history-filters">
      <Field title="About" value={subject} offered={subjects} isFirst choose={(value) => ask({ subject: value })} />
      <Field title="By" value={actor} offered={actors} choose={(value) => ask({ actor: value })} />
      <label>
        Kind
        <select value={kind} onChange={(event) => ask({ kind: event.currentTarget.value })}>
          <option value="">all</option>
          {kind !== '' && !knownKinds().includes(kind) && (
            <option value={kind} selected>
              {kind}
            </option>
          )}
          {families.map(({ name, title, kinds }) => (
            <optgroup key={name} label={title}>
              <option value={name} selected={kind === name}>
                {title}: all
              </option>
              {kinds.map((each) => (
                <option key={each} value={name + each} selected={kind === name + each}>
                  {name + each}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </label>
      <Times question={question} ask={ask} />
      {lease !== '' && (
        <button
          type="button"
          class="chip"
          aria-label={`No longer only lease ${lease}`}
          onClick={() => ask({ lease: '' })}
        >
          lease <bdi>{lease}</bdi> ×
        </button>
      )}
    </search>
  );
}

/** Asked with Enter, or when the field is left: names are compared as a whole. */
function Field(props: {
  title: string;
  value: string;
  offered: ReadonlySet<string>;
  isFirst?: boolean;
  choose: (value: string) => void;
}) {
  const { title, value, offered, isFirst = false, choose } = props;
  const list = `names-${title}`;
  const field = useShown(value);
  return (
    <label>
      {title}
      <input
        ref={field}
        type="search"
        {...(isFirst && { 'data-search': true })}
        list={list}
        placeholder={isFirst ? '/ a whole name' : 'a whole name'}
        autocomplete="off"
        spellcheck={false}
        onChange={(event) => choose(event.currentTarget.value.trim())}
      />
      <datalist id={list}>
        {[...offered].slice(0, offeredNames).map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  );
}

/** A field that shows what is asked whenever that changes, and what is typed until then. */
function useShown(value: string) {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (field.current !== null) field.current.value = value;
  }, [value]);
  return field;
}

function Times({ question: { since, until }, ask }: Omit<Props, 'items'>) {
  const isSpan = until === '' && spans.some(([span]) => span === since);
  const isAgo = until === '' && !isSpan && parseDuration(since) !== null;
  const [isOpen, setOpen] = useState(false);
  const isCustom = !isSpan && !isAgo;
  const choose = (value: string) => {
    setOpen(value === 'custom');
    if (value !== 'custom') ask({ since: value, until: '' });
  };
  const zone = zoneOf(new Date());
  return (
    <>
      <label>
        When
        <select value={isOpen || isCustom ? 'custom' : since} onChange={(event) => choose(event.currentTarget.value)}>
          {spans.map(([span, title]) => (
            <option key={span} value={span} selected={!isOpen && isSpan && span === since}>
              {title}
            </option>
          ))}
          {isAgo && (
            <option value={since} selected>
              last {since}
            </option>
          )}
          <option value="custom" selected={isOpen || isCustom}>
            from … to …
          </option>
        </select>
      </label>
      {(isOpen || isCustom) && (
        <>
          <Moment title={`From (${zone})`} value={since} choose={(value) => ask({ since: value })} />
          <Moment title={`To (${zone})`} value={until} choose={(value) => ask({ until: value })} />
        </>
      )}
    </>
  );
}

function Moment({ title, value, choose }: { title: string; value: string; choose: (value: string) => void }) {
  const isNumber = /^\d+$/.test(value);
  const field = useShown(fieldOf(value));
  return (
    <label>
      {title}
      {isNumber && <span class="second">event {value}, or</span>}
      <input ref={field} type="datetime-local" onChange={(event) => choose(momentOfField(event.currentTarget.value))} />
    </label>
  );
}

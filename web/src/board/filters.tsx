// The search and the filters of the board. All of it stands in the address, so that it can be sent to somebody.

import { useId, useState } from 'preact/hooks';
import type { Environment } from '../../../src/client/types.ts';
import type { Pool } from '../../../src/client/types-machines.ts';
import { labelsOf, type Question, states } from './model.ts';

/** Of labels that are offered. Any other can be searched for. */
const offered = 200;

export interface FiltersProps {
  readonly question: Question;
  readonly ask: (question: Question) => void;
  readonly rows: Iterable<Environment>;
  readonly pools: readonly Pool[];
}

export function Filters({ question, ask, rows, pools }: FiltersProps) {
  const labels = labelsOf(rows);
  const given = Object.entries(question.labels);
  const addLabel = (pair: string) => {
    const at = pair.indexOf('=');
    if (at > 0) ask({ ...question, labels: { ...question.labels, [pair.slice(0, at)]: pair.slice(at + 1) } });
  };
  const without = (name: string) => Object.fromEntries(given.filter(([other]) => other !== name));
  const group = question.group === '' ? (pools.length > 0 ? 'pool' : 'none') : question.group;
  return (
    <search class="filters">
      <SearchField text={question.text} change={(text) => ask({ ...question, text })} />
      <Choice
        title="State"
        value={question.state}
        options={[['', 'all'], ...states.map((state): [string, string] => [state, state])]}
        choose={(state) => ask({ ...question, state })}
      />
      {labels.pairs.length > 0 && (
        <Choice
          title="Label"
          value=""
          options={[
            ['', given.length === 0 ? 'all' : 'and …'],
            ...labels.pairs.slice(0, offered).map((pair): [string, string] => [pair, pair]),
          ]}
          choose={addLabel}
        />
      )}
      {given.map(([name, value]) => (
        <button
          key={name}
          type="button"
          class="chip"
          aria-label={`No longer only ${name}=${value}`}
          onClick={() => ask({ ...question, labels: without(name) })}
        >
          {name}={value} ×
        </button>
      ))}
      {pools.length > 0 && (
        <Choice
          title="Pool"
          value={question.pool}
          options={[['', 'all'], ...pools.map(({ name }): [string, string] => [name, name])]}
          choose={(pool) => ask({ ...question, pool })}
        />
      )}
      {(pools.length > 0 || labels.keys.length > 0) && (
        <Choice
          title="Group by"
          value={group}
          options={[
            ['none', 'nothing'],
            ...(pools.length > 0 ? [['pool', 'pool'] as [string, string]] : []),
            ...labels.keys.map((key): [string, string] => [`label:${key}`, key]),
          ]}
          choose={(chosen) => ask({ ...question, group: chosen })}
        />
      )}
    </search>
  );
}

/** What is typed is shown at once, and asked with it. */
function SearchField({ text, change }: { text: string; change: (text: string) => void }) {
  const [typed, setTyped] = useState(text);
  const [asked, setAsked] = useState(text);
  if (asked !== text) {
    // Changed from outside: by Back, or by clearing the filters.
    setAsked(text);
    if (typed.trim() !== text) setTyped(text);
  }
  return (
    <input
      type="search"
      data-search
      aria-label="Search name, label, holder, state"
      placeholder="/ search name, label, holder"
      value={typed}
      autocomplete="off"
      spellcheck={false}
      onInput={(event) => {
        setTyped(event.currentTarget.value);
        setAsked(event.currentTarget.value.trim());
        change(event.currentTarget.value.trim());
      }}
    />
  );
}

function Choice(props: {
  title: string;
  value: string;
  options: readonly (readonly [string, string])[];
  choose: (value: string) => void;
}) {
  const { title, value, options, choose } = props;
  const id = useId();
  return (
    <span class="choice">
      <label for={id}>{title}</label>
      <select id={id} value={value} onChange={(event) => choose(event.currentTarget.value)}>
        {options.map(([key, text]) => (
          <option key={key} value={key} selected={key === value}>
            {text}
          </option>
        ))}
      </select>
    </span>
  );
}

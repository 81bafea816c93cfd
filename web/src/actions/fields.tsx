// The fields and words that dialogs of actions share.

import { type ComponentChildren, Fragment } from 'preact';
import { useState } from 'preact/hooks';
import type { Lease } from '../../../src/client/types.ts';
import { person } from '../access.ts';
import { serverNow } from '../clock.ts';
import { pathOf } from '../routes.ts';
import { exact, useTicking } from '../ui/time.tsx';
import { endOf, endsFrom, type HowLong } from './times.ts';

export function Reason(props: {
  label: ComponentChildren;
  value: string;
  change: (value: string) => void;
  hint?: string;
}) {
  return (
    <label>
      <span>{props.label}</span>
      <input
        data-first
        maxLength={1000}
        autocomplete="off"
        placeholder={props.hint}
        value={props.value}
        onInput={(event) => props.change(event.currentTarget.value)}
      />
    </label>
  );
}

/** For how long, or until when; below it the exact end, with its zone. */
export function HowLongField(props: {
  label: string;
  withoutEnd: string;
  value: HowLong;
  change: (value: HowLong) => void;
}) {
  const { value, change } = props;
  const end = useTicking(() => String(endOf(value)));
  return (
    <div class="how-long">
      <label>
        {props.label}
        <select value={value.choice} onChange={(event) => change({ ...value, choice: event.currentTarget.value })}>
          {endsFrom(serverNow(), props.withoutEnd).map(({ choice, text }) => (
            <option key={choice} value={choice} selected={choice === value.choice}>
              {text}
            </option>
          ))}
          <option value="at" selected={value.choice === 'at'}>
            until …
          </option>
        </select>
      </label>
      {value.choice === 'at' && (
        <label>
          Until (your time)
          <input
            type="datetime-local"
            value={value.at}
            onInput={(event) => change({ ...value, at: event.currentTarget.value })}
          />
        </label>
      )}
      <p class="second small">{endWords(end)}</p>
    </div>
  );
}

function endWords(end: string): string {
  if (end === 'null') return 'It has no end of its own.';
  return end === 'undefined'
    ? 'Give a time that is still to come.'
    : `Ends ${exact(new Date(Number(end)).toISOString())}`;
}

const nameSlot = 'signalbox.name';

/** Under which name one holds something: first that of the key, where there is none the last one given. */
export function useOwnName(): [string, (name: string) => void] {
  const me = person.value?.me;
  const known = me !== undefined && !me.anonymous ? me.name : '';
  return useState(known !== '' ? known : (localStorage.getItem(nameSlot) ?? ''));
}

export function keepOwnName(name: string): void {
  if (name.trim() !== '') localStorage.setItem(nameSlot, name.trim());
}

export function OwnName({ value, change }: { value: string; change: (name: string) => void }) {
  return (
    <label>
      In the name of
      <input
        maxLength={200}
        autocomplete="name"
        placeholder="anna"
        value={value}
        onInput={(event) => change(event.currentTarget.value)}
      />
    </label>
  );
}

/** The name of a holder inside a sentence. */
export function Who({ lease }: { lease: Pick<Lease, 'holder'> }) {
  return <bdi>{lease.holder.name ?? 'somebody without a name'}</bdi>;
}

/** `uat, db and etl`, each kept apart from the sentence. */
export function Names({ names }: { names: readonly string[] }) {
  return names.map((name, index) => (
    <Fragment key={name}>
      {index > 0 && (index === names.length - 1 ? ' and ' : ', ')}
      <bdi>{name}</bdi>
    </Fragment>
  ));
}

/** To what is written down of it. */
export function HistoryLink({ subject, close }: { subject: string; close: () => void }) {
  const query = new URLSearchParams({ subject });
  return (
    <p>
      <a href={`${pathOf({ screen: 'history' })}?${query}`} onClick={close}>
        In the history of <bdi>{subject}</bdi>
      </a>
    </p>
  );
}

export function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

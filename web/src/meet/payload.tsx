// A payload, which others have written: as JSON in one line, and as a tree whose branches are folded.
//
// Must always hold: it is text and nothing else; what hides or reorders letters is shown as its number; however large it is, only
// what is unfolded is in the page.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

const unseen = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const preview = 200;
const shownLetters = 2_000;
const shownItems = 100;

/** JSON with nothing in it that hides. */
export function jsonText(value: unknown, space?: number): string {
  return JSON.stringify(value, null, space).replace(
    unseen,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function Preview({ data, bytes }: { data: unknown; bytes: number }) {
  if (bytes === 0) return null;
  if (data === null) return <span class="second">{sizeText(bytes)}, not shown here</span>;
  const text = jsonText(data);
  return (
    <code title={text.slice(0, shownLetters)}>
      <bdi>{text.length > preview ? `${text.slice(0, preview)}…` : text}</bdi>
    </code>
  );
}

export function sizeText(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} KiB`;
}

export function Payload({ data }: { data: unknown }) {
  return (
    <div class="payload">
      <Value value={data} name={null} isOpen />
    </div>
  );
}

function Value({ value, name, isOpen = false }: { value: unknown; name: string | null; isOpen?: boolean }) {
  const label = name === null ? null : <bdi class="second">{jsonText(name)}: </bdi>;
  if (typeof value === 'object' && value !== null)
    return <Branch label={label} entries={Object.entries(value)} isList={Array.isArray(value)} isOpen={isOpen} />;
  return (
    <div class="leaf">
      {label}
      <Leaf text={jsonText(value)} />
    </div>
  );
}

function Leaf({ text }: { text: string }) {
  const [isWhole, setWhole] = useState(text.length <= shownLetters);
  return (
    <>
      <bdi>{isWhole ? text : text.slice(0, shownLetters)}</bdi>
      {!isWhole && (
        <button type="button" class="link" onClick={() => setWhole(true)}>
          … all {text.length.toLocaleString()} characters
        </button>
      )}
    </>
  );
}

function Branch(props: {
  label: ComponentChildren;
  entries: readonly (readonly [string, unknown])[];
  isList: boolean;
  isOpen: boolean;
}) {
  const { label, entries, isList } = props;
  const [isOpen, setOpen] = useState(props.isOpen);
  const [shown, setShown] = useState(shownItems);
  const count = entries.length;
  const size = isList
    ? `[${count} ${count === 1 ? 'item' : 'items'}]`
    : `{${count} ${count === 1 ? 'field' : 'fields'}}`;
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {label}
        <span class="second">{size}</span>
      </summary>
      {isOpen && (
        <div class="branch">
          {entries.slice(0, shown).map(([name, value]) => (
            <Value key={name} value={value} name={isList ? null : name} />
          ))}
          {count > shown && (
            <button type="button" class="link" onClick={() => setShown(shown + 10 * shownItems)}>
              {(count - shown).toLocaleString()} more
            </button>
          )}
        </div>
      )}
    </details>
  );
}

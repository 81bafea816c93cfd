// The fields of this screen's dialogs, and the server's list of what is wrong with them.

import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { Failure } from '../../../src/client/outcome.ts';

export interface FieldProps {
  readonly label: ComponentChildren;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly hint?: string;
  readonly placeholder?: string;
  /** What was given before, to choose from. */
  readonly options?: readonly string[];
  readonly isNumber?: boolean;
  readonly isFirst?: boolean;
  readonly isWrong?: boolean;
}

export function Field(props: FieldProps) {
  const { label, value, change, hint, placeholder, options = [], isNumber = false, isFirst = false } = props;
  const id = useId();
  return (
    <label>
      <span>{label}</span>
      <input
        type={isNumber ? 'number' : 'text'}
        {...(isNumber && { min: 0, step: 1 })}
        {...(isFirst && { 'data-first': true })}
        autocomplete="off"
        spellcheck={false}
        value={value}
        placeholder={placeholder}
        list={options.length > 0 ? `${id}-list` : undefined}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        aria-invalid={props.isWrong === true ? true : undefined}
        onInput={(event) => change(event.currentTarget.value)}
      />
      {hint !== undefined && (
        <span id={`${id}-hint`} class="second small">
          {hint}
        </span>
      )}
      {options.length > 0 && (
        <datalist id={`${id}-list`}>
          {options.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
    </label>
  );
}

export function Tick({ label, value, change }: { label: string; value: boolean; change: (value: boolean) => void }) {
  return (
    <label class="tick">
      <input type="checkbox" checked={value} onChange={(event) => change(event.currentTarget.checked)} />
      {label}
    </label>
  );
}

/** All that the server has found wrong; empty: it has said so in one sentence, or nothing. */
export function faultsOf(failure: Failure | null): string[] {
  if (failure?.kind !== 'problem') return [];
  const { faults } = failure.problem;
  return Array.isArray(faults) ? faults.filter((fault) => typeof fault === 'string') : [];
}

export function Faults({ faults }: { faults: readonly string[] }) {
  if (faults.length < 2) return null;
  return (
    <ul class="m-faults error-text">
      {faults.map((fault) => (
        <li key={fault}>{fault}</li>
      ))}
    </ul>
  );
}

/** What is typed, with its blanks at the ends cut; nothing where there is nothing. */
export function given(text: string): string | undefined {
  return text.trim() === '' ? undefined : text.trim();
}

/** A number as it was typed; what is none is sent as it is, so that the server says so. */
export function numberOf(text: string): number {
  return text.trim() === '' ? (text as never) : Number.isFinite(Number(text)) ? Number(text) : (text as never);
}

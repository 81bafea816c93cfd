// A dialog: asks, waits for the server, and says what it has answered.
//
// Must always hold: nothing is shown as done before the server has said so; Escape and the harmless button always leave; while it
// runs nothing can be sent twice.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Failure, Outcome } from '../../../src/client/outcome.ts';
import { Problem } from './problem.tsx';

export interface DialogProps {
  readonly title: ComponentChildren;
  readonly close: () => void;
  readonly children: ComponentChildren;
}

/** The bare one: a title, what is in it, and a way out. Focus returns to where it was. */
export function Dialog({ title, close, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    ref.current?.showModal();
    ref.current?.querySelector<HTMLElement>('[data-first]')?.focus();
    return () => before?.focus?.();
  }, []);
  const cancel = (event: Event) => {
    event.preventDefault();
    close();
  };
  return (
    <dialog ref={ref} aria-labelledby="dialog-title" onCancel={cancel}>
      <div class="content">
        <h2 id="dialog-title">{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

export interface ActionDialogProps<Value> {
  readonly title: ComponentChildren;
  readonly children: ComponentChildren;
  /** The button that does it carries the verb: `Take it away`, and while it runs `Taking it away…`. */
  readonly verb: string;
  readonly going: string;
  /** The button that does nothing. */
  readonly keep: string;
  readonly isHarmful?: boolean;
  /** False while something that must be said is missing. */
  readonly isReady?: boolean;
  /** Why it cannot be done any more, where the world has changed since the dialog was opened. */
  readonly overtaken?: ComponentChildren;
  /** null: nothing was sent, and `overtaken` says why. */
  readonly act: () => Promise<Outcome<Value> | null>;
  /** What to say once it is done, in words; then the dialog is closed by hand. */
  readonly done: (value: Value) => ComponentChildren;
  readonly close: () => void;
}

/** One that does something. Its fields are its children; `data-first` marks where the focus begins. */
export function ActionDialog<Value>(props: ActionDialogProps<Value>) {
  const { title, children, verb, going, keep, isHarmful = false, isReady = true, overtaken = null, close } = props;
  const [isGoing, setGoing] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [done, setDone] = useState<ComponentChildren>(null);
  // While it runs, what changes is what it does itself.
  const isOvertaken = overtaken !== null && !isGoing;
  const act = async () => {
    if (isGoing || !isReady || isOvertaken) return;
    setGoing(true);
    setFailure(null);
    const answer = await props.act();
    setGoing(false);
    if (answer === null) return;
    if (answer.ok) setDone(props.done(answer.value));
    else setFailure(answer);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    // Enter in a field does not confirm what does harm.
    if (!isHarmful) void act();
  };
  if (done !== null)
    return (
      <Dialog title={title} close={close}>
        <div role="status" class="done">
          {done}
        </div>
        <div class="buttons">
          <button type="button" data-first onClick={close}>
            Close
          </button>
        </div>
      </Dialog>
    );
  return (
    <Dialog title={title} close={close}>
      <form onSubmit={submit}>
        {children}
        {isOvertaken && (
          <p role="alert" class="overtaken">
            {overtaken}
          </p>
        )}
        {failure !== null && <Problem failure={failure} what="It was not done." />}
        <div class="buttons">
          <button type="button" data-first onClick={close}>
            {keep}
          </button>
          <button
            type="button"
            class={isHarmful ? 'harm' : 'strong'}
            disabled={isGoing || !isReady || isOvertaken}
            onClick={() => void act()}
          >
            {isGoing ? going : verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

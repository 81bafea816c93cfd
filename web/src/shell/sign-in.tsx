// The sign-in: a key, kept for this browser session only. It stands over the page where a key has ended meanwhile.

import { useState } from 'preact/hooks';
import { failureWords } from '../../../src/client/outcome.ts';
import { access, trySignIn } from '../access.ts';
import { useCell } from '../cell.ts';

export function SignIn() {
  const state = useCell(access);
  const [typed, setTyped] = useState('');
  const [isGoing, setGoing] = useState(false);
  const [answer, setAnswer] = useState<string | null>(null);
  if (state.state !== 'signIn') return null;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (typed.trim() === '' || isGoing) return;
    setGoing(true);
    const failure = await trySignIn(typed.trim());
    setGoing(false);
    if (failure === null) setTyped('');
    else if (failure === 'mayNotRead') setAnswer('This key may not read anything: it needs the scope read.');
    else setAnswer(failure.kind === 'problem' ? failure.problem.detail : `No answer: ${failureWords(failure)}.`);
  };
  const said = answer ?? state.problem?.detail ?? null;
  return (
    <dialog ref={open} aria-labelledby="sign-in" onCancel={(event) => event.preventDefault()}>
      <form onSubmit={submit}>
        <h1 id="sign-in">Sign in to Signalbox</h1>
        <label>
          API key
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            data-first
            value={typed}
            aria-describedby="sign-in-more"
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <p id="sign-in-more" class="second small">
          Kept until this browser is closed, in its tabs only. An admin makes one with <code>signalbox key create</code>
          .
        </p>
        {said !== null && (
          <p class="error-text" role="alert">
            {said}
          </p>
        )}
        <div class="buttons">
          <button type="submit" class="strong" disabled={isGoing}>
            {isGoing ? 'Signing in…' : 'Sign in'}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function open(dialog: HTMLDialogElement | null): void {
  if (dialog === null || dialog.open) return;
  dialog.showModal();
  dialog.querySelector<HTMLElement>('[data-first]')?.focus();
}

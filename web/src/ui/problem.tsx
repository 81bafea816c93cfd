// What went wrong, in the server's words, with what an administrator will ask for. The rest of the page stays.

import { type Failure, failureWords } from '../../../src/client/outcome.ts';

export function Problem({ failure, what, again }: { failure: Failure; what: string; again?: () => void }) {
  return (
    <div class="notice" role="alert">
      <strong>{what}</strong>
      {failure.kind === 'problem' ? (
        <>
          <span>{failure.problem.detail}</span>
          <span class="second small">
            {failure.problem.code}
            {failure.problem.requestId && <> · request {failure.problem.requestId}</>}
          </span>
        </>
      ) : (
        <span>The server does not answer: {failureWords(failure)}.</span>
      )}
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

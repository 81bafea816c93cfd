// How far a build is, step by step. A mark and a word for each, and nothing that moves.

import { formatDuration } from '../../../src/cli/text/durations.ts';
import type { Build, BuildStep, Job } from '../../../src/client/types-machines.ts';
import { State } from '../ui/state.tsx';
import { Since } from '../ui/time.tsx';
import { Due } from './due.tsx';
import { looseFailure, stepState, triesText } from './model.ts';

export function Steps({ build, job }: { build: Build; job: Job | null }) {
  if (build.steps.length === 0) return null;
  return (
    <ol class="m-steps" aria-label={`Steps of ${build.id}`}>
      {build.steps.map((step) => (
        <li key={step.name}>
          <Step build={build} step={step} job={job} />
        </li>
      ))}
    </ol>
  );
}

function Step({ build, step, job }: { build: Build; step: BuildStep; job: Job | null }) {
  const { name, begunAt, doneAt, facts } = step;
  const state = stepState(build, step, job);
  const { failure } = build;
  const hasTried = failure !== null && failure.step === name;
  if (state === 'done') {
    const tookMs = Date.parse(doneAt ?? begunAt) - Date.parse(begunAt);
    return (
      <>
        <span class="state state-free m-done">
          <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
            <path d="M1.5 6.5l3 3 6-7" fill="none" stroke="currentColor" stroke-width="1.75" />
          </svg>
          <span class="only-heard">done:</span>
        </span>{' '}
        <bdi>{name}</bdi> <bdi class="second">{Object.values(facts).join(' ')}</bdi>
        {tookMs >= 1000 && <span class="second"> {formatDuration(tookMs)}</span>}
      </>
    );
  }
  if (state === 'under way')
    return (
      <>
        <State shape="partly" word="under way" /> <bdi>{name}</bdi>{' '}
        <span class="second">
          <Since at={begunAt} />
          {hasTried && (
            <>
              , try {failure.tries + 1}: <bdi>{failure.reason}</bdi>
            </>
          )}
        </span>
      </>
    );
  if (state === 'not done')
    return (
      <>
        <State shape="cleaning" word="not done" /> <bdi>{name}</bdi>
      </>
    );
  return (
    <>
      <State shape={state === 'failed' ? 'failed' : 'waiting'} word={state} /> <bdi>{name}</bdi>{' '}
      <FailureText build={build} job={job} />
    </>
  );
}

/** `after 5 tries: no room, again in 4s`. */
export function FailureText({ build, job }: { build: Build; job: Job | null }) {
  if (build.failure === null) return null;
  const { tries, reason } = build.failure;
  const isAgain = build.state !== 'failed' && job?.state === 'waiting';
  return (
    <span>
      after {triesText(tries)}: <bdi>{reason}</bdi>
      {isAgain && (
        <span class="second">
          {' '}
          · again <Due job={job} />
        </span>
      )}
    </span>
  );
}

/** What went wrong where no step shows it, and who has ended it. */
export function Troubles({ build, job }: { build: Build; job: Job | null }) {
  const loose = looseFailure(build);
  const { cancelling } = build;
  return (
    <>
      {loose !== null && (
        <p class="m-trouble">
          <State
            shape={build.state === 'failed' ? 'failed' : 'waiting'}
            word={build.state === 'failed' ? 'failed' : 'retrying'}
          />{' '}
          {loose.step !== '' && (
            <>
              at <bdi>{loose.step}</bdi>{' '}
            </>
          )}
          <FailureText build={build} job={job} />
        </p>
      )}
      {cancelling !== null && (
        <p class="m-trouble second">
          cancelled by <bdi>{cancelling.by}</bdi> <Since at={cancelling.at} /> ago
          {cancelling.reason !== null && (
            <>
              : “<bdi>{cancelling.reason}</bdi>”
            </>
          )}
        </p>
      )}
      {job?.state === 'dead' && build.state !== 'failed' && (
        <p class="m-trouble">
          <State shape="failed" word="given up" /> after {triesText(job.tries)}: <bdi>{job.error ?? 'no reason'}</bdi>
        </p>
      )}
    </>
  );
}

// Builds as a list: what each is to be, how far it is, and why it goes no further.

import { useRef } from 'preact/hooks';
import type { Build, Job } from '../../../src/client/types-machines.ts';
import { Menu } from '../ui/menu.tsx';
import { State } from '../ui/state.tsx';
import { Since } from '../ui/time.tsx';
import { useMedia } from '../ui/window.ts';
import { actionsOnBuild } from './build-actions.tsx';
import { buildLook, buildPath, hasFailed, isUnderWay, jobOfBuild, machinesText, wantedText } from './model.ts';
import { Gone, useLines } from './sheet.tsx';
import { Steps, Troubles } from './steps.tsx';

const atFirst = 20;

export function BuildList({
  builds,
  jobs,
  question,
}: {
  builds: readonly Build[];
  jobs: readonly Job[];
  question: string;
}) {
  const box = useRef<HTMLElement>(null);
  const ids = builds.map(({ id }) => id);
  const { lines, more, steady } = useLines(ids, question, box, atFirst);
  const byId = new Map(builds.map((build) => [build.id, build]));
  return (
    <>
      <ol class="m-builds" aria-label="Builds" ref={box as never}>
        {lines.map((id) => {
          const build = byId.get(id);
          return build === undefined ? (
            <Gone key={id} id={id} />
          ) : (
            <li key={id} data-row={id}>
              <BuildLine build={build} job={jobOfBuild(jobs, id)} />
            </li>
          );
        })}
      </ol>
      {steady}
      {more}
    </>
  );
}

function BuildLine({ build, job }: { build: Build; job: Job | null }) {
  const isPhone = useMedia('(max-width: 639px)');
  const { shape, word } = buildLook(build);
  const actions = actionsOnBuild(build);
  const again = hasFailed(build) ? actions.find(({ label }) => label === 'Try again…') : undefined;
  const isTold = isUnderWay(build) || hasFailed(build);
  const done = build.steps.filter(({ doneAt }) => doneAt !== null).length;
  return (
    <>
      <div class="m-head">
        <State shape={shape} word={word} />
        <a class="m-name" href={buildPath(build.id)}>
          <bdi>{build.id}</bdi>
        </a>
        <bdi>{wantedText(build)}</bdi>
        <span class="second">{machinesText(build)}</span>
        <span class="m-end second">
          <Since at={build.createdAt} /> ago by <bdi>{build.by}</bdi>
          {build.pool !== null && build.by !== `pool ${build.pool}` && (
            <>
              {' '}
              for pool <bdi>{build.pool}</bdi>
            </>
          )}
        </span>
        {again !== undefined && (
          <button type="button" onClick={again.run}>
            Try again…
          </button>
        )}
        {actions.length > 0 && <Menu label={`Actions of ${build.id}`} items={() => actionsOnBuild(build)} />}
      </div>
      <Troubles build={build} job={job} />
      {isTold &&
        build.steps.length > 0 &&
        (isPhone ? (
          <details class="m-fold">
            <summary>
              {done} of {build.steps.length} steps done
            </summary>
            <Steps build={build} job={job} />
          </details>
        ) : (
          <Steps build={build} job={job} />
        ))}
    </>
  );
}

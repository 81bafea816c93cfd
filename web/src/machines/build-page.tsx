// One build, all of it: the page that `/machines?build=ID` opens.

import type { Build } from '../../../src/client/types-machines.ts';
import { useCell } from '../cell.ts';
import { useRow } from '../live/rows.ts';
import { builds, jobs } from '../live/tables.ts';
import { pathOf } from '../routes.ts';
import { useAnswer } from '../ui/answer.ts';
import { Problem } from '../ui/problem.tsx';
import { State } from '../ui/state.tsx';
import { Moment, Since } from '../ui/time.tsx';
import { actionsOnBuild } from './build-actions.tsx';
import { InstanceTable } from './instances.tsx';
import { buildLook, jobOfBuild, machinesText } from './model.ts';
import { useRows } from './rows.ts';
import { Steps, Troubles } from './steps.tsx';

export function BuildPage({ id }: { id: string }) {
  const row = useRow(builds, id);
  const loading = useCell(builds.loading);
  return (
    <div class="m-build">
      <p>
        <a href={pathOf({ screen: 'machines' })}>
          <span aria-hidden="true">← </span>Machines
        </a>
      </p>
      {row !== null ? <Known build={row} /> : <Unknown id={id} isLoading={loading.state === 'loading'} />}
    </div>
  );
}

/** Not among those that are listed: the server says why. */
function Unknown({ id, isLoading }: { id: string; isLoading: boolean }) {
  const { value, failure, again } = useAnswer((client, signal) => client.build(id, { signal }), id);
  if (value !== null) return <Known build={value} />;
  return (
    <>
      <h1>
        Build <bdi>{id}</bdi>
      </h1>
      {failure !== null && !isLoading && (
        <>
          <Problem what="It could not be loaded." failure={failure} again={again} />
          {failure.kind === 'problem' && failure.status === 404 && (
            <p class="second">Builds that are over are forgotten after a while; the history keeps what happened.</p>
          )}
        </>
      )}
    </>
  );
}

function Known({ build }: { build: Build }) {
  const job = jobOfBuild(useRows(jobs), build.id);
  const { shape, word } = buildLook(build);
  const actions = actionsOnBuild(build);
  const facts = {
    'Instance type': `${build.count} × ${build.instanceType}`,
    Role: build.role,
    For: `${build.site}/${build.env}`,
    Queue: build.queue,
    Image: build.image,
    Pool: build.pool,
    'Name of its machines': build.nameTemplate,
    Subnet: build.subnet,
    'Security group': build.securityGroup,
    'Slack channel': build.slackChannel,
    'Asked by': build.by,
  };
  return (
    <>
      <div class="m-title">
        <h1>
          Build <bdi>{build.id}</bdi>
        </h1>
        <State shape={shape} word={word} />
        <span class="second">{machinesText(build)}</span>
        <span class="m-end m-buttons">
          {actions.map(({ label, run }) => (
            <button key={label} type="button" onClick={run}>
              {label}
            </button>
          ))}
        </span>
      </div>
      <Troubles build={build} job={job} />
      <dl class="m-dl">
        {Object.entries(facts).map(
          ([name, value]) =>
            value !== null && (
              <div key={name}>
                <dt class="second">{name}</dt>
                <dd>
                  <bdi>{value}</bdi>
                </dd>
              </div>
            ),
        )}
        <div>
          <dt class="second">Since</dt>
          <dd>
            <Moment at={build.createdAt} /> (<Since at={build.createdAt} /> ago)
          </dd>
        </div>
        {build.endedAt !== null && (
          <div>
            <dt class="second">Over since</dt>
            <dd>
              <Moment at={build.endedAt} />
            </dd>
          </div>
        )}
      </dl>
      <section aria-labelledby="m-steps">
        <h2 id="m-steps">Steps</h2>
        {build.steps.length === 0 ? <p class="second">None was begun yet.</p> : <Steps build={build} job={job} />}
      </section>
      <section aria-labelledby="m-of-build">
        <h2 id="m-of-build">Its machines</h2>
        {build.instances.length === 0 ? (
          <p class="second">They are gone.</p>
        ) : (
          <InstanceTable rows={build.instances} label={`Machines of ${build.id}`} isOfBuild />
        )}
      </section>
    </>
  );
}

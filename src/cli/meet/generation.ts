// Which meeting of a barrier this job belongs to: the run of the CI, so that the jobs of one run meet each other and nobody of
// the run before, without anybody having to think of a name. A pure function over the environment.

import type { Variables } from '../../config.ts';
import { type CiName, identify } from '../run/holder.ts';

/** Of the whole run: what all its jobs share and no other run has. A re-run of a run is a run of its own. */
const runOf: Readonly<Partial<Record<CiName, (env: Variables) => readonly (string | undefined)[]>>> = {
  github: (env) => [env.GITHUB_RUN_ID, env.GITHUB_RUN_ATTEMPT],
  gitlab: (env) => [env.CI_PIPELINE_ID],
  jenkins: (env) => [env.BUILD_TAG || env.BUILD_URL],
  buildkite: (env) => [env.BUILDKITE_BUILD_ID],
  circleci: (env) => [env.CIRCLE_WORKFLOW_ID],
  azure: (env) => [env.BUILD_BUILDID],
  bitbucket: (env) => [env.BITBUCKET_PIPELINE_UUID || env.BITBUCKET_BUILD_NUMBER],
  drone: (env) => [env.DRONE_REPO, env.DRONE_BUILD_NUMBER],
  woodpecker: (env) => [env.CI_REPO, env.CI_PIPELINE_NUMBER],
  // TeamCity tells a build nothing of the chain that it belongs to.
};

const longest = 200;

/** Empty where no CI is seen, or it does not say which run this is. */
export function runGeneration(env: Variables): string {
  const { ci } = identify(env, { user: '', host: '' });
  const parts = (ci === null ? undefined : runOf[ci])?.(env) ?? [];
  const [first] = parts;
  if (first === undefined || first === '') return '';
  return parts
    .filter((part) => part !== undefined && part !== '')
    .join('-')
    .replace(/\p{Cc}/gu, '')
    .slice(0, longest);
}

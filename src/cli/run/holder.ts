// Who asks: name, link and ref of the CI job that this runs in, or the person at this machine. Other people read it when they
// wait for us, so it must name the job and lead to it. A pure function over the environment.

import type { Variables } from '../../config.ts';
import { foreign } from '../text/sanitize.ts';

export interface Identity {
  readonly holder: { readonly name: string; readonly url: string | null; readonly ref: string | null };
  /** Which CI, for its log format; null on somebody's machine. */
  readonly ci: CiName | null;
  /** What tells this job from every other, a rerun and the other jobs of a matrix included. */
  readonly job: readonly string[];
}

export type CiName =
  | 'github'
  | 'gitlab'
  | 'jenkins'
  | 'buildkite'
  | 'circleci'
  | 'azure'
  | 'bitbucket'
  | 'teamcity'
  | 'drone'
  | 'woodpecker';

interface Ci {
  readonly name: CiName;
  /** Set by this CI and by no other. */
  readonly seen: (env: Variables) => boolean;
  readonly describe: (env: Variables) => Description;
}

interface Description {
  /** Project, job or workflow, number, person: what is missing is left out. */
  readonly project?: string | undefined;
  readonly work?: string | undefined;
  readonly number?: string | undefined;
  readonly person?: string | undefined;
  readonly url?: string | null | undefined;
  readonly branch?: string | undefined;
  readonly commit?: string | undefined;
  readonly job: readonly (string | undefined)[];
}

const cis: readonly Ci[] = [
  { name: 'github', seen: (env) => env.GITHUB_ACTIONS === 'true', describe: github },
  { name: 'gitlab', seen: (env) => set(env.GITLAB_CI), describe: gitlab },
  { name: 'buildkite', seen: (env) => set(env.BUILDKITE), describe: buildkite },
  { name: 'circleci', seen: (env) => set(env.CIRCLECI), describe: circleci },
  { name: 'azure', seen: (env) => set(env.TF_BUILD), describe: azure },
  { name: 'bitbucket', seen: (env) => set(env.BITBUCKET_BUILD_NUMBER), describe: bitbucket },
  { name: 'teamcity', seen: (env) => set(env.TEAMCITY_VERSION), describe: teamcity },
  { name: 'woodpecker', seen: (env) => env.CI === 'woodpecker', describe: woodpecker },
  { name: 'drone', seen: (env) => env.DRONE === 'true', describe: drone },
  {
    name: 'jenkins',
    seen: (env) => set(env.JENKINS_URL) || (set(env.BUILD_URL) && set(env.JOB_NAME)),
    describe: jenkins,
  },
];

/** `machine` is only used where no CI is seen. */
export function identify(env: Variables, machine: { user: string; host: string }): Identity {
  const ci = cis.find(({ seen }) => seen(env));
  if (ci === undefined) {
    return { holder: { name: foreign(`${machine.user}@${machine.host}`), url: null, ref: null }, ci: null, job: [] };
  }
  const said = ci.describe(env);
  const { project, work, number, person } = said;
  const parts = [project, work, number && `#${number}`, person && `(${person})`].filter(set);
  return {
    holder: {
      name: foreign(parts.length === 0 ? `a job of ${ci.name}` : parts.join(' ')),
      url: link(said.url),
      ref: reference(said.branch, said.commit),
    },
    ci: ci.name,
    job: [ci.name, ...said.job.filter(set)],
  };
}

/** Whether nobody sits at this terminal. Some CIs do not set `CI`. */
export function inCi(env: Variables): boolean {
  const said = env.CI?.trim().toLowerCase();
  if (said !== undefined && said !== '' && said !== 'false' && said !== '0') return true;
  return cis.some(({ seen }) => seen(env));
}

function github(env: Variables): Description {
  const attempt = env.GITHUB_RUN_ATTEMPT;
  const attempts = attempt && attempt !== '1' ? `/attempts/${attempt}` : '';
  const { GITHUB_SERVER_URL: server = 'https://github.com', GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run } = env;
  return {
    project: lastPart(repository),
    work: env.GITHUB_WORKFLOW,
    number: env.GITHUB_RUN_NUMBER,
    person: env.GITHUB_ACTOR,
    url: repository && run ? `${server}/${repository}/actions/runs/${run}${attempts}` : null,
    branch: env.GITHUB_HEAD_REF || env.GITHUB_REF_NAME,
    commit: env.GITHUB_SHA,
    job: [run, attempt, env.GITHUB_JOB],
  };
}

function gitlab(env: Variables): Description {
  return {
    project: env.CI_PROJECT_NAME,
    work: env.CI_JOB_NAME,
    number: env.CI_PIPELINE_IID || env.CI_PIPELINE_ID,
    person: env.GITLAB_USER_LOGIN,
    url: env.CI_JOB_URL,
    branch: env.CI_COMMIT_REF_NAME,
    commit: env.CI_COMMIT_SHA,
    job: [env.CI_PIPELINE_ID, env.CI_JOB_ID, env.CI_NODE_INDEX],
  };
}

function jenkins(env: Variables): Description {
  return {
    project: env.JOB_NAME,
    number: env.BUILD_NUMBER,
    person: env.BUILD_USER_ID,
    url: env.BUILD_URL,
    branch: env.CHANGE_BRANCH || env.BRANCH_NAME || env.GIT_BRANCH?.replace(/^origin\//, ''),
    commit: env.GIT_COMMIT,
    job: [env.BUILD_TAG || env.BUILD_URL, env.STAGE_NAME, env.EXECUTOR_NUMBER],
  };
}

function buildkite(env: Variables): Description {
  const page = env.BUILDKITE_BUILD_URL;
  return {
    project: env.BUILDKITE_PIPELINE_SLUG,
    work: env.BUILDKITE_LABEL,
    number: env.BUILDKITE_BUILD_NUMBER,
    person: env.BUILDKITE_BUILD_CREATOR,
    url: page && env.BUILDKITE_JOB_ID ? `${page}#${env.BUILDKITE_JOB_ID}` : page,
    branch: env.BUILDKITE_BRANCH,
    commit: env.BUILDKITE_COMMIT,
    job: [env.BUILDKITE_BUILD_ID, env.BUILDKITE_JOB_ID, env.BUILDKITE_RETRY_COUNT, env.BUILDKITE_PARALLEL_JOB],
  };
}

function circleci(env: Variables): Description {
  return {
    project: env.CIRCLE_PROJECT_REPONAME,
    work: env.CIRCLE_JOB,
    number: env.CIRCLE_BUILD_NUM,
    person: env.CIRCLE_USERNAME,
    url: env.CIRCLE_BUILD_URL,
    branch: env.CIRCLE_BRANCH || env.CIRCLE_TAG,
    commit: env.CIRCLE_SHA1,
    job: [env.CIRCLE_WORKFLOW_ID, env.CIRCLE_BUILD_NUM, env.CIRCLE_NODE_INDEX],
  };
}

function azure(env: Variables): Description {
  const { SYSTEM_COLLECTIONURI: collection, SYSTEM_TEAMPROJECT: project, BUILD_BUILDID: build } = env;
  const base = collection?.replace(/\/*$/, '/');
  return {
    project: lastPart(env.BUILD_REPOSITORY_NAME),
    work: env.BUILD_DEFINITIONNAME,
    number: env.BUILD_BUILDNUMBER,
    person: env.BUILD_REQUESTEDFOR,
    url: base && project && build ? `${base}${encodeURIComponent(project)}/_build/results?buildId=${build}` : null,
    branch: env.BUILD_SOURCEBRANCHNAME,
    commit: env.BUILD_SOURCEVERSION,
    job: [build, env.SYSTEM_JOBID, env.SYSTEM_JOBATTEMPT, env.SYSTEM_JOBPOSITIONINPHASE],
  };
}

function bitbucket(env: Variables): Description {
  const origin = env.BITBUCKET_GIT_HTTP_ORIGIN?.replace(/^http:/, 'https:');
  return {
    project: env.BITBUCKET_REPO_SLUG,
    work: 'pipeline',
    number: env.BITBUCKET_BUILD_NUMBER,
    url: origin ? `${origin}/pipelines/results/${env.BITBUCKET_BUILD_NUMBER}` : null,
    branch: env.BITBUCKET_BRANCH || env.BITBUCKET_TAG,
    commit: env.BITBUCKET_COMMIT,
    job: [
      env.BITBUCKET_PIPELINE_UUID || env.BITBUCKET_BUILD_NUMBER,
      env.BITBUCKET_STEP_UUID,
      env.BITBUCKET_STEP_RUN_NUMBER,
      env.BITBUCKET_PARALLEL_STEP,
    ],
  };
}

function teamcity(env: Variables): Description {
  return {
    project: env.TEAMCITY_PROJECT_NAME,
    work: env.TEAMCITY_BUILDCONF_NAME,
    number: env.BUILD_NUMBER,
    url: env.BUILD_URL,
    branch: env.BUILD_VCS_BRANCH,
    commit: env.BUILD_VCS_NUMBER,
    job: [env.BUILD_URL || env.TEAMCITY_BUILDCONF_NAME, env.BUILD_NUMBER],
  };
}

function drone(env: Variables): Description {
  return {
    project: env.DRONE_REPO_NAME,
    work: env.DRONE_STEP_NAME,
    number: env.DRONE_BUILD_NUMBER,
    person: env.DRONE_COMMIT_AUTHOR,
    url: env.DRONE_BUILD_LINK,
    branch: env.DRONE_BRANCH,
    commit: env.DRONE_COMMIT_SHA,
    job: [env.DRONE_REPO, env.DRONE_BUILD_NUMBER, env.DRONE_STAGE_NUMBER, env.DRONE_STEP_NUMBER],
  };
}

function woodpecker(env: Variables): Description {
  return {
    project: env.CI_REPO_NAME,
    work: env.CI_STEP_NAME,
    number: env.CI_PIPELINE_NUMBER,
    person: env.CI_COMMIT_AUTHOR,
    url: env.CI_PIPELINE_URL,
    branch: env.CI_COMMIT_BRANCH,
    commit: env.CI_COMMIT_SHA,
    job: [env.CI_REPO, env.CI_PIPELINE_NUMBER, env.CI_WORKFLOW_NUMBER, env.CI_STEP_NUMBER],
  };
}

function set(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function lastPart(path: string | undefined): string | undefined {
  return path?.split('/').at(-1);
}

/** Only what a browser may open: the dashboard makes a link of it. */
function link(url: string | null | undefined): string | null {
  return url && /^https?:\/\/[^\s]+$/.test(url) && url.length <= 1000 ? url : null;
}

function reference(branch: string | undefined, commit: string | undefined): string | null {
  const short = commit?.slice(0, 7);
  const text = [branch, short].filter(set).join('@');
  return text === '' ? null : foreign(text, 120);
}

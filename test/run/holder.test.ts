import { describe, expect, test } from 'vitest';
import { identify, inCi } from '../../src/cli/run/holder.ts';
import { idempotencyKey } from '../../src/cli/run/idempotency.ts';

const machine = { user: 'anna', host: 'laptop' };

const github = {
  CI: 'true',
  GITHUB_ACTIONS: 'true',
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_REPOSITORY: 'acme/shop',
  GITHUB_WORKFLOW: 'deploy',
  GITHUB_RUN_ID: '99887766',
  GITHUB_RUN_NUMBER: '1841',
  GITHUB_RUN_ATTEMPT: '1',
  GITHUB_JOB: 'uat',
  GITHUB_ACTOR: 'anna',
  GITHUB_REF_NAME: 'main',
  GITHUB_SHA: '9f2a1c0d5e',
};

const jobs: [string, Record<string, string>, { name: string; url: string | null; ref: string | null }][] = [
  [
    'github',
    github,
    {
      name: 'shop deploy #1841 (anna)',
      url: 'https://github.com/acme/shop/actions/runs/99887766',
      ref: 'main@9f2a1c0',
    },
  ],
  [
    'gitlab',
    {
      GITLAB_CI: 'true',
      CI_PROJECT_NAME: 'shop',
      CI_JOB_NAME: 'deploy',
      CI_PIPELINE_IID: '310',
      GITLAB_USER_LOGIN: 'ben',
      CI_JOB_URL: 'https://gitlab.example/acme/shop/-/jobs/5',
      CI_COMMIT_REF_NAME: 'main',
      CI_COMMIT_SHA: '9f2a1c0d5e',
    },
    { name: 'shop deploy #310 (ben)', url: 'https://gitlab.example/acme/shop/-/jobs/5', ref: 'main@9f2a1c0' },
  ],
  [
    'jenkins',
    {
      JENKINS_URL: 'https://ci.example/',
      JOB_NAME: 'shop/main',
      BUILD_NUMBER: '77',
      BUILD_URL: 'https://ci.example/job/77/',
      GIT_BRANCH: 'origin/main',
      GIT_COMMIT: 'abcdef012',
    },
    { name: 'shop/main #77', url: 'https://ci.example/job/77/', ref: 'main@abcdef0' },
  ],
  [
    'buildkite',
    {
      BUILDKITE: 'true',
      BUILDKITE_PIPELINE_SLUG: 'shop',
      BUILDKITE_LABEL: 'deploy',
      BUILDKITE_BUILD_NUMBER: '9',
      BUILDKITE_BUILD_CREATOR: 'Carla',
      BUILDKITE_BUILD_URL: 'https://buildkite.com/acme/shop/builds/9',
      BUILDKITE_JOB_ID: 'j-1',
      BUILDKITE_BRANCH: 'main',
    },
    { name: 'shop deploy #9 (Carla)', url: 'https://buildkite.com/acme/shop/builds/9#j-1', ref: 'main' },
  ],
  [
    'circleci',
    {
      CIRCLECI: 'true',
      CIRCLE_PROJECT_REPONAME: 'shop',
      CIRCLE_JOB: 'deploy',
      CIRCLE_BUILD_NUM: '4',
      CIRCLE_USERNAME: 'ben',
      CIRCLE_BUILD_URL: 'https://circleci.com/gh/acme/shop/4',
      CIRCLE_TAG: 'v1',
      CIRCLE_SHA1: '0123456789',
    },
    { name: 'shop deploy #4 (ben)', url: 'https://circleci.com/gh/acme/shop/4', ref: 'v1@0123456' },
  ],
  [
    'azure',
    {
      TF_BUILD: 'True',
      BUILD_REPOSITORY_NAME: 'acme/shop',
      BUILD_DEFINITIONNAME: 'deploy',
      BUILD_BUILDNUMBER: '20261121.1',
      BUILD_REQUESTEDFOR: 'Anna',
      SYSTEM_COLLECTIONURI: 'https://dev.azure.com/acme/',
      SYSTEM_TEAMPROJECT: 'web shop',
      BUILD_BUILDID: '55',
      BUILD_SOURCEBRANCHNAME: 'main',
      BUILD_SOURCEVERSION: '0123456789',
    },
    {
      name: 'shop deploy #20261121.1 (Anna)',
      url: 'https://dev.azure.com/acme/web%20shop/_build/results?buildId=55',
      ref: 'main@0123456',
    },
  ],
  [
    'bitbucket',
    {
      BITBUCKET_BUILD_NUMBER: '8',
      BITBUCKET_REPO_SLUG: 'shop',
      BITBUCKET_GIT_HTTP_ORIGIN: 'http://bitbucket.org/acme/shop',
      BITBUCKET_BRANCH: 'main',
      BITBUCKET_COMMIT: '0123456789',
    },
    { name: 'shop pipeline #8', url: 'https://bitbucket.org/acme/shop/pipelines/results/8', ref: 'main@0123456' },
  ],
  [
    'teamcity',
    {
      TEAMCITY_VERSION: '2024.12',
      TEAMCITY_PROJECT_NAME: 'Shop',
      TEAMCITY_BUILDCONF_NAME: 'Deploy',
      BUILD_NUMBER: '12',
      BUILD_URL: 'https://tc.example/build/12',
    },
    { name: 'Shop Deploy #12', url: 'https://tc.example/build/12', ref: null },
  ],
  [
    'drone',
    {
      DRONE: 'true',
      CI: 'drone',
      DRONE_REPO_NAME: 'shop',
      DRONE_STEP_NAME: 'deploy',
      DRONE_BUILD_NUMBER: '6',
      DRONE_COMMIT_AUTHOR: 'ben',
      DRONE_BUILD_LINK: 'https://drone.example/acme/shop/6',
      DRONE_BRANCH: 'main',
      DRONE_COMMIT_SHA: '0123456789',
    },
    { name: 'shop deploy #6 (ben)', url: 'https://drone.example/acme/shop/6', ref: 'main@0123456' },
  ],
  [
    'woodpecker',
    {
      CI: 'woodpecker',
      CI_REPO_NAME: 'shop',
      CI_STEP_NAME: 'deploy',
      CI_PIPELINE_NUMBER: '6',
      CI_COMMIT_AUTHOR: 'ben',
      CI_PIPELINE_URL: 'https://wp.example/6',
      CI_COMMIT_BRANCH: 'main',
      CI_COMMIT_SHA: '0123456789',
    },
    { name: 'shop deploy #6 (ben)', url: 'https://wp.example/6', ref: 'main@0123456' },
  ],
];

describe('the holder that others see', () => {
  test.each(jobs)('is named and linked in %s', (ci, env, holder) => {
    expect(identify(env, machine)).toMatchObject({ ci, holder });
    expect(inCi(env)).toBe(true);
  });

  test('is the person at this machine where there is no CI', () => {
    expect(identify({}, machine)).toEqual({ holder: { name: 'anna@laptop', url: null, ref: null }, ci: null, job: [] });
    expect(inCi({ CI: 'false' })).toBe(false);
  });

  test('leads to the attempt when the job was run again', () => {
    const { holder } = identify({ ...github, GITHUB_RUN_ATTEMPT: '3' }, machine);
    expect(holder.url).toBe('https://github.com/acme/shop/actions/runs/99887766/attempts/3');
  });

  test('has no link that a browser should not open, and no control characters', () => {
    const env = { TEAMCITY_VERSION: '1', TEAMCITY_PROJECT_NAME: 'a\u001b[31mb\nc', BUILD_URL: 'javascript:alert(1)' };
    expect(identify(env, machine).holder).toEqual({ name: 'ab ⏎ c', url: null, ref: null });
  });
});

describe('the Idempotency-Key', () => {
  test('tells the job, its attempt and this invocation', () => {
    const { job } = identify(github, machine);
    expect(idempotencyKey(job, 'nonce-1')).toBe('run:github:99887766:1:uat:nonce-1');
  });

  test('differs for two runs in one job', () => {
    expect(idempotencyKey(['a'], 'x')).not.toBe(idempotencyKey(['a'], 'y'));
  });

  test('is never longer than the server takes, and keeps what makes it unique', () => {
    const key = idempotencyKey(['x'.repeat(500), 'y'], 'nonce-1');
    expect(key.length).toBeLessThanOrEqual(200);
    expect(key.endsWith(':nonce-1')).toBe(true);
  });
});

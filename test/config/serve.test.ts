// `signalbox serve` with a file: what it declares is there, also after another start with another file; a fault of it is one line.

import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { folder, start } from '../cli/process.ts';
import { eventually } from '../eventually.ts';
import { testServer } from '../http/server.ts';

const flags = (where: string) => [
  ...['serve', '--json', '--port', '0', '--log-level', 'trace', '--store', `sqlite:${join(where, 'signalbox.db')}`],
];

async function serve(where: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const started = start('signalbox', [...flags(where), ...args], env, where);
  const stop = async () => {
    started.child.kill('SIGTERM');
    return started.ended;
  };
  onTestFinished(async () => void (await stop()));
  await started.says(/"keysOn":.*\n/);
  const url = /"url":"([^"]+)","store"/.exec(started.stdout())?.[1] as string;
  return { ...started, server: testServer(url, async () => void (await stop())), stop };
}

async function refused(where: string, args: readonly string[] = []) {
  const { code, stderr } = await start(
    'signalbox',
    [...flags(where).filter((flag) => flag !== '--json'), ...args],
    {},
    where,
  ).ended;
  return { code, stderr };
}

const pool = `{ max: 2, build: { site: org, env: staging, queue: docker, instanceType: small } }`;

test('./signalbox.yaml is taken where it is; a second start changes nothing, a third takes back what it names no more', async () => {
  const where = folder();
  const file = join(where, 'signalbox.yaml');
  writeFileSync(
    file,
    `environments: { uat: { capacity: 2, ttl: 90s } }\npools: { docker: ${pool} }\nimages: { ami-1: }\n`,
  );
  const told = async ({ server }: Awaited<ReturnType<typeof serve>>) => {
    const { items } = (await server.call('GET', '/v1/events?limit=100')).json;
    return items
      .filter(({ kind }: { kind: string }) => /^(environment|pool|image)\./.test(kind))
      .map(({ kind, subject }: { kind: string; subject: string }) => `${kind} ${subject}`)
      .sort();
  };
  const first = await serve(where);
  expect(await first.server.environment('uat')).toMatchObject({ capacity: 2 });
  const made = ['environment.created uat', 'image.added ami-1', 'pool.added docker'];
  expect(await told(first)).toEqual(made);
  await first.stop();

  const second = await serve(where);
  expect(await told(second)).toEqual(made);
  await second.stop();

  writeFileSync(file, 'environments: { uat: { capacity: 3 } }\n');
  const third = await serve(where);
  expect(await third.server.environment('uat')).toMatchObject({ capacity: 3 });
  expect(await told(third)).toEqual(
    [...made, 'environment.changed uat', 'image.removed ami-1', 'pool.removed docker'].sort(),
  );
});

test('without a file all stays as a file has left it', async () => {
  const where = folder();
  writeFileSync(join(where, 'other.yaml'), `pools: { docker: ${pool} }\n`);
  await (await serve(where, ['--config', 'other.yaml'])).stop();
  const { server } = await serve(where);
  const { items } = (await server.call('GET', '/v1/events?limit=100')).json;
  const kinds = items.map(({ kind }: { kind: string }) => kind);
  expect(kinds).toContain('pool.added');
  expect(kinds).not.toContain('pool.removed');
});

test('a fault of the file is one line and exit code 78, and nothing is made', async () => {
  const where = folder();
  writeFileSync(join(where, 'signalbox.yaml'), 'pools:\n  docker:\n    max: many\n');
  expect(await refused(where)).toEqual({
    code: 78,
    stderr:
      'signalbox: signalbox.yaml:3: pools.docker.max: give a whole number from 1 to 500, not "many" [bad_setting]\n',
  });
  expect(await refused(where, ['--config', 'none.yaml'])).toEqual({
    ...{ code: 78, stderr: 'signalbox: none.yaml: there is no such file [bad_setting]\n' },
  });
  writeFileSync(join(where, 'signalbox.yaml'), 'initScripts: { default: init.sh }\n');
  writeFileSync(join(where, 'init.sh'), '#!/bin/sh\necho {{.Envv}}\n');
  const { code, stderr } = await refused(where);
  expect(stderr).toMatch(
    /init\.sh, line 2: \{\{\.Envv\}\} is no variable: did you mean \{\{\.Env\}\}\? \[bad_setting\]\n$/,
  );
  expect(code).toBe(78);
  expect(existsSync(join(where, 'signalbox.db'))).toBe(false);
  // Refused by the core, when the store is open already.
  writeFileSync(join(where, 'signalbox.yaml'), `environments: {${Array.from({ length: 11 }, (_, i) => `e${i}: {}`)}}`);
  const core = await refused(where, ['--max-environments', '10']);
  expect(core.stderr).toMatch(
    /^signalbox: signalbox\.yaml: environments\.e10: There are 10 environments already.*\[bad_setting\]\n$/,
  );
});

test('the variables of the older system make a script, and no secret of it is in the log, the history, the figures or the store', async () => {
  const where = folder();
  const program = join(where, 'driver');
  writeFileSync(
    program,
    `#!/bin/sh\ncat > '${where}'/asked.$1\ncase $1 in create) echo '{"id":"i-1"}';; list) echo '[]';; esac\n`,
  );
  chmodSync(program, 0o755);
  const canary = 'canary-RSA-8d1f';
  const script = '#!/bin/sh\necho {{.InstanceRSA}} {{.PapertrailSite}}\n';
  const key = 'canary-KEY-77b0';
  const { server, stop } = await serve(where, ['--driver', `command:${program}`], {
    ...{ INIT_SCRIPT_TEMPLATE: gzipSync(script).toString('base64'), INSTANCE_RSA: canary, PAPERTRAIL_SITE: 'logs:1' },
    ...{ PUDDING_AUTH_TOKEN: key, PUDDING_WEB_HOSTNAME: 'http://pudding.example', SIGNALBOX_HOST: '127.0.0.1' },
  });
  const body = { id: 'bd-1', site: 's', env: 'e', queue: 'q', instanceType: 't' };
  await server.call('POST', '/v1/instance-builds', { body, key });
  const asked = await eventually(() => JSON.parse(readFileSync(join(where, 'asked.create'), 'utf8')));
  const [, secret] =
    /^#include http:\/\/main:([^@]+)@pudding\.example\/init-scripts\/bd-1\n$/.exec(asked.userData) ?? [];
  expect(secret).toMatch(/^[\w-]{43}$/);
  const basic = (password: string) => ({
    headers: { authorization: `Basic ${Buffer.from(`main:${password}`).toString('base64')}` },
  });
  const fetched = await server.call('GET', '/init-scripts/bd-1', basic(secret as string));
  expect(fetched).toMatchObject({ status: 200, text: `#!/bin/sh\necho ${canary} logs:1\n` });
  const wrong = 'canary-WRONG-12aa';
  const said = [
    await server.call('GET', '/init-scripts/bd-1', basic(wrong)),
    await server.call('GET', '/init-scripts/bd-2', basic(secret as string)),
    await server.call('POST', '/init-scripts/bd-1', basic(secret as string)),
    await server.call('GET', '/init-scripts/bd-1', { key: `${key}x` }),
  ];
  for (const path of ['instance-builds', 'instances', 'jobs', 'events?limit=100', 'images', 'pools', 'waits'])
    said.push(await server.call('GET', `/v1/${path}`, { key }));
  said.push(await server.call('GET', '/metrics', { key }));
  const { stdout, stderr } = await stop();
  const all: Record<string, string> = { log: stdout + stderr };
  for (const [i, { text, headers }] of said.entries()) all[`answer ${i}`] = `${text} ${JSON.stringify([...headers])}`;
  for (const file of readdirSync(where).filter((name) => name.startsWith('signalbox.db')))
    all[file] = readFileSync(join(where, file), 'latin1');
  expect(Object.keys(all)).toContain('signalbox.db');
  const encoded = [secret as string, wrong].map((each) => Buffer.from(`main:${each}`).toString('base64'));
  for (const [of, text] of Object.entries(all))
    for (const hidden of [canary, secret as string, wrong, key, ...encoded])
      expect([of, text.includes(hidden)]).toEqual([of, false]);
});

test('where machines of EC2 would look for their script on this machine, the log says what to set', async () => {
  const aws = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'eu-west-1' };
  const env = { ...aws, AWS_ENDPOINT_URL_EC2: 'http://127.0.0.1:9' };
  const script = { INIT_SCRIPT_TEMPLATE: gzipSync('#!/bin/sh\n').toString('base64') };
  const warned = async (more: Record<string, string>) => {
    const { stop } = await serve(folder(), [], { ...env, ...more });
    return (await stop()).stdout.includes('set --public-url to where they reach this server');
  };
  expect(await warned(script)).toBe(true);
  expect(await warned({ ...script, SIGNALBOX_PUBLIC_URL: 'http://sb.example' })).toBe(false);
  expect(await warned({})).toBe(false);
});

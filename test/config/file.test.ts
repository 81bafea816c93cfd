// signalbox.yaml: what it may say, and that the first thing that is wrong is told with file, line and path.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { serverSettings } from '../../src/config.ts';
import { type FileSettings, noFile } from '../../src/config-file/settings.ts';
import { readConfigFile } from '../../src/config-file.ts';
import { scriptFault } from '../../src/provision/init-script.ts';
import { root } from '../cli/process.ts';
import { pages } from '../docs/pages.ts';

function folder(files: Record<string, string | Buffer> = {}): string {
  const made = mkdtempSync(join(tmpdir(), 'signalbox-config-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(made, name), content);
  return made;
}

function readText(yaml: string, files: Record<string, string | Buffer> = {}): FileSettings {
  const found = readConfigFile(join(folder({ ...files, 'box.yaml': yaml }), 'box.yaml'));
  if (found.outcome === 'wrong') throw new Error(found.message);
  return found.file;
}

/** What is said of a file that is wrong, with the folder left out. */
function complaint(yaml: string | Buffer, files: Record<string, string | Buffer> = {}): string {
  const where = folder({ ...files, 'box.yaml': yaml });
  const found = readConfigFile(join(where, 'box.yaml'));
  return found.outcome === 'wrong' ? found.message.replaceAll(`${where}/`, '') : 'nothing';
}

const build = { site: 'org', env: 'staging', queue: 'docker', instanceType: 'c3.large' };
const flow = (value: object) => JSON.stringify(value);

describe('what is understood', () => {
  test('nothing at all: all is as without a file, only that there is one', () => {
    for (const yaml of ['', '# a remark\n', '---\n', 'environments:\npools: ~\nnotify: {}\ninitScripts:\n'])
      expect(readText(yaml)).toEqual({ ...noFile, path: expect.stringMatching(/box\.yaml$/) });
  });

  test('environments, each with what is said of it and no more', () => {
    const { environments } = readText(`
environments:
  uat: { capacity: 2, labels: { kind: web, version: 1.10, on: true, a: '', b: }, description: "", ttl: 1h30m, maxHold: 2d, onExpire: hold }
  'a b/ü': { ttl: ~, capacity: null, labels: }
  1:
    ttl: 90s
`);
    expect([...environments.keys()]).toEqual(['uat', 'a b/ü', '1']);
    expect(environments.get('uat')).toEqual({
      ...{
        capacity: 2,
        labels: { kind: 'web', version: '1.10', on: 'true', a: '', b: '' },
        description: '',
        onExpire: 'hold',
      },
      ...{ ttlMs: 5_400_000, maxHoldMs: 172_800_000 },
    });
    expect(environments.get('a b/ü')).toEqual({});
    expect(environments.get('1')).toEqual({ ttlMs: 90_000 });
  });

  test('a pool in few words, and in many', () => {
    const { pools } = readText(`
pools:
  few: { max: 3, build: ${flow(build)} }
  many:
    labels: { pool: docker }
    min: 1
    max: 5
    idle: 2
    idleFor: 5m
    maxAge: 24h
    once: true
    readyWhen: started
    readyWithin: 15m
    build:
      site: org
      env: staging
      queue: docker
      role: web
      instanceType: c3.large
      image: ami-1
      nameTemplate: '{{.Role}}-{{.InstanceID}}'
      subnet: subnet-1
      securityGroup: sg-1
      slackChannel: '#ci'
`);
    const none = { image: null, nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null };
    expect(pools.get('few')).toEqual({
      ...{ labels: { pool: 'few' }, min: 0, max: 3, idle: 0, idleForMs: 600_000, maxAgeMs: null, once: false },
      ...{ readyWhen: 'finished', readyWithinMs: 1_800_000, build: { ...build, role: 'worker', ...none } },
    });
    expect(pools.get('many')).toEqual({
      ...{ labels: { pool: 'docker' }, min: 1, max: 5, idle: 2, idleForMs: 300_000, maxAgeMs: 86_400_000, once: true },
      ...{ readyWhen: 'started', readyWithinMs: 900_000 },
      build: {
        ...{ ...build, role: 'web', image: 'ami-1', nameTemplate: '{{.Role}}-{{.InstanceID}}' },
        ...{ subnet: 'subnet-1', securityGroup: 'sg-1', slackChannel: '#ci' },
      },
    });
  });

  test('images, active unless they are not', () => {
    const { images } = readText('images: { ami-1: { role: web, name: n }, ami-2: { active: false }, ami-3: }');
    expect(Object.fromEntries(images)).toEqual({
      'ami-1': { role: 'web', name: 'n', isActive: true },
      'ami-2': { role: null, name: null, isActive: false },
      'ami-3': { role: null, name: null, isActive: true },
    });
  });

  test('what EC2 is told, one or several of each', () => {
    expect(readText('ec2: { sshFrom: 10.0.0.0/8, subnets: subnet-1 }').ec2).toEqual({
      ...{ sshFrom: ['10.0.0.0/8'], subnets: ['subnet-1'] },
    });
    const ec2 = {
      ...{
        fallbackTypes: { 'c3.large': ['c4.large', 'c5.large'] },
        subnets: ['a', 'b'],
        sshFrom: ['10.0.0.0/8', '::1'],
      },
      ...{ vpc: 'vpc-1', tags: { team: 'x', cost: '007' }, keyName: 'key', instanceProfile: 'arn:aws:iam::1:x/y' },
    };
    expect(readText(`ec2: ${flow(ec2)}`).ec2).toEqual(ec2);
    expect(readText('ec2: { sshFrom: [] }').ec2.sshFrom).toEqual([]);
  });

  test('drivers: ec2, none, or a program beside the file', () => {
    expect(readText('driver: ec2').driver).toEqual({ kind: 'ec2' });
    expect(readText('driver: none').driver).toEqual({ kind: 'none' });
    const where = folder({ make: '', 'box.yaml': 'driver: command:./make' });
    const read = () => readConfigFile(join(where, 'box.yaml'));
    expect(read()).toMatchObject({
      outcome: 'wrong',
      message: expect.stringMatching(/make is no executable file$/),
    });
    chmodSync(join(where, 'make'), 0o755);
    expect(read()).toMatchObject({ file: { driver: { kind: 'command', program: join(where, 'make') } } });
  });

  test('init scripts are read from beside the file, byte for byte', () => {
    const files = { 'a.sh': '#!/bin/sh\r\n{{.Env}} %s ü  ', 'b.sh': '\ufeffb', 'c.sh': 'c' };
    const { scripts, scriptSeconds, path } = readText(
      `
initScripts:
  default: a.sh
  queues: { docker: ./b.sh }
  roles: { web: c.sh }
  secretSeconds: 60
  variables: { PapertrailSite: x, InstanceYML: "a: 1\\n" }
`,
      files,
    );
    const at = (name: string) => ({ text: files[name as keyof typeof files], from: join(path ?? '', '..', name) });
    expect(scripts).toEqual({
      ...{ usual: at('a.sh'), queues: new Map([['docker', at('b.sh')]]), roles: new Map([['web', at('c.sh')]]) },
      values: { PapertrailSite: 'x', InstanceYML: 'a: 1\n' },
    });
    expect(scriptSeconds).toBe(60);
  });

  test('who is told, and the secret of a file without its line break', () => {
    const { notify } = readText(
      `
notify:
  slack: { webhook: 'https://hooks.example/T0/x', channel: '#general' }
  webhooks:
    - { name: ci, url: 'https://ci.example/?t=1', secret: s, events: [instance.ready, instance.ready] }
    - { name: audit, url: 'http://audit', secretFile: ./secret }
`,
      { secret: 'of the file\n' },
    );
    expect(notify).toEqual({
      slack: { webhook: 'https://hooks.example/T0/x', channel: '#general' },
      webhooks: [
        { name: 'ci', url: 'https://ci.example/?t=1', secret: 's', events: ['instance.ready'] },
        {
          ...{ name: 'audit', url: 'http://audit/', secret: 'of the file' },
          events: ['instance.launched', 'instance.ready', 'instance.ending', 'build.failed'],
        },
      ],
    });
  });

  test('anchors and aliases', () => {
    const { pools } = readText(`
pools:
  a: { max: 1, build: &build ${flow(build)} }
  b: { max: 2, build: *build }
`);
    expect(pools.get('b')?.build).toEqual(pools.get('a')?.build);
  });
});

describe('the first fault is told in one line, with file, line and path', () => {
  const pool = (text: string) => `pools:\n  docker:\n    build: ${flow(build)}\n    max: 2\n    ${text}\n`;

  test.each([
    // Of the file itself.
    ['a: [1,\n', /^box\.yaml:2: it is no valid YAML: /],
    ['images: {}\nimages: {}\n', /^box\.yaml:2: it is no valid YAML: Map keys must be unique$/],
    ['images:\n  a: !env X\n', /^box\.yaml:2: it is no valid YAML: Unresolved tag: !env$/],
    ['images: {}\n---\nimages: {}\n', /^box\.yaml:2: it is no valid YAML: Source contains multiple documents/],
    ['images: *none\n', 'box.yaml:1: images: nothing above is &none'],
    ['images:\n\t- a\n', /^box\.yaml:2: it is no valid YAML: /],
    ['- a\n', 'box.yaml:1: give names with values, as in `name: value`'],
    ['just a text\n', 'box.yaml:1: give names with values, as in `name: value`'],
    // Names.
    ['\n\nenvironment: {}\n', 'box.yaml:3: environment: is not known: did you mean environments?'],
    [
      'zzz: 1\n',
      'box.yaml:1: zzz: is not known: there are environments, pools, images, driver, ec2, initScripts, notify',
    ],
    [
      'environments:\n  uat:\n    capacity: 1\n    maxhold: 2h\n',
      'box.yaml:4: environments.uat.maxhold: is not known: did you mean maxHold?',
    ],
    ['environments:\n  "a b": { x: 1 }\n', /^box\.yaml:2: environments\."a b"\.x: is not known/],
    ['environments:\n  <<: {}\n  ? [a]\n  : 1\n', 'box.yaml:3: environments: a name is one word or a text in quotes'],
    ['environments:\n  "\\u0007": {}\n', /^box\.yaml:2: .*: the name of the environment contains control characters$/],
    [`environments:\n  ${'x'.repeat(201)}: {}\n`, /is longer than 200 characters$/],
    // Values.
    [
      'environments: { uat: { capacity: 0 } }',
      'box.yaml:1: environments.uat.capacity: give a whole number from 1 to 10000, not "0"',
    ],
    ['environments:\n  uat:\n    capacity: 1.5\n', /^box\.yaml:3: environments\.uat\.capacity: .*, not "1\.5"$/],
    ['environments: { uat: { capacity: "1" } }', /capacity: give a whole number/],
    ['environments: { uat: { capacity: [1] } }', /capacity: give a whole number from 1 to 10000$/],
    [
      'environments: { uat: { ttl: 10 } }',
      'box.yaml:1: environments.uat.ttl: give a duration like 90s, 10m or 24h, not "10"',
    ],
    ['environments: { uat: { ttl: 10 m } }', /ttl: give a duration/],
    ['environments: { uat: { ttl: -10m } }', /ttl: give a duration/],
    ['environments: { uat: { ttl: 10min } }', /ttl: give a duration/],
    ['environments: { uat: { ttl: 500ms } }', /ttl: give at least 1s and at most 31536000s, not "500ms"$/],
    ['environments: { uat: { maxHold: 400d } }', /maxHold: give at least 1s/],
    [
      'environments: { uat: { onExpire: frei } }',
      'box.yaml:1: environments.uat.onExpire: give free or hold: did you mean free?',
    ],
    ['environments: { uat: { labels: { "a b": x } } }', /labels\."a b": the name of a label has/],
    ['environments: { uat: { labels: { a: "x,y" } } }', /labels\.a: the value of a label has no comma/],
    ['environments: { uat: { labels: [a] } }', /labels: give names with values/],
    ['environments: [uat]', /^box\.yaml:1: environments: give names with values/],
    // Pools.
    [pool('min: 3'), 'box.yaml:2: pools.docker: min (3) is more than max (2).'.replace(':2:', ':3:')],
    [pool('idle: many'), 'box.yaml:5: pools.docker.idle: give a whole number from 0 to 500, not "many"'],
    [pool('once: 1'), 'box.yaml:5: pools.docker.once: give true or false, not "1"'],
    [pool('labels: {}'), /pools\.docker: labels is empty/],
    [pool('readyWhen: running'), /^box\.yaml:5: pools\.docker\.readyWhen: give finished or started, not "running"$/],
    ['pools:\n  docker: { max: 2 }\n', 'box.yaml:2: pools.docker: build is missing: what its machines are'],
    [
      `pools:\n  docker: { build: ${flow(build)} }\n`,
      'box.yaml:2: pools.docker: max is missing: how many machines there may be',
    ],
    ['pools:\n  d:\n    max: 1\n    build: { env: a }\n', 'box.yaml:4: pools.d.build: site is missing'],
    [
      'pools:\n  d:\n    max: 1\n    build:\n      site: a\n      env: a\n      queue: a\n      instanceType: a\n      nameTemplate: "{{.Sit}}"\n',
      'box.yaml:9: pools.d.build.nameTemplate: {{.Sit}} is no variable: did you mean {{.Site}}?',
    ],
    // Machines.
    ['images: { "a b": {} }', /images\."a b": the id of an image/],
    ['images: { a: { active: yes } }', 'box.yaml:1: images.a.active: give true or false, not "yes"'],
    ['driver: ec3', /^box\.yaml:1: driver: give ec2, command:PATH.*, not "ec3"$/],
    ['driver: command:nowhere', 'box.yaml:1: driver: there is no file nowhere'],
    ['driver: "command:/tmp"', 'box.yaml:1: driver: /tmp is no executable file'],
    ['ec2: { tags: { "signalbox:instance": x } }', /^box\.yaml:1: ec2\.tags\..*: tags of signalbox: and aws: are set/],
    ['ec2: { tags: { "aws:team": x } }', /^box\.yaml:1: ec2\.tags\..*: tags of signalbox: and aws: are set/],
    [
      'ec2:\n  sshFrom:\n    - 10.0.0.0/8\n    - 10.0.0.0/99\n',
      /^box\.yaml:4: ec2\.sshFrom\[1\]: give one address or range.*, not "10\.0\.0\.0\/99"$/,
    ],
    ['ec2: { fallbackTypes: { a: [{}] } }', 'box.yaml:1: ec2.fallbackTypes.a[0]: give a text'],
    ['initScripts:\n  default: nowhere.sh\n', 'box.yaml:2: initScripts.default: there is no file nowhere.sh'],
    [
      'initScripts:\n  queues:\n    docker: .\n',
      /^box\.yaml:3: initScripts\.queues\.docker: .* cannot be read: EISDIR$/,
    ],
    [
      'initScripts:\n  variables: { PapertrailSit: x }\n',
      /^box\.yaml:2: initScripts\.variables\.PapertrailSit: is not known: did you mean PapertrailSite\?$/,
    ],
    ['initScripts: { secretSeconds: 1 }', /secretSeconds: give a whole number from 10 to 86400, not "1"$/],
    // Who is told: what is written may be a secret, and is not repeated.
    [
      'notify: { slack: { webhook: T0/canary } }',
      /^box\.yaml:1: notify\.slack\.webhook: give an address like (?!.*canary)/,
    ],
    [
      'notify:\n  webhooks:\n    - { name: a, url: canary }\n',
      /^box\.yaml:3: notify\.webhooks\[0\]\.url: give an address like (?!.*canary)/,
    ],
    ['notify: { webhooks: [{ name: a }] }', /webhooks\[0\]: url is missing$/],
    ['notify: { webhooks: [{ name: slack, url: "http://x" }] }', /webhooks\[0\]\.name: slack has a place of its own/],
    ['notify: { webhooks: [{ name: "A b", url: "http://x" }] }', /webhooks\[0\]\.name: give a-z, 0-9 and -/],
    [
      'notify:\n  webhooks:\n    - { name: a, url: "http://x" }\n    - { name: a, url: "http://y" }\n',
      'box.yaml:4: notify.webhooks[1]: there are two with the name a',
    ],
    [
      'notify: { webhooks: [{ name: a, url: "http://x", events: [instance.redy] }] }',
      /events\[0\]: give .*: did you mean instance\.ready\?$/,
    ],
    ['notify: { webhooks: [{ name: a, url: "http://x", events: [] }] }', /webhooks\[0\]: events is empty/],
    [
      'notify: { webhooks: [{ name: a, url: "http://x", secret: s, secretFile: f }] }',
      /webhooks\[0\]: give secret or secretFile, not both$/,
    ],
    ['notify: { webhooks: [{ name: a, url: "http://x", secretFile: empty }] }', /secretFile: the file is empty$/],
  ])('%j', (yaml, wanted) => {
    const said = complaint(yaml, { empty: ' \n' });
    expect(said).not.toContain('\n');
    if (typeof wanted === 'string') expect(said).toBe(wanted);
    else expect(said).toMatch(wanted);
  });

  test('a template that is no UTF-8, or far too large', () => {
    expect(complaint('initScripts: { default: a }', { a: Buffer.from([0x61, 0xff]) })).toMatch(
      /default: a is not UTF-8$/,
    );
    expect(complaint('initScripts: { default: a }', { a: 'x'.repeat((1 << 20) + 1) })).toMatch(/larger than 1 MiB$/);
  });

  test('a file that is not there, or cannot be read', () => {
    const where = folder();
    mkdirSync(join(where, 'dir.yaml'));
    const message = (path: string) => (readConfigFile(join(where, path)) as { message: string }).message;
    expect(message('none.yaml')).toBe(`${where}/none.yaml: there is no such file`);
    expect(message('dir.yaml')).toBe(`${where}/dir.yaml: it cannot be read: EISDIR`);
    expect(complaint(`# ${'x'.repeat(1 << 20)}`)).toBe('box.yaml: it is larger than 1 MiB');
    expect(complaint(Buffer.from([0x61, 0x3a, 0xff]))).toBe('box.yaml: it is no UTF-8');
  });
});

describe('beside flags and variables', () => {
  test('a driver of the file counts where neither flag nor variable says one, and before AWS credentials', () => {
    const readFile = () => ({ outcome: 'ready', file: { ...noFile, driver: { kind: 'ec2' } } }) as const;
    const driver = (flags: object, env: Record<string, string>) => {
      const configured = serverSettings(flags, env, readFile);
      return configured.outcome === 'ready' ? configured.settings.driver : configured;
    };
    expect(driver({}, {})).toEqual({ kind: 'ec2' });
    expect(driver({ driver: 'command:x' }, {})).toEqual({ kind: 'command', program: 'x' });
    expect(driver({}, { SIGNALBOX_DRIVER: 'none' })).toBeNull();
    const none = () => ({ outcome: 'ready', file: { ...noFile, driver: { kind: 'none' } } }) as const;
    const configured = serverSettings({}, { AWS_PROFILE: 'x' }, none);
    expect(configured).toMatchObject({ settings: { driver: null } });
  });

  test('the flag names the file, else the variable, else it is the usual one', () => {
    const asked: (string | null)[] = [];
    const readFile = (path: string | null) => {
      asked.push(path);
      return { outcome: 'ready', file: noFile } as const;
    };
    serverSettings({ config: 'a.yaml' }, { SIGNALBOX_CONFIG: 'b.yaml' }, readFile);
    serverSettings({}, { SIGNALBOX_CONFIG: 'b.yaml' }, readFile);
    serverSettings({}, {}, readFile);
    expect(asked).toEqual(['a.yaml', 'b.yaml', null]);
  });

  test('what is wrong with the file is what is wrong with the setting', () => {
    const readFile = () => ({ outcome: 'wrong', message: 'box.yaml:1: x' }) as const;
    expect(serverSettings({}, {}, readFile)).toEqual({
      ...{ outcome: 'wrong', setting: '--config', message: 'box.yaml:1: x' },
    });
  });
});

test('the example is a file that a server takes', () => {
  const found = readConfigFile(join(root, 'examples/signalbox.yaml'));
  if (found.outcome === 'wrong') throw new Error(found.message);
  const { environments, pools, images, driver, ec2, scripts, notify } = found.file;
  expect([...environments.keys(), ...pools.keys(), ...images.keys()]).toEqual([
    ...['uat', 'load', 'docker', 'ami-0a1b2c3d', 'ami-0a1b2c3c'],
  ]);
  expect(driver).toEqual({ kind: 'command', program: join(root, 'examples/machines/processes.sh') });
  expect(ec2.sshFrom).toEqual(['10.0.0.0/8']);
  expect(scriptFault({ ...scripts, slackChannel: null })).toBeNull();
  expect(scripts.usual?.text).toContain('{{.InstanceBuildURL}}');
  expect(notify.webhooks).toHaveLength(1);
});

test('every key has its row in docs/configuration.md, and no other', () => {
  const known = (path: string, yaml: string): string[] => {
    const [, names = ''] = /is not known: there are (.*)$/.exec(complaint(yaml)) ?? [];
    return names.split(', ').map((name) => `${path}${path === '' ? '' : '.'}${name}`);
  };
  const odd = '{ zzzzzzzz: 1 }';
  const keys = [
    ...known('', odd).filter((name) => name === 'driver'),
    ...['environments.NAME', 'pools.NAME', 'images.ID'],
    ...known('environments.NAME', `environments: { a: ${odd} }`),
    ...known('pools.NAME', `pools: { a: ${odd} }`),
    ...known('pools.NAME.build', `pools: { a: { max: 1, build: ${odd} } }`),
    ...known('images.ID', `images: { a: ${odd} }`),
    ...known('ec2', `ec2: ${odd}`),
    ...known('initScripts', `initScripts: ${odd}`).map((name) => name.replace(/(queues|roles)$/, '$1.NAME')),
    ...known('notify', `notify: ${odd}`).filter((name) => name !== 'notify.slack'),
    ...known('notify.slack', `notify: { slack: ${odd} }`),
    ...known('notify.webhooks[]', `notify: { webhooks: [${odd}] }`),
  ];
  const page = pages.find(({ path }) => path === 'docs/configuration.md');
  const start = page?.prose.indexOf('| key | without it | what it is |') ?? -1;
  const rows = (page?.prose ?? []).slice(start + 2);
  const documented = rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .flatMap((line) => {
      const [first = '', ...others] = [...(line.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, key]) => key);
      return [first, ...others.map((name) => first.replace(/[^.]+$/, name as string))];
    });
  expect(documented.sort()).toEqual(keys.sort());
});

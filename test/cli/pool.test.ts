// Pools as people get them: real servers, whose machines are processes on this one.

import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { driverThat, gated, open, poolOf, withMachines } from './machines.ts';
import { lines, signalbox, start } from './process.ts';
import { serve } from './real-server.ts';
import { onTerminal, plain } from './terminal.ts';

describe('pool create', () => {
  test('makes one; whoever queues for its labels is given a machine that is built for it', async () => {
    const { server, there } = await withMachines();
    const made = await server.signalbox(['pool', 'create', 'docker', ...poolOf]);
    expect(made).toMatchObject({
      ...{ code: 0, stdout: '' },
      stderr:
        'signalbox: pool docker is made: 0 to 2 machines for pool=docker: small for org/ci, queue docker, role worker\n',
    });
    expect(there()).toEqual([]);
    const held = await server.signalbox([
      'run',
      '--label',
      'pool=docker',
      '--',
      'sh',
      '-c',
      'echo $SIGNALBOX_ENVIRONMENT',
    ]);
    expect(held.code).toBe(0);
    expect(held.stdout).toMatch(/^docker-\w+\n$/);
    expect(there()).toHaveLength(1);
  });

  test('takes all that is said, and the server’s word for the rest', async () => {
    const server = await serve();
    const all = [
      ...['pool', 'create', 'big', '--label', 'pool=big,os=linux', '--label', 'cpu=8', '--max', '7', '--min', '1'],
      ...['--idle', '2', '--idle-for', '1h', '--max-age', '1d', '--once', '--ready-when', 'started'],
      ...['--ready-within', '5m', '--site', 'org', '--env', 'ci', '--queue', 'docker', '--role', 'runner'],
      ...['--type', 'c5', '--image', 'ami-1', '--name-template', '{{.Env}}', '--subnet', 'sn-1'],
      ...['--security-group', 'sg-1', '--slack-channel', '#ci', '--json'],
    ];
    const build = {
      ...{ site: 'org', env: 'ci', queue: 'docker', role: 'runner', instanceType: 'c5', image: 'ami-1' },
      ...{ nameTemplate: '{{.Env}}', subnet: 'sn-1', securityGroup: 'sg-1', slackChannel: '#ci' },
    };
    expect(JSON.parse((await server.signalbox(all)).stdout)).toMatchObject({
      ...{ name: 'big', labels: { pool: 'big', os: 'linux', cpu: '8' }, max: 7, min: 1, idle: 2, idleForSeconds: 3600 },
      ...{ maxAgeSeconds: 86_400, once: true, readyWhen: 'started', readyWithinSeconds: 300, build },
    });
    const few = poolOf.slice(0, poolOf.indexOf('--ready-when'));
    const { stdout } = await server.signalbox(['pool', 'create', 'small', ...few, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ min: 0, idle: 0, idleForSeconds: 600, maxAgeSeconds: null, once: false, readyWhen: 'finished' },
      ...{ readyWithinSeconds: 1800, build: { role: 'worker', image: null, subnet: null } },
    });
  });

  test('leaves one that is there as it is', async () => {
    const server = await serve();
    await server.signalbox(['pool', 'create', 'docker', ...poolOf]);
    const { code, stderr } = await server.signalbox(['pool', 'create', 'docker', ...poolOf, '--max', '9']);
    expect({ code, stderr: lines(stderr)[0] }).toEqual({
      ...{ code: 64, stderr: 'signalbox: pool docker exists already. [usage]' },
    });
    expect((await server.send('GET', '/v1/pools')).items).toMatchObject([{ name: 'docker', max: 2 }]);
  });

  test.each([
    [['create', 'x'], 'which machines? Missing: --label, --max, --site, --env, --queue, --type. [usage]'],
    [
      ['create', 'x', '--label', 'a=b', '--site', 'org', '--max', '1'],
      'which machines? Missing: --env, --queue, --type. [usage]',
    ],
    [['create', 'x', ...poolOf, '--max', '501'], '--max: "501" is not a whole number from 1 to 500. [usage]'],
    [['create', 'x', ...poolOf, '--idle-for', 'long'], '--idle-for: "long" is not a duration. [usage]'],
    [
      ['create', 'x', ...poolOf, '--ready-when', 'ready'],
      '--ready-when: "ready" is neither started nor finished. [usage]',
    ],
    [['create', 'x', ...poolOf, '--label', 'docker'], '--label: "docker" is not a label. [usage]'],
    [['set', 'x'], 'nothing to change. [usage]'],
  ])('%j is wrong usage, and nobody is asked', async (args, what) => {
    const { code, stderr } = await signalbox(['pool', ...args]);
    expect({ code, what: lines(stderr)[0] }).toEqual({ code: 64, what: `signalbox: ${what}` });
  });

  test('that cannot be is refused by the server, and said why', async () => {
    const server = await serve();
    const { code, stderr } = await server.signalbox(['pool', 'create', 'docker', ...poolOf, '--min', '3']);
    expect({ code, stderr }).toEqual({
      ...{ code: 64, stderr: 'signalbox: min (3) is more than max (2). [invalid_request]\n' },
    });
  });
});

describe('pool set', () => {
  test('changes what is given, and nothing else', async () => {
    const server = await serve();
    await server.signalbox(['pool', 'create', 'docker', ...poolOf, '--image', 'ami-1', '--once', '--max-age', '1h']);
    const [before] = (await server.send('GET', '/v1/pools')).items;
    const one = await server.signalbox(['pool', 'set', 'docker', '--max', '5', '--label', 'os=linux', '--json']);
    const changed = { ...before, max: 5, labels: { pool: 'docker', os: 'linux' } };
    expect(JSON.parse(one.stdout)).toEqual(changed);
    await server.signalbox(['pool', 'set', 'docker', '--type', 'large', '--subnet', 'sn-1']);
    const build = { ...before.build, instanceType: 'large', subnet: 'sn-1' };
    expect((await server.send('GET', '/v1/pools')).items).toEqual([{ ...changed, build }]);
  });

  test('takes away with none, --no-once and --unlabel', async () => {
    const server = await serve();
    const more = ['--image', 'ami-1', '--once', '--max-age', '1h', '--label', 'os=linux'];
    await server.signalbox(['pool', 'create', 'docker', ...poolOf, ...more]);
    const away = ['--image', 'none', '--no-once', '--max-age', 'none', '--unlabel', 'os'];
    const { labels, once, maxAgeSeconds, build } = JSON.parse(
      (await server.signalbox(['pool', 'set', 'docker', ...away, '--json'])).stdout,
    );
    expect({ labels, once, maxAgeSeconds, image: build.image, type: build.instanceType }).toEqual({
      ...{ labels: { pool: 'docker' }, once: false, maxAgeSeconds: null, image: null, type: 'small' },
    });
  });

  test('of a name that is only nearly right asks which one was meant', async () => {
    const server = await serve();
    await server.signalbox(['pool', 'create', 'docker', ...poolOf]);
    const { code, stderr } = await server.signalbox(['pool', 'set', 'dokker', '--max', '5']);
    expect({ code, stderr: lines(stderr)[0] }).toEqual({
      ...{ code: 64, stderr: 'signalbox: There is no pool dokker. Did you mean docker? [pool_unknown]' },
    });
  });
});

describe('pool list, pool show', () => {
  test('say in a pipe how many machines there are and how they are', async () => {
    const { server, place } = await withMachines(driverThat(gated));
    expect(await server.signalbox(['pool', 'list'])).toMatchObject({
      ...{ code: 0, stdout: '', stderr: 'signalbox: there are no pools. The first: signalbox pool create\n' },
    });
    await server.signalbox(['pool', 'create', 'docker', ...poolOf]);
    const figures = async (): Promise<string[]> =>
      (await server.signalbox(['pool', 'show', 'docker'])).stdout.split('\t').slice(2, 8);
    const what = ['0', '2', '0', '', 'small', 'org', 'ci', 'docker', 'worker', 'api'];
    const none = ['docker', 'pool=docker', ...Array(6).fill('0'), ...what].join('\t');
    expect((await server.signalbox(['pool', 'list'])).stdout).toBe(`${none}\n`);
    const holding = start('signalbox', ['acquire', '--label', 'pool=docker'], server.env);
    // There, being built, free, held, being ended, wanted.
    await eventually(async () => expect(await figures()).toEqual(['1', '1', '0', '0', '0', '1']));
    open(place);
    expect((await holding.ended).code).toBe(0);
    expect(await figures()).toEqual(['1', '0', '0', '1', '0', '0']);
  });

  test('are tables on a terminal, and say in words how a pool stands', async () => {
    const { server } = await withMachines(driverThat('echo "no room" >&2; exit 1'));
    await server.signalbox(['pool', 'create', 'docker', ...poolOf, '--slack-channel', '#ci']);
    const listed = lines(plain(await onTerminal(server, 'pool list', 140)));
    expect(listed.map((line) => line.trimEnd().split(/ {2,}/))).toEqual([
      ['', 'POOL', 'STATE', 'MACHINES', 'FREE', 'HELD', 'WANTED', 'LABELS', 'WHAT'],
      ['○', 'docker', 'empty', '0 of 2', '0', '0', '0', 'pool=docker', 'small for org/ci, queue docker, role worker'],
    ]);
    expect(lines(plain(await onTerminal(server, 'pool show docker')))).toEqual([
      '○ docker empty',
      '  labels    pool=docker',
      '  machines  0: 0 free, 0 held, 0 being built, 0 being ended',
      '  wanted    0 by requests in the queue',
      '  how many  0 to 2, 0 idle; one that nobody needs is kept for 10m',
      '  leases    one after the other',
      '  ready     as soon as it runs',
      '  built as  small for org/ci, queue docker, role worker',
      '  image     the newest active one of the role',
      '  channel   #ci',
    ]);
    await server.signalbox(['pool', 'set', 'docker', '--min', '1']);
    await eventually(async () =>
      expect(plain(await onTerminal(server, 'pool list'))).toMatch(/▲ {2}docker {2}paused for \d+s /),
    );
  });

  test('--json is in the shape of the API', async () => {
    const server = await serve();
    await server.signalbox(['pool', 'create', 'docker', ...poolOf]);
    const { items } = await server.send('GET', '/v1/pools');
    expect(JSON.parse((await server.signalbox(['pool', 'list', '--json'])).stdout)).toMatchObject({
      items,
      next: null,
    });
    expect(JSON.parse((await server.signalbox(['pool', 'show', 'docker', '--json'])).stdout)).toEqual(items[0]);
  });
});

describe('pool delete', () => {
  test('ends its machines once nobody holds them', async () => {
    const { server, there } = await withMachines();
    await server.signalbox(['pool', 'create', 'docker', ...poolOf]);
    const lease = (await server.signalbox(['acquire', '--label', 'pool=docker'])).stdout.trim();
    const { code, stderr } = await server.signalbox(['pool', 'delete', 'docker']);
    expect({ code, stderr }).toEqual({
      ...{ code: 0, stderr: 'signalbox: pool docker is deleted; its machine is ended once nobody holds it\n' },
    });
    expect((await server.send('GET', '/v1/pools')).items).toEqual([]);
    expect(there()).toHaveLength(1);
    await server.signalbox(['release', lease]);
    await eventually(() => expect(there()).toEqual([]));
  });

  test('of one without machines says only that', async () => {
    const server = await serve();
    await server.signalbox(['pool', 'create', 'docker', ...poolOf]);
    expect((await server.signalbox(['pool', 'delete', 'docker'])).stderr).toBe('signalbox: pool docker is deleted\n');
  });
});

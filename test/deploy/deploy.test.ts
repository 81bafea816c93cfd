// What is in deploy/, as far as it can be held against the program without a container engine: it is YAML, every variable, flag,
// port and path in it means something to the server, and the command of the image runs with the environment that is given there.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { SERVER_OPTIONS, serverSettings } from '../../src/config.ts';
import { type Env, root, startFile } from '../cli/process.ts';
import { type Cluster, freePort, startCluster } from '../log/postgres-cluster.ts';

const read = (file: string) => readFileSync(join(root, file), 'utf8');
// biome-ignore lint/suspicious/noExplicitAny: what is in it is what the tests are about
type Yaml = any;

const dockerfile = read('Dockerfile');
const caddyfile = read('deploy/Caddyfile').replace(/^\s*#.*$/gm, '');
const compose: Yaml = parse(read('deploy/compose.yaml'), { merge: true });
const manifests: Yaml[] = readdirSync(join(root, 'deploy/kubernetes')).map((name) =>
  parse(read(`deploy/kubernetes/${name}`)),
);
const [deployment, service, budget, secret]: Yaml[] = ['Deployment', 'Service', 'PodDisruptionBudget', 'Secret'].map(
  (kind) => manifests.find((manifest) => manifest.kind === kind),
);
const pod: Yaml = deployment.spec.template.spec;
const container: Yaml = pod.containers[0];

/** By name, the environment of each server; what comes from outside is `given`. */
const servers: Record<string, Env> = {
  ...Object.fromEntries(
    Object.entries(compose.services as Record<string, Yaml>)
      .filter(([, { image }]) => image === 'signalbox')
      .map(([name, { environment }]) => [name, mapped(environment, substituted)]),
  ),
  kubernetes: Object.fromEntries(
    container.env.map(({ name, value, valueFrom }: Yaml) => [
      name,
      value ?? secret.stringData[valueFrom.secretKeyRef.key],
    ]),
  ),
};

function mapped(values: Record<string, string>, change: (value: string) => string): Env {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

/** `${NAME:-default}` is the default, `${NAME:?why}` and `${NAME}` are given. */
function substituted(value: string): string {
  return value.replace(/\$\{\w+(?::-([^}]*)|[^}]*)\}/g, (_, usual?: string) => usual ?? 'given');
}

const port = Number(/^EXPOSE (\d+)$/m.exec(dockerfile)?.[1]);
const imageEnv: Env = Object.fromEntries(
  [...dockerfile.matchAll(/\b(SIGNALBOX_[A-Z_]+|NODE_ENV)=(\S+)/g)].map(([, name, value]) => [name, value]),
);

describe('the environment of the servers', () => {
  test('there are two in compose, and one form of them in kubernetes', () => {
    expect(Object.keys(servers)).toEqual(['signalbox-1', 'signalbox-2', 'kubernetes']);
    expect(deployment.spec.replicas).toBe(2);
  });

  test.each(Object.entries(servers))('of %s is right, and each variable of it is known', (_, env) => {
    const configured = serverSettings({}, { ...imageEnv, ...env });
    expect(configured).toMatchObject({ outcome: 'ready', settings: { port, store: { kind: 'postgres' } } });
    const known = Object.values(SERVER_OPTIONS).flatMap(({ environment }) => [...environment]);
    const strangers = Object.keys(env).filter(
      (name) => !known.includes(name) && !['API_KEY', 'PGPASSWORD'].includes(name),
    );
    expect(strangers).toEqual([]);
    expect(JSON.stringify(configured)).toContain(`"password":${JSON.stringify(env.PGPASSWORD)}`);
  });

  test('names keys of the Secret that the example has', () => {
    for (const { valueFrom } of container.env as Yaml[]) {
      if (valueFrom === undefined) continue;
      expect(valueFrom.secretKeyRef.name).toBe(secret.metadata.name);
      expect(Object.keys(secret.stringData)).toContain(valueFrom.secretKeyRef.key);
    }
  });

  test('leaves the command to the image', () => {
    const given = [
      ...Object.values(compose.services as Yaml[]).filter(({ image }) => image === 'signalbox'),
      container,
    ];
    for (const { command, args, entrypoint } of given)
      expect([command, args, entrypoint]).toEqual([undefined, undefined, undefined]);
  });
});

test('ports, names and health routes are those of the image', () => {
  const upstreams = /reverse_proxy ([^{]+)\{/.exec(caddyfile)?.[1]?.trim().split(/\s+/);
  expect(upstreams).toEqual(['signalbox-1', 'signalbox-2'].map((name) => `${name}:${port}`));
  const listens = /^:(\d+) \{/m.exec(caddyfile)?.[1];
  expect(compose.services.proxy.ports).toEqual([`8080:${listens}`]);
  expect(/health_uri (\S+)/.exec(caddyfile)?.[1]).toBe('/readyz');
  expect(container.ports).toEqual([{ name: 'http', containerPort: port }]);
  expect(service.spec.ports[0].targetPort).toBe('http');
  expect(dockerfile).toContain('/healthz`');
  for (const [probe, path] of Object.entries({
    startupProbe: '/healthz',
    readinessProbe: '/readyz',
    livenessProbe: '/healthz',
  }))
    expect(container[probe].httpGet).toEqual({ path, port: 'http' });
});

test('what selects servers selects these', () => {
  const { labels } = deployment.spec.template.metadata;
  for (const selector of [
    deployment.spec.selector.matchLabels,
    service.spec.selector,
    budget.spec.selector.matchLabels,
    pod.topologySpreadConstraints[0].labelSelector.matchLabels,
  ])
    expect(selector).toEqual(labels);
  expect(budget.spec.minAvailable).toBeLessThan(deployment.spec.replicas);
});

test('a stop has the time that it takes', () => {
  const stopSeconds = Number(/CLOSE_MS = ([\d_]+)/.exec(read('src/cli/serve.ts'))?.[1]?.replaceAll('_', '')) / 1000;
  expect(stopSeconds).toBe(10);
  const preStop = Number(container.lifecycle.preStop.exec.command[1]);
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(preStop + stopSeconds);
  const { readinessProbe } = container;
  expect(preStop).toBeGreaterThanOrEqual(readinessProbe.periodSeconds * readinessProbe.failureThreshold);
  for (const name of ['signalbox-1', 'signalbox-2'])
    expect(Number.parseInt(compose.services[name].stop_grace_period, 10)).toBeGreaterThan(stopSeconds);
});

test('nobody is root, and nothing is written but to the database', () => {
  expect(dockerfile).toMatch(/^USER node$/m);
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
  expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
  expect(compose.services['signalbox-1']).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
});

describe('the command of the image', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
    await cluster.query('CREATE ROLE signalbox LOGIN');
    await cluster.query('CREATE DATABASE signalbox OWNER signalbox');
  });
  afterAll(() => cluster.stop());

  const listOf = (instruction: string): string[] =>
    JSON.parse(new RegExp(`^ *${instruction} (\\[.*\\])$`, 'm').exec(dockerfile)?.[1] ?? '[]');

  test('runs with the environment of compose, twice on one database: ready, healthy, one state, and ends when asked', async () => {
    const urls: string[] = [];
    const started = [];
    for (const name of ['signalbox-1', 'signalbox-2']) {
      const env = runnable(servers[name] as Env, await freePort());
      const server = image(listOf('ENTRYPOINT'), env);
      const url = `http://127.0.0.1:${env.PORT}`;
      await expect
        .poll(
          () =>
            fetch(`${url}/readyz`).then(
              ({ status }) => status,
              () => 0,
            ),
          { timeout: 30_000 },
        )
        .toBe(200);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      expect(await image(listOf('CMD'), env).ended).toMatchObject({ code: 0 });
      urls.push(url);
      started.push(server);
    }
    const headers = { authorization: 'Bearer given', 'content-type': 'application/json' };
    const body = JSON.stringify({ environment: 'uat', holder: { name: 'anna' } });
    const granted = await fetch(`${urls[0]}/v1/leases`, { method: 'POST', headers, body });
    const { id, page } = (await granted.json()) as { id: string; page: string };
    expect(page).toMatch(/^http:\/\/localhost:8080\//);
    expect(await (await fetch(`${urls[1]}/v1/leases/${id}`, { headers })).json()).toMatchObject({ id, state: 'held' });
    for (const { child } of started) child.kill('SIGTERM');
    for (const { ended } of started) expect(await ended).toMatchObject({ code: 0 });
  });

  test('says no health where nothing listens', async () => {
    const env = runnable(servers['signalbox-1'] as Env, await freePort());
    expect(await image(listOf('CMD'), env).ended).toMatchObject({ code: 1 });
  });

  function runnable(env: Env, at: number): Env {
    const store = (env.SIGNALBOX_STORE ?? '').replace('@postgres:5432/', `@127.0.0.1:${cluster.port}/`);
    return { ...imageEnv, ...env, SIGNALBOX_STORE: store, PORT: `${at}`, SIGNALBOX_LOG_LEVEL: 'silent' };
  }

  function image([program = '', ...args]: string[], env: Env) {
    const file = program === 'node' ? process.execPath : program.replace('/opt/signalbox', root);
    return startFile(file, args, env);
  }
});

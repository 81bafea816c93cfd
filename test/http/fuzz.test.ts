// Whatever is asked, an answer comes that the OpenAPI file has promised: requests are made from its schemas, mostly such as fit,
// sent to one server, some at once, and each answer is held against its schema. More than the usual number, and a seed:
//   SIGNALBOX_FUZZ_REQUESTS=100000 SIGNALBOX_FUZZ_SEED=1 npx vitest run test/http/fuzz.test.ts

import fc from 'fast-check';
import { Compile } from 'typebox/compile';
import { expect, test } from 'vitest';
import { type ProblemCode, problemKinds } from '../../src/api/problems.ts';
import { names, type Schema, targets, valuesFor } from './schema-values.ts';
import { admin, type Reply, start } from './server.ts';

const requests = Number(process.env.SIGNALBOX_FUZZ_REQUESTS ?? 5_000);
const seed = Number(process.env.SIGNALBOX_FUZZ_SEED ?? Date.now() % 2 ** 31);

const atOnce = 10;

interface Operation {
  readonly parameters?: readonly { name: string; in: string; schema: Schema }[];
  readonly requestBody?: { content: { 'application/json': { schema: Schema } } };
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema?: Schema }> }>>;
}

interface Asked {
  readonly method: string;
  readonly route: string;
  readonly path: string;
  readonly body: unknown;
  readonly headers: Record<string, string>;
}

/** Leases that were made on the way, so that requests about a lease find one. */
const leases: string[] = ['ls_none'];

const key = fc.oneof(
  { weight: 200, arbitrary: fc.constant<Record<string, string>>({ authorization: `Bearer ${admin.key}` }) },
  { weight: 4, arbitrary: fc.constant<Record<string, string>>({}) },
  { weight: 1, arbitrary: fc.constant<Record<string, string>>({ 'x-api-key': 'wrong' }) },
);

/** So that environments are held and waited for: what is made from the schema alone asks for too much at once. */
const plainAsk = fc.record(
  {
    environment: fc.constantFrom('uat', 'db-1', 'a/b'),
    queueSeconds: fc.constantFrom(0, 1, null),
    ttlSeconds: fc.constantFrom(1, 5, null),
    priority: fc.constantFrom(0, 1),
  },
  { requiredKeys: ['environment'] },
);

/** Bodies that mostly fit what else is asked, by route: else little is ever held, set or met. */
const plainBodies: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  'POST /v1/leases': plainAsk,
  'PUT /v1/barriers/{name}': fc.record({ parties: fc.constantFrom<unknown>(1, 2, ['a', 'b']) }),
  'POST /v1/barriers/{name}/arrivals': fc.record({ party: fc.constantFrom('a', 'b', 'c') }),
  'PUT /v1/signals/{name}': fc.constantFrom({}, { data: { n: 1 } }, { failure: { reason: 'no' } }),
  'POST /v1/waits': fc
    .tuple(fc.constantFrom('any', 'all'), fc.array(targets, { minLength: 1, maxLength: 3 }))
    .map(([mode, conditions]) => ({ [mode]: conditions })),
};

/** A wait that says nothing lasts for half a minute, and nothing more would be seen in it. */
function soonOver(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const { timeoutSeconds } = body as { timeoutSeconds?: unknown };
  const isLong = timeoutSeconds === undefined || (Number(timeoutSeconds) > 0.05 && Number(timeoutSeconds) <= 3600);
  return isLong ? { ...body, timeoutSeconds: 0.05 } : body;
}

function asked(method: string, route: string, operation: Operation): fc.Arbitrary<Asked> {
  const parameters = operation.parameters ?? [];
  const inPath = parameters.filter((each) => each.in === 'path');
  const query = parameters.filter((each) => each.in === 'query');
  const paths = fc.tuple(...inPath.map(({ name, schema }) => pathValue(route, name, schema)));
  const queries = fc.record(Object.fromEntries(query.map(({ name, schema }) => [name, queryValue(name, schema)])), {
    requiredKeys: [],
  });
  const bodySchema = operation.requestBody?.content['application/json'].schema;
  const made = bodySchema === undefined ? fc.constant(undefined) : valuesFor(bodySchema);
  const plain = plainBodies[`${method} ${route}`];
  const body = (plain === undefined ? made : fc.oneof(made, plain)).map((each) =>
    route === '/v1/waits' ? soonOver(each) : each,
  );
  const idempotency = fc.option(fc.constantFrom('a', 'b', 'c', 'not right'), { nil: undefined, freq: 3 });
  return fc.tuple(paths, queries, body, key, idempotency).map(([values, queried, content, headers, idempotencyKey]) => {
    const path = inPath.reduce(
      (made, { name }, i) => made.replace(`{${name}}`, () => encodeURIComponent(textOf(values[i]).toWellFormed())),
      route,
    );
    const text = new URLSearchParams(queried as Record<string, string>).toString();
    return {
      ...{ method, route, path: text === '' ? path : `${path}?${text}`, body: content },
      headers: { ...headers, ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }) },
    };
  });
}

const namesInPaths = names.filter((each) => each !== '..' && each !== '');

function pathValue(route: string, name: string, schema: Schema): fc.Arbitrary<unknown> {
  if (name === 'id' && route.startsWith('/v1/leases/'))
    return fc
      .nat()
      .map((n) => (n % 10 === 0 ? 'ls_none' : leases[leases.length - 1 - (n % Math.min(20, leases.length))]));
  const usual = fc.constantFrom('uat', 'db-1');
  if (name === 'name' && /signals|barriers/.test(route)) return fc.oneof(usual, fc.constantFrom(...namesInPaths));
  if (name === 'name') return fc.constantFrom(...namesInPaths);
  return valuesFor(schema, name);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

function queryValue(name: string, schema: Schema): fc.Arbitrary<string> {
  // Short: a poll that is held for a minute shows nothing more.
  if (name === 'wait') return fc.constantFrom('0', '0.01', '-1', 'x', '61');
  return valuesFor(schema, name).map(textOf);
}

test(`${requests} requests made from the OpenAPI file are all answered as it says (seed ${seed})`, async () => {
  const server = await start({
    ...{ adminKeys: [admin], maxEnvironments: 12, graceSeconds: 1, maxWaits: 2, probeAllow: ['127.0.0.1:1'] },
  });
  const { json: api } = await server.call('GET', '/openapi.json');
  const operations = Object.entries<Record<string, Operation>>(api.paths)
    .flatMap(([route, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), route, operation })),
    )
    .filter(({ route }) => route !== '/v1/events/stream');
  const checks = new Map<string, ReturnType<typeof Compile>>();
  const problemSchema = operations[0]?.operation.responses.default?.content?.['application/problem+json']?.schema;
  const isProblem = Compile(problemSchema as object);
  const counts = new Map<string, number>();

  const check = ({ method, route }: Asked, reply: Reply): void => {
    const operation = api.paths[route][method.toLowerCase()] as Operation;
    const { status, json } = reply;
    if (typeof json?.outcome === 'string') counts.set(json.outcome, (counts.get(json.outcome) ?? 0) + 1);
    counts.set(json?.code ?? String(status), (counts.get(json?.code ?? String(status)) ?? 0) + 1);
    expect(status).toBeLessThan(500);
    if (status >= 400) {
      expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(isProblem.Errors(json)).toEqual([]);
      expect(problemKinds[json.code as ProblemCode]?.status).toBe(status);
      expect(json.requestId).toBe(reply.headers.get('signalbox-request-id'));
      expect(json.detail).not.toMatch(/schema is|\[object/);
      return;
    }
    const promised = operation.responses[status];
    expect(promised, `${method} ${route} does not promise ${status}`).toBeDefined();
    const schema = promised?.content?.['application/json']?.schema;
    if (schema === undefined) {
      expect(reply.text).toBe('');
      return;
    }
    const name = `${method} ${route} ${status}`;
    const validator = checks.get(name) ?? Compile(schema as object);
    checks.set(name, validator);
    expect(validator.Errors(json)).toEqual([]);
  };

  const weighted = operations.map((each) => ({
    weight: /^\/v1\/(leases|waits|signals|barriers)/.test(each.route) ? 4 : 1,
    arbitrary: asked(each.method, each.route, each.operation),
  }));
  const ask = async (request: Asked): Promise<void> => {
    const { method, path, body, headers } = request;
    const reply = await server.call(method, path, { body, headers });
    try {
      check(request, reply);
    } catch (error) {
      throw new Error(`${JSON.stringify(request)} was answered ${reply.status} ${reply.text}`, { cause: error });
    }
    if (typeof reply.json?.id === 'string' && reply.json.id.startsWith('ls_')) leases.push(reply.json.id);
  };
  const together = fc.array(fc.oneof(...weighted), { minLength: atOnce, maxLength: atOnce });
  await fc.assert(
    fc.asyncProperty(together, async (some) => void (await Promise.all(some.map(ask)))),
    // What came before is part of what goes wrong, so nothing is made smaller: the seed repeats it.
    { numRuns: Math.ceil(requests / atOnce), seed, endOnFailure: true },
  );
  // A run that is refused everywhere shows nothing. What a run meets by the hundred must be there; of what it meets
  // a few times, and so now and then not at all, most.
  const seen = (outcome: string) => (counts.get(outcome) ?? 0) > 0;
  const usual = ['200', '201', '204', 'invalid_name', 'invalid_request', 'invalid_target', 'barrier_unknown'];
  expect(usual.filter((outcome) => !seen(outcome))).toEqual([]);
  const rare = [
    ...['202', 'environment_busy', 'unknown_field', 'signal_unset', 'signal_failed', 'barrier_broken'],
    ...['barrier_differs', 'party_unknown', 'target_not_allowed', 'too_many_waits', 'met', 'failed', 'timed_out'],
  ];
  expect(rare.filter(seen).length).toBeGreaterThanOrEqual(6);
  expect(await server.call('GET', '/readyz')).toMatchObject({ status: 200 });
}, 3_600_000);

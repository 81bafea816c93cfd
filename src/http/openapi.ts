// /openapi.json, made from the schemas that validate, and /docs to read it. The pages of /docs come with @fastify/swagger-ui and
// are read from its folder when somebody asks, so that a start does not pay for them.

import { readFile } from 'node:fs/promises';
import { STATUS_CODES } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import swagger from '@fastify/swagger';
import type { RouteOptions } from 'fastify';
import { Type } from 'typebox';
import { problemKinds } from '../api/problems.ts';
import { Problem as ProblemSchema } from '../api/schemas.ts';
import type { App, Context } from './context.ts';
import { Problem } from './problem.ts';

const files: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui-standalone-preset.js': 'text/javascript; charset=utf-8',
};

const query = Type.Object({}, { additionalProperties: false });
const failure = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: ProblemSchema } },
});
const secretHeader = {
  name: 'Signalbox-Lease-Secret',
  in: 'header',
  required: false,
  description: 'The secret of the lease: shows that it is yours',
  schema: { type: 'string' },
};
/** Of any route of /v1; said once, since most callers never need it. */
const spaceHeader = {
  name: 'Signalbox-Space',
  in: 'header',
  required: false,
  description:
    'The space that is meant, for admins of main and where no key is asked for. Without it: that of the key. Any route of /v1 but those of /v1/spaces, which are about the server, heeds it',
  schema: { type: 'string', pattern: '^[a-z0-9]+(-[a-z0-9]+)*$', maxLength: 40 },
};
/** Headers that mean something to a route; they are read by hand, so the schemas do not tell of them. */
const headersOf: Readonly<Record<string, readonly object[]>> = {
  'POST /v1/leases': [
    {
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description: 'The same key with the same request is the same lease, however often it is sent',
      schema: { type: 'string', minLength: 1, maxLength: 200 },
    },
  ],
  'GET /v1/leases/{id}': [secretHeader],
  'DELETE /v1/leases/{id}': [secretHeader],
  'POST /v1/leases/{id}/renew': [secretHeader],
  'GET /v1/events/stream': [{ name: 'Last-Event-ID', in: 'header', required: false, schema: { type: 'string' } }],
};

/** What holds for every route of /v1: a query has no unknown fields, and any error is a problem. */
export function completeRoute(route: RouteOptions): void {
  const schema = (route.schema ?? {}) as { querystring?: unknown; response?: Record<string, unknown> };
  schema.querystring ??= query;
  const response: Record<string, unknown> = { ...schema.response };
  for (const status of Object.keys(response)) {
    if (Number(status) >= 400) response[status] = failure(STATUS_CODES[status] ?? 'An error');
  }
  response.default ??= failure('Any error: docs/errors.md lists every code');
  schema.response = response;
  route.schema = schema as typeof route.schema;
}

const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Signalbox API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
`;
const start = "window.ui = SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true });\n";
const policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

export async function openapi(app: App, { settings }: Context): Promise<void> {
  await app.register(swagger as never, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Signalbox',
        version: settings.version,
        description:
          'Pipelines take turns on shared environments. A key opens its own space; the header Signalbox-Space (components, parameters) names another one.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
        parameters: { Space: spaceHeader },
      },
      security: [{ key: [] }, {}],
    },
    transformObject: withHeaders,
  });
  const hidden = { schema: { hide: true } };
  app.get('/openapi.json', hidden, async () => (app as unknown as { swagger(): unknown }).swagger());
  app.get('/docs', hidden, async (_request, reply) =>
    reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(page),
  );
  // Where the `type` of every problem points.
  app.get('/docs/errors', hidden, async (_request, reply) =>
    reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(errorsPage()),
  );
  app.get('/docs/:file', hidden, async (request, reply) => {
    const { file } = request.params as { file: string };
    if (file === 'start.js') return reply.type('text/javascript; charset=utf-8').send(start);
    const type = files[file];
    if (type === undefined) throw new Problem('unknown_route', 'There is no such file in the docs.');
    const folder = dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui/package.json'));
    return reply
      .type(type)
      .header('cache-control', 'max-age=3600')
      .send(await readFile(join(folder, 'static', file)));
  });
}

function errorsPage(): string {
  const rows = Object.entries(problemKinds).map(
    ([code, { status, title, remedy }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}. ${remedy}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Signalbox errors</title>
<style>body{font:14px/20px system-ui;margin:24px}td,th{padding:4px 12px 4px 0;text-align:left;vertical-align:top}tr:target{background:#ebeef2}</style></head>
<body><h1>Errors</h1><table><tr><th>code</th><th>status</th><th>meaning, and what to do</th></tr>
${rows.join('\n')}
</table></body></html>
`;
}

type Operation = { parameters?: object[] };

function withHeaders(document: { openapiObject?: { paths?: Record<string, Record<string, Operation>> } }): object {
  const api = document.openapiObject ?? {};
  for (const [path, operations] of Object.entries(api.paths ?? {})) {
    for (const [method, operation] of Object.entries(operations)) {
      const headers = headersOf[`${method.toUpperCase()} ${path}`];
      if (headers !== undefined) operation.parameters = [...(operation.parameters ?? []), ...headers];
    }
  }
  return api;
}

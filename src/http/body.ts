// Bodies: JSON by its content type, or none. An empty body is no body, whatever its type says: many clients send a content type
// with every POST.

import type { FastifyRequest } from 'fastify';
import type { App } from './context.ts';
import { Problem } from './problem.ts';

export function jsonBodies(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error') as (
    request: FastifyRequest,
    body: string,
    done: (error: Error | null, value?: unknown) => void,
  ) => void;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '') return done(null, undefined);
    parse(request, body, (error, value) => (error === null ? done(null, value) : done(inWords(error))));
  });
}

function inWords(error: Error): Problem {
  const words = error.message.includes('prototype')
    ? 'The body has a key that is not allowed: __proto__, or constructor with prototype.'
    : 'The body is not valid JSON.';
  return new Problem('malformed_json', words);
}

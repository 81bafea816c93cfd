// The routes that there are, so that a request which misses can be told what was probably meant. What always holds: no route
// has a path that would be a key of web-rendezvous with another method.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { nearestName } from '../core/names.ts';
import { Problem, sendProblem } from './problem.ts';
import { decoded, pathOf, rootPath, segmentsOf } from './root-key.ts';

/** Of a path that is not there, in a sentence. */
const pathShown = 200;

export class RouteList {
  readonly #routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  /**
   * What a path may have been meant as, to the route as it is written. Grouped by which segments are parameters (`xx:x`): these
   * match whatever stands there. A route of /v1 is also there without its `/v1`, because that is how it is mistyped.
   */
  readonly #forms = new Map<string, Map<string, string>>();

  /** `only405`: a route that is there only to refuse some methods in the words of an older system. */
  add(method: string | string[], path: string, config: { only405?: boolean } | undefined): void {
    // What takes everything is no route that anybody can have meant.
    if (config?.only405 === true || path.endsWith('*')) return;
    if (rootPath(path).kind !== 'reserved') throw new Error(`${path} would be a key: reserve it in root-key.ts first`);
    const known = this.#routes.get(path) ?? { pattern: patternOf(path), methods: new Set<string>() };
    for (const one of [method].flat()) known.methods.add(one);
    this.#routes.set(path, known);
    this.#addForm(path, path);
    if (path.startsWith('/v1/')) this.#addForm(path.slice('/v1'.length), path);
  }

  /** Methods of the routes that match a path. */
  methodsOf(path: string): string[] {
    const methods = new Set<string>();
    for (const route of this.#routes.values())
      if (route.pattern.test(path)) for (const method of route.methods) methods.add(method);
    return [...methods].sort();
  }

  /** The route, as it is written (`/v1/leases/:id`), that was probably meant by a path; null when there is none like it. */
  nearest(path: string): string | null {
    const parts = segmentsOf(path);
    let found: string | null = null;
    for (const [mask, forms] of this.#forms) {
      if (mask.length !== parts.length) continue;
      const masked = `/${parts.map((part, i) => (mask[i] === ':' ? ':' : part)).join('/')}`;
      const exact = forms.get(masked);
      if (exact !== undefined) return exact;
      const near = found === null ? nearestName(masked, forms.keys()) : null;
      if (near !== null) found = forms.get(near) as string;
    }
    return found ?? this.#nearestPlain(`/${parts.join('/')}`);
  }

  /** Answers a request that no route takes: 405 with Allow, or 404 with the nearest route. */
  miss(request: FastifyRequest, reply: FastifyReply, remark = 'All routes are at /docs.'): FastifyReply {
    const path = pathOf(request.url);
    const methods = this.methodsOf(path);
    if (methods.length > 0) {
      const allow = methods.join(', ');
      const detail = `${request.method} is not allowed here, but ${allow} is.`;
      return sendProblem(request, reply, new Problem('method_not_allowed', detail, { headers: { allow } }));
    }
    const nearest = this.nearest(decoded(path) ?? path);
    const hint = nearest === null ? remark : `Did you mean ${nearest}?`;
    const shown = path.length > pathShown ? `${path.slice(0, pathShown)}…` : path;
    const problem = new Problem('unknown_route', `There is no ${shown}. ${hint}`, { facts: { nearest } });
    return sendProblem(request, reply, problem);
  }

  #addForm(form: string, path: string): void {
    const parts = form.split('/').slice(1);
    const mask = parts.map((part) => (part.startsWith(':') ? ':' : 'x')).join('');
    const forms = this.#forms.get(mask) ?? new Map<string, string>();
    const masked = `/${parts.map((part) => (part.startsWith(':') ? ':' : part)).join('/')}`;
    if (!forms.has(masked)) forms.set(masked, path);
    this.#forms.set(mask, forms);
  }

  /** With a slash too many or too few: `/v1leases`. */
  #nearestPlain(whole: string): string | null {
    const plain = [...this.#routes.keys()].filter((path) => !path.includes(':'));
    return nearestName(whole, plain);
  }
}

function patternOf(path: string): RegExp {
  const parts = path
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}$`);
}

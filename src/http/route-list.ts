// The routes that there are, so that a request which misses can be told what was probably meant.

export class RouteList {
  readonly #routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();

  /** `only405`: a route that is there only to refuse some methods in the words of an older system. */
  add(method: string | string[], path: string, config: { only405?: boolean } | undefined): void {
    if (config?.only405 === true) return;
    const known = this.#routes.get(path) ?? { pattern: patternOf(path), methods: new Set<string>() };
    for (const one of [method].flat()) known.methods.add(one);
    this.#routes.set(path, known);
  }

  /** Patterns as they are written: `/v1/leases/:id`. */
  get paths(): Iterable<string> {
    return this.#routes.keys();
  }

  /** Methods of the routes that match a path. */
  methodsOf(path: string): string[] {
    const methods = new Set<string>();
    for (const route of this.#routes.values())
      if (route.pattern.test(path)) for (const method of route.methods) methods.add(method);
    return [...methods].sort();
  }
}

function patternOf(path: string): RegExp {
  const parts = path
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}$`);
}

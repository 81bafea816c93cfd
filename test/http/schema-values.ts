// Values for a JSON schema of the OpenAPI file: mostly such as fit, and now and then one that almost does.

import fc from 'fast-check';

export interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  /** Of a record: what its values are. */
  readonly additionalProperties?: Schema | boolean;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
}

/** Few, so that requests meet; and some that are hard to carry. */
export const names = [
  ...[
    'uat',
    'db-1',
    'db-2',
    'a/b',
    'ü 日本',
    '😀',
    '%2F',
    '..',
    '',
    'x'.repeat(200),
    'x'.repeat(201),
    'a\nb',
    '\u0000',
  ],
];

const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(...names, -1, 1e308, '1', true, null),
);
const text = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...names) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
);

/** Of probes only such as nobody answers, on this machine: port 1 is refused at once. */
export const targets = fc.constantFrom(
  ...['signal:uat', 'uat', 'signal:db-1', 'barrier:uat', 'barrier:a/b', 'env:uat', 'env:db-1', 'lease:ls_none'],
  ...['tcp:127.0.0.1:1', 'http://127.0.0.1:1/x?y=z', 'redis://u:p@127.0.0.1:1/0', 'postgres://u:p@127.0.0.1:1/db'],
  ...[
    'tcp:10.0.0.1:80',
    'http://169.254.169.254/',
    'tpc:db:1',
    'instance:i',
    'tcp:',
    'signal:',
    'a\nb',
    '',
    ':',
    '\ud800',
  ],
);

/** A value for the schema, or, one time in twenty, any other. */
export function valuesFor(schema: Schema, name = ''): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 19, arbitrary: fitting(schema, name) }, { weight: 1, arbitrary: anything });
}

function fitting(schema: Schema, name: string): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (name === 'any' || name === 'all') return conditions(schema);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((each) => valuesFor(each, name)));
  switch (schema.type) {
    case 'string':
      return strings(schema, name);
    case 'integer':
      return fc.integer({ min: Math.max(schema.minimum ?? -5, -5), max: Math.min(schema.maximum ?? 20, 20) });
    case 'number':
      // Short: a wait that is held for a minute shows nothing more.
      if (name === 'timeoutSeconds' && schema.maximum === 3600) return fc.constantFrom(0, 0.01, 0.05);
      return fc.oneof(fc.integer({ min: 0, max: 100 }), fc.double({ noNaN: true, min: -1, max: 1e9 }));
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(valuesFor(schema.items ?? {}, name), { maxLength: 4 });
    case 'object':
      return objects(schema);
    default:
      return anything;
  }
}

function strings(schema: Schema, name: string): fc.Arbitrary<string> {
  if (schema.format === 'date-time')
    return fc.constantFrom('2099-01-01T00:00:00Z', '2020-01-01T00:00:00Z', '2099-13-01');
  if (name === 'scopes') return fc.constantFrom('read', 'acquire:uat', 'admin', 'nonsense', 'force:*');
  if (name === 'since' || name === 'until') return fc.constantFrom('1', '20', '2026-01-01T00:00:00Z', 'x');
  if (name === 'cursor') return fc.constantFrom('5', 'eyJrZXkiOiJ1YXQiLCJpbmRleCI6MX0', 'x');
  if (name === 'kind') return fc.constantFrom('lease.', 'lease.granted', 'key.', 'x');
  if (name === 'target') return targets;
  if (name === 'generation') return fc.constantFrom('', '', '7', 'a\tb');
  if (name === 'labels' || name === 'rows') return fc.constantFrom('a=b', 'leases', 'environments,freezes', '', 'x');
  return schema.maxLength !== undefined && schema.maxLength < 200 ? fc.string({ maxLength: 20 }) : text;
}

/** Written as texts, or with what they may have beside the target. */
function conditions({ items = {} }: Schema): fc.Arbitrary<unknown> {
  const written = (items.anyOf ?? []).find(({ type }) => type === 'object') ?? {};
  const one = fc.oneof(targets, valuesFor(written));
  return fc.array(one, { maxLength: 4 });
}

function objects({ properties, required = [], additionalProperties }: Schema): fc.Arbitrary<unknown> {
  if (typeof additionalProperties === 'object') {
    const keys = fc.constantFrom('a', 'kind', 'x/y', '__proto__', 'constructor', 'a b');
    return fc.dictionary(keys, fc.oneof(fc.constantFrom('b', 'c'), valuesFor(additionalProperties)), { maxKeys: 3 });
  }
  const fields = Object.fromEntries(
    Object.entries(properties ?? {}).map(([name, each]) => [name, valuesFor(each, name)]),
  );
  const known = fc.record(fields, { requiredKeys: required.filter((name) => name in fields) });
  const extra = fc.dictionary(fc.constantFrom('extra', '__proto__', 'Environment'), anything, { maxKeys: 1 });
  return fc.oneof(
    { weight: 19, arbitrary: known },
    { weight: 1, arbitrary: fc.tuple(known, extra).map(([a, b]) => ({ ...a, ...b })) },
  );
}

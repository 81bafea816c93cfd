// What is wrong with a value, as the end of a sentence that begins with the name of its field.

export interface Fault {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Record<string, unknown>;
  readonly message: string;
}

const types: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
};

/** Of all that was said about one value; `faults` has at least one. */
export function complaint(faults: readonly Fault[]): string {
  const allowed = faults.flatMap(allowedValues);
  if (allowed.length > 0) return `must be one of ${[...new Set(allowed)].join(', ')}`;
  const bound = faults.find(({ keyword }) => keyword in words);
  if (bound !== undefined) return words[bound.keyword]?.(bound.params) ?? bound.message;
  const wanted = faults.filter(({ keyword }) => keyword === 'type').map(({ params }) => String(params.type));
  if (wanted.length > 0) return `must be ${[...new Set(wanted.map((type) => types[type] ?? type))].join(' or ')}`;
  return faults[0]?.message ?? 'is not allowed';
}

const words: Readonly<Record<string, (params: Record<string, unknown>) => string>> = {
  minimum: ({ limit }) => `must be at least ${limit}`,
  maximum: ({ limit }) => `must be at most ${limit}`,
  minLength: ({ limit }) => `must have at least ${limit} characters`,
  maxLength: ({ limit }) => `must have at most ${limit} characters`,
  minItems: ({ limit }) => `must have at least ${limit} entries`,
  maxItems: ({ limit }) => `must have at most ${limit} entries`,
  maxProperties: ({ limit }) => `must have at most ${limit} entries`,
  format: () => 'must be a time such as 2026-11-23T08:00:00Z',
  // Only values of labels have a pattern.
  pattern: () => 'must not have commas or control characters',
};

function allowedValues({ keyword, params }: Fault): string[] {
  if (keyword === 'const') return [String(params.allowedValue)];
  return keyword === 'enum' ? (params.allowedValues as unknown[]).map(String) : [];
}

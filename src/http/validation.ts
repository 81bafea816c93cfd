// Checking requests against the schemas of src/api. What a query carries is text and is converted; a body is taken as it is: a
// number in quotes is a mistake that its writer wants to know of.

import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { nearestName } from '../core/names.ts';
import { complaint, type Fault } from './complaint.ts';
import { Problem } from './problem.ts';

/** For Fastify's `setValidatorCompiler`. */
export function validatorCompiler({ schema, httpPart }: { schema: unknown; httpPart?: string }) {
  const checked = schema as TSchema;
  const validator = Compile(checked);
  return (given: unknown): { value: unknown } | { error: Error } => {
    if (httpPart === 'body' && given === null && !validator.Check(null))
      return { error: new Problem('invalid_request', 'The body is missing: send JSON, at least {}.') };
    const value = httpPart === 'body' ? given : fromText(checked, given);
    if (validator.Check(value)) return { value };
    return { error: problemFor(validator.Errors(value) as unknown as Fault[], value, checked) };
  };
}

/** A query or the parameters of a path: text, read as the numbers and booleans that their schema wants, where it is exactly that. */
function fromText(schema: TSchema, given: unknown): unknown {
  const { properties = {} } = schema as { properties?: Record<string, { type?: string }> };
  return Object.fromEntries(
    Object.entries(given as Record<string, unknown>).map(([name, value]) => [
      name,
      typeof value === 'string' ? ofType(properties[name]?.type, value) : value,
    ]),
  );
}

function ofType(type: string | undefined, text: string): unknown {
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (type !== 'number' && type !== 'integer') return text;
  const value = /^-?\d{1,16}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : text;
}

function problemFor(faults: readonly Fault[], value: unknown, schema: TSchema): Problem {
  // Of a union every branch complains; the deepest complaint is about what the writer meant. That a field may not be there
  // (`boolean`) is also said by the object that it stands in.
  const deepest = faults.filter(({ keyword }) => keyword !== 'boolean').toSorted((a, b) => depth(b) - depth(a))[0];
  const unknown = faults.find(
    (fault) => fault.keyword === 'additionalProperties' && deepest !== undefined && depth(fault) >= depth(deepest),
  );
  if (unknown !== undefined) {
    const [name] = unknown.params.additionalProperties as string[];
    return unknownField(pathOf(unknown), String(name), schema);
  }
  if (deepest === undefined) {
    // The validator ends its list after some complaints; these were all of fields that may not be there.
    const path = pathOf(faults[0] as Fault);
    return unknownField(path.slice(0, -1), String(path.at(-1)), schema);
  }
  const fault = deepest;
  const missing = (fault.params.requiredProperties as string[] | undefined)?.[0];
  const path = pathOf(fault);
  if (missing !== undefined) path.push(missing);
  const field = path.join('.') || undefined;
  if (missing !== undefined) return new Problem('invalid_request', `${field} is missing.`, { field: field as string });
  if (field === undefined) return new Problem('invalid_request', `The body ${complaint([fault])}.`);
  const about = faults.filter(
    (other) => other.instancePath === fault.instancePath && !['boolean', 'anyOf'].includes(other.keyword),
  );
  const given = path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], value);
  const isDuration = /Seconds$|^wait$/.test(field) && typeof given === 'number';
  const detail = `${field} ${complaint(about)}${typeof given === 'number' ? `; ${given} was given` : ''}.`;
  return new Problem(isDuration ? 'invalid_duration' : 'invalid_request', detail, { field });
}

function unknownField(path: readonly string[], name: string, schema: TSchema): Problem {
  const prefix = path.join('.');
  const field = prefix === '' ? name : `${prefix}.${name}`;
  if (/(^|\.)labels$/.test(prefix)) {
    const detail = `${field}: the key of a label is 1 to 63 letters, digits and . _ / - without spaces.`;
    return new Problem('invalid_request', detail, { field });
  }
  const known = prefix === '' ? Object.keys((schema as { properties?: object }).properties ?? {}) : [];
  const nearest = nearestName(name, known);
  return new Problem(
    'unknown_field',
    `${field} is not a field of this request.${nearest === null ? '' : ` Did you mean ${nearest}?`}`,
    {
      field,
      facts: { nearest },
    },
  );
}

const pathOf = (fault: Fault): string[] => fault.instancePath.split('/').slice(1).map(unescapePointer);
const depth = (fault: Fault): number => fault.instancePath.split('/').length;
const unescapePointer = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

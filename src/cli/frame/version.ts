// The version of this checkout or package, from the one place that says it.

import { readFileSync } from 'node:fs';

export function version(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return (parsed as { version?: string }).version ?? 'unknown';
}

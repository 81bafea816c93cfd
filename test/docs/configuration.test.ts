// docs/configuration.md lists every setting of the server as src/config.ts has it.

import { expect, test } from 'vitest';
import { SERVER_OPTIONS } from '../../src/config.ts';
import { pages } from './pages.ts';

test('the table of settings is that of the program, in its order', () => {
  const page = pages.find(({ path }) => path === 'docs/configuration.md');
  const rows = (page?.prose ?? [])
    .filter((line) => line.startsWith('| `--') && line.split('|').length === 6)
    .map((line) => line.split('|').slice(1, 4))
    .map(([flag = '', ...cells]) => [flag.trim().replaceAll('`', ''), ...cells.map((cell) => cell.trim())]);
  const options = Object.values(SERVER_OPTIONS).map(({ flag, environment, fallback }) => [
    flag,
    environment.map((name) => `\`${name}\``).join(', '),
    fallback === null || fallback === '' ? '' : `\`${fallback}\``,
  ]);
  expect(rows).toEqual(options);
});

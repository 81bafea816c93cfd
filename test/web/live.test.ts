// The dashboard shows what is, and what changes while one looks, in a real browser against a real server.

import { expect, test } from 'vitest';
import { start } from '../http/server.ts';
import { live, open, row, useBrowser } from './browser.ts';

useBrowser();

test('a row shows who holds an environment, and changes as that does', async () => {
  const server = await start();
  const lease = await server.ask({
    environment: 'uat',
    holder: { name: 'shop deploy #1841', url: 'https://ci.example/1841' },
    ttlSeconds: 600,
  });
  const page = await open(server);
  await row(page, 'uat').getByText('held', { exact: true }).waitFor();
  const link = row(page, 'uat').getByRole('link', { name: 'shop deploy #1841' });
  expect(await link.getAttribute('href')).toBe('https://ci.example/1841');
  await live(page);
  await server.call('DELETE', `/v1/leases/${lease.id}`);
  await row(page, 'uat').getByText('free', { exact: true }).waitFor();
});

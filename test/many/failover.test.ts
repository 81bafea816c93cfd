// Failovers of the database under two servers and ten clients: `npm run failovers` does fifty.

import { expect, test } from 'vitest';
import { failovers } from './failovers.ts';

test('with a standby that is waited for nothing that was acknowledged is lost, and fences grow', {
  timeout: 180_000,
}, async () => {
  const { faults, grants } = await failovers(3);
  expect(faults).toEqual([]);
  expect(grants).toBeGreaterThan(50);
});

test('without one something is, and this test would find it', { timeout: 180_000 }, async () => {
  const { faults } = await failovers(1, { waitsForStandby: false });
  expect(faults).not.toEqual([]);
});

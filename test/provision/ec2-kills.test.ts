// Workers that are killed at random while they make machines at EC2's endpoint (ec2-kills.ts says what must hold).

import { expect, test } from 'vitest';
import { killWorkers } from './ec2-kills.ts';

test('kill -9 of workers and of the server: exactly the asked machines run, each is known, and no group is left', {
  timeout: 600_000,
}, async () => {
  const killed = await killWorkers({ builds: 6, kills: 10, workers: 2, server: true });
  const nothing = { unknown: [], missing: [], notStarted: [], leftMachines: 0, leftGroups: 0 };
  expect(killed).toMatchObject({ asked: 12, ran: 12, ...nothing });
});

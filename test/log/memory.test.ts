import { describe, expect, test } from 'vitest';
import { MemoryLog } from '../../src/log/memory.ts';
import { logConformance } from './conformance.ts';
import { Hand } from './drafts.ts';

describe('memory:', () => {
  logConformance(() => ({ open: async () => new MemoryLog(), clear: async () => {} }));

  test('the history is bounded, the oldest events go first', async () => {
    const log = new MemoryLog({ eventsKept: 100 });
    const hand = await Hand.on(log);
    for (let i = 0; i < 50; i++) await hand.take([], [{}, {}, {}]);
    const kept = await log.events({ order: 'asc', limit: 1_000 });
    expect(kept.length).toBeGreaterThanOrEqual(100);
    expect(kept.length).toBeLessThanOrEqual(110);
    expect(kept.at(-1)?.seq).toBe(150);
    expect(await log.oldestEvent()).toBe(kept[0]?.seq);
  });
});

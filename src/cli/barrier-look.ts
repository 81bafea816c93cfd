// What is done to a barrier without arriving: looking at all or one, breaking it, forgetting it.

import type { Barrier } from '../client/types.ts';
import { connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { formatLeft } from './text/durations.ts';
import {
  arrivedText,
  BARRIER_HEAD,
  barrierPipeRow,
  barrierRow,
  barrierText,
  brokenText,
  hadArrivedText,
} from './text/meet.ts';
import { foreign } from './text/sanitize.ts';
import { table } from './text/tables.ts';
import { formatTime } from './text/times.ts';

type Flags = ConnectionFlags & OutputFlags;

export async function listBarriers(flags: Flags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const all = await gather((page) => client.barriers(page), need);
  if (out.json) return out.object({ items: all.items, next: null, asOf: all.asOf });
  if (all.items.length === 0) return out.talk('no barriers');
  const now = Date.parse(all.asOf.at);
  const rows = all.items.map((barrier) =>
    out.answersTerminal ? barrierRow(barrier, now, out.colours) : barrierPipeRow(barrier),
  );
  out.answer(
    ...table(BARRIER_HEAD, rows, {
      terminal: out.answersTerminal,
      width: out.width,
      paintHead: out.colours.dim,
      flexible: 5,
    }),
  );
}

/** Who has come, one to a line, is the answer. */
export async function showBarrier(name: string, generation: string, flags: Flags & Asked): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const barrier = need(await client.barrier(name, { generation }), { name: addressText(name, flags.generation) });
  if (out.json) return out.object(barrier);
  out.talk(`${barrierText(barrier)} ${stateText(barrier)}`);
  const now = Date.now();
  const rows = barrier.arrivals.map(({ party, at, by }) => [
    foreign(party, 200),
    formatTime(at, out.answersTerminal, now),
    foreign(by, 60),
  ]);
  if (rows.length === 0) return;
  out.answer(
    ...table(['PARTY', 'ARRIVED', 'KEY'], rows, {
      terminal: out.answersTerminal,
      width: out.width,
      paintHead: out.colours.dim,
    }),
  );
}

/** A barrier as it is written after the command. */
export function addressText(name: string, generation: string | undefined): string {
  const asked = generation === undefined ? '' : ` --generation ${generation === '' ? '""' : foreign(generation, 60)}`;
  return `${foreign(name, 60)}${asked}`;
}

function stateText(barrier: Barrier): string {
  if (barrier.state === 'open') return `is open: all ${barrier.parties} have come`;
  if (barrier.state === 'broken') return `is broken: ${brokenText(barrier)}; ${hadArrivedText(barrier)}`;
  const breaks = barrier.breaksInSeconds === null ? '' : `; breaks in ${formatLeft(barrier.breaksInSeconds * 1000)}`;
  return `waits: ${arrivedText(barrier)}${breaks}`;
}

export async function cancelBarrier(name: string, generation: string, flags: Flags & Asked): Promise<void> {
  const barrier = await drop(name, generation, false, flags);
  const said = barrier.state === 'open' ? 'had opened already: it stays as it is' : stateText(barrier);
  new Output(flags).talk(`${barrierText(barrier)} ${said}`, '✓');
}

export async function forgetBarrier(name: string, generation: string, flags: Flags & Asked): Promise<void> {
  const barrier = await drop(name, generation, true, flags);
  new Output(flags).talk(`${barrierText(barrier)} is forgotten`, '✓');
}

interface Asked {
  /** As given with --generation. */
  readonly generation?: string;
  readonly reason?: string;
}

async function drop(name: string, generation: string, forget: boolean, flags: Flags & Asked): Promise<Barrier> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const reason = flags.reason === undefined ? {} : { reason: flags.reason };
  const barrier = need(await client.deleteBarrier(name, { ...reason, ...(forget && { forget }) }, { generation }), {
    name: addressText(name, flags.generation),
  });
  if (out.json) out.object(barrier);
  return barrier;
}

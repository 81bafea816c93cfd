// What `signalbox store copy` says: on a terminal how far it is, in one line that changes; at the end what was copied, and what to
// do next.

import type { Copied, CopyProgress } from '../store.ts';
import type { Output } from './frame/output.ts';

export function copyProgress(out: Output): { tell(progress: CopyProgress): void; end(): void } {
  const shown = out.talksTerminal && !out.quiet;
  return {
    tell: ({ step, space, rows, events, ofRows, ofEvents }) => {
      if (!shown) return;
      const line = `${step} ${space}: ${figure(rows)} of ${figure(ofRows)} rows, ${figure(events)} of ${figure(ofEvents)} events`;
      process.stderr.write(`\r\x1b[K${line.slice(0, out.width - 1)}`);
    },
    end: () => void (shown && process.stderr.write('\r\x1b[K')),
  };
}

/** What was copied, in a line for each space where there are several. */
export function copySummary({ from, to, spaces }: Copied, only: string | null): string[] {
  const what = only === null ? from : `the space ${only} of ${from}`;
  const [first, ...others] = spaces.map(inFigures);
  if (others.length === 0) return [`${what} is copied to ${to}: ${first}`];
  return [
    `${from} is copied to ${to}: ${spaces.length} spaces`,
    ...spaces.map((space) => `${space.space}: ${inFigures(space)}`),
  ];
}

/** `target`: the new store as somebody wrote it. */
export function nextSteps({ from, elsewhere }: Copied, target: string, only: string | null): string[] {
  const store = withoutPassword(target);
  if (only === null || only === 'main') {
    const next = `next: start servers with --store ${store}, and none on ${from}`;
    return only === null ? [...elsewhere.map(keptElsewhere), next] : [`${next}: other spaces were not copied`];
  }
  return [
    `next: start all servers with --space-stores ${only}=${store}, and none without it: it would go on with what stays of ${only} in ${from}`,
  ];
}

function keptElsewhere(space: string): string {
  return `not copied: ${space}, which is listed and not there. If it has a store of its own, it stays in that: keep --space-stores`;
}

/** The hashes were compared in full; as much of them is shown as a person compares. */
function inFigures({ to: { rows, events }, epoch }: Copied['spaces'][number]): string {
  const both = [
    `${figure(rows.count)} rows (${rows.hash.slice(0, 12)})`,
    `${figure(events.count)} events (${events.hash.slice(0, 12)})`,
  ];
  return `${both.join(' and ')}, the same on both sides; epoch ${epoch}`;
}

function withoutPassword(written: string): string {
  return written.replace(/^(postgres(?:ql)?:\/\/[^/?#@:]*):[^/?#@]*@/, '$1@');
}

function figure(count: number): string {
  return count.toLocaleString('en-US');
}

// Tells what is to be told of the builds and machines of a space. What always holds:
//   - a notice is sent until its sink has taken it, has refused it, or has failed for hours: what became of it is written down then,
//     and it is told no more (B8). Who dies between the two leaves it to be sent again, with the same delivery id;
//   - a sink that is away delays no other, and no build: nothing waits for a notice;
//   - who has lost a claim writes nothing down.

import { type Claim, claimed, claimJob, endJob, failTry, serverKinds } from '../core/machines/job.ts';
import { buildOfNotice } from '../core/machines/notice.ts';
import type { BuildRow, JobRow, Notice } from '../core/rows.ts';
import { mainSpace } from '../core/space-name.ts';
import type { Turn } from '../core/turn.ts';
import type { Clock, Timer } from '../replica/clock.ts';
import type { Replica } from '../replica/replica.ts';
import { Line } from './line.ts';
import { outbox } from './outbox.ts';
import type { Sent, Sink } from './sink.ts';

export interface NotifierOptions {
  readonly replica: Pick<Replica, 'decide' | 'look' | 'onTurn' | 'onReload'>;
  readonly space: string;
  readonly sinks: readonly Sink[];
  readonly clock: Clock;
  /** This server among others. */
  readonly worker: string;
  /** `outcome`: sent, again, refused, dead (it has failed too often) or dropped (its sink is none of ours). */
  readonly onOutcome: (sink: string, outcome: string) => void;
  /** Something that whoever runs the server wants to know. */
  readonly onNote: (message: string) => void;
  readonly onTrouble: (message: string, error: Error) => void;
  /** How long a notice stays with a server that is not heard of: more than a try may take. Default 20 s. */
  readonly holdMs?: number;
}

interface Work {
  readonly job: JobRow;
  readonly notice: Notice;
  readonly claim: Claim;
  readonly build: BuildRow | null;
}

const usualHoldMs = 20_000;
const lookEveryMs = 5_000;
const firstPauseMs = 1_000;
const longestPauseMs = 10 * 60_000;
const storePauseMs = 1_000;

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #lines: ReadonlyMap<string, Line>;
  readonly #sending = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #unsubscribe: readonly (() => void)[];
  #timer: Timer = null;
  #looking: Promise<void> | null = null;
  /** Something may have come up since the last look began. */
  #isWoken = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
    const { replica, sinks } = options;
    this.#lines = new Map(sinks.map((sink) => [sink.name, new Line(sink)]));
    this.#unsubscribe = [
      replica.onTurn(({ changes }) => {
        // One that has gone may have been what another waited for.
        if (changes.some((change) => change.kind === 'job' && (change.row === null || isNotice(change.row))))
          this.#look();
      }),
      replica.onReload(() => this.#look()),
    ];
    this.#look();
  }

  /** What is on its way is left as it is, and sent again by whoever takes it up. */
  async stop(): Promise<void> {
    for (const end of this.#unsubscribe) end();
    this.#stopping.abort();
    this.#options.clock.cancel(this.#timer);
    await this.#looking;
    await Promise.all(this.#sending);
  }

  #look(): void {
    this.#isWoken = true;
    if (this.#looking !== null || this.#stopping.signal.aborted) return;
    this.#options.clock.cancel(this.#timer);
    this.#looking = this.#takeAll()
      .catch((error: Error) => {
        if (!this.#stopping.signal.aborted) this.#options.onTrouble('notices cannot be claimed', error);
        return lookEveryMs;
      })
      .then((pauseMs) => {
        this.#looking = null;
        if (this.#stopping.signal.aborted) return;
        if (this.#isWoken) this.#look();
        else this.#timer = this.#options.clock.after(pauseMs, () => this.#look());
      });
  }

  /** Sends what may be sent now. Returns after how long there may be more. */
  async #takeAll(): Promise<number> {
    const { replica, clock } = this.#options;
    this.#isWoken = false;
    const roomOf = (sink: string): number | null => this.#lines.get(sink)?.room(clock.monotonic()) ?? null;
    // Asked first, so that a turn is taken only where there is something to do.
    const found = await replica.look((state, { tick }) => ({ ...outbox(state, tick, roomOf), tick }));
    if (found.due.length + found.strays.length > 0) {
      const { work, dropped } = await replica.decide((turn) => this.#take(turn, roomOf));
      for (const each of work) this.#begin(each);
      for (const job of dropped) this.#noteDropped(job);
      this.#isWoken = true;
    }
    const pauses = [...this.#lines.values()].map((line) => line.pauseMs(clock.monotonic())).filter((ms) => ms > 0);
    const untilNext = found.nextTick === null ? lookEveryMs : Math.max(1, found.nextTick - found.tick);
    return Math.min(lookEveryMs, untilNext, ...pauses);
  }

  #take(turn: Turn, roomOf: (sink: string) => number | null): { work: Work[]; dropped: readonly JobRow[] } {
    const { worker, holdMs = usualHoldMs } = this.#options;
    const { due, strays } = outbox(turn.state, turn.moment.tick, roomOf);
    for (const { id } of strays) turn.remove('job', id);
    const work = due.flatMap(({ id }) => {
      const taken = claimJob(turn, worker, holdMs, serverKinds, id);
      if (taken === null || taken.job.notice === null) return [];
      return [{ ...taken, notice: taken.job.notice, build: buildOfNotice(turn, taken.job) ?? null }];
    });
    return { work, dropped: strays };
  }

  #begin(work: Work): void {
    const line = this.#lines.get(work.notice.sink) as Line;
    line.begin();
    const sending = this.#send(line, work).finally(() => {
      line.end();
      this.#sending.delete(sending);
      this.#look();
    });
    this.#sending.add(sending);
  }

  async #send(line: Line, work: Work): Promise<void> {
    const { space, clock, onNote } = this.#options;
    const { job, notice, build } = work;
    const delivery = space === mainSpace ? job.id : `${space}/${job.id}`;
    const { signal } = this.#stopping;
    const sent = await line.sink
      .send({ delivery, space, notice, build }, signal)
      // A mistake of ours; what it says may hold an address.
      .catch((error: Error): Sent => ({ outcome: 'again', reason: `it cannot be sent: ${error.name}`, afterMs: null }));
    // It is not the sink that has failed.
    if (signal.aborted && sent.outcome === 'again') return;
    if (line.heard(sent, clock.monotonic()) && sent.outcome === 'again')
      onNote(`${notice.sink} cannot be told: ${sent.reason}; it is tried again`);
    await this.#writeDown(work, sent);
  }

  /** Until it is durable: what was sent is not to be sent again because the store is away for a moment. */
  async #writeDown({ job, notice: { sink }, claim }: Work, sent: Sent): Promise<void> {
    const { replica, onNote, onOutcome, onTrouble } = this.#options;
    for (;;) {
      try {
        const fate = await replica.decide((turn) => settle(turn, claim, sent));
        onOutcome(sink, sent.outcome === 'refused' ? 'refused' : fate);
        if (fate === 'dead' && sent.outcome !== 'sent') onNote(`${job.id} is given up: ${sink} ${sent.reason}`);
        return;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        onTrouble(`what became of ${job.id} could not be written down`, error as Error);
        await this.#pause();
      }
    }
  }

  /** Or until it is stopped. */
  #pause(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      const over = (): void => {
        clock.cancel(timer);
        signal.removeEventListener('abort', over);
        resolve();
      };
      const timer = clock.after(storePauseMs, over);
      signal.addEventListener('abort', over);
    });
  }

  #noteDropped({ id, notice }: JobRow): void {
    const { onNote, onOutcome } = this.#options;
    const sink = notice?.sink ?? '';
    onOutcome(sink, 'dropped');
    onNote(`${id} is dropped: this server knows no ${sink} any more`);
  }
}

/** What has become of it; `sent` too where somebody else has it now: what they write down counts. */
function settle(turn: Turn, claim: Claim, sent: Sent): 'sent' | 'again' | 'dead' {
  const found = claimed(turn, claim);
  if (!found.ok) return sent.outcome === 'sent' ? 'sent' : 'again';
  if (sent.outcome === 'sent') {
    endJob(turn, claim);
    return 'sent';
  }
  const job = found.value;
  const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(job.tries, 20));
  const againAfterMs = sent.outcome === 'again' ? (sent.afterMs ?? pauseMs) : 0;
  return failTry(turn, job, { reason: sent.reason, againAfterMs, isFinal: sent.outcome === 'refused' });
}

function isNotice({ kind }: JobRow): boolean {
  return serverKinds.includes(kind);
}

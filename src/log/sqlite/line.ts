// The line between the main thread and a worker: one message per question, one per answer, in order. What always holds:
// every question is answered, or fails with a StoreError, also when the worker dies.

import { parentPort, Worker } from 'node:worker_threads';
import { StoreError, type StoreErrorCode } from '../store-error.ts';

/** What may be asked, by name. */
type Asks = Readonly<Record<string, { question: unknown; answer: unknown }>>;

export type Handlers<A extends Asks> = { readonly [K in keyof A]: (question: A[K]['question']) => A[K]['answer'] };

type Message = readonly [ask: string, question: unknown];
type Reply = { readonly answer: unknown } | { readonly code: StoreErrorCode; readonly message: string };

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: StoreError) => void;
}

/** The asking end. */
export class Line<A extends Asks> {
  readonly #worker: Worker;
  readonly #shown: string;
  /** In the order of their questions; the worker answers in the same. */
  readonly #waiting: Waiting[] = [];
  #dead: StoreError | null = null;

  constructor(file: URL, shown: string) {
    this.#shown = shown;
    this.#worker = new Worker(file);
    this.#worker.on('message', (reply: Reply) => this.#take(reply));
    this.#worker.on('error', (error: Error) => this.#die(error.message));
    this.#worker.on('exit', () => this.#die('it has ended'));
  }

  ask<K extends keyof A & string>(ask: K, question: A[K]['question']): Promise<A[K]['answer']> {
    if (this.#dead !== null) return Promise.reject(this.#dead);
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage([ask, question] satisfies Message);
    });
  }

  /** Ends the worker, wherever it is. What it should do before has to be asked for. */
  async hangUp(): Promise<void> {
    await this.#worker.terminate();
  }

  #take(reply: Reply): void {
    const waiting = this.#waiting.shift();
    if ('answer' in reply) waiting?.resolve(reply.answer);
    else waiting?.reject(new StoreError(reply.code, reply.message));
  }

  #die(why: string): void {
    this.#dead ??= new StoreError(
      'store_failed',
      `${this.#shown}: the thread that uses it stopped (${why}). Start again.`,
    );
    for (const { reject } of this.#waiting.splice(0)) reject(this.#dead);
  }
}

/**
 * The answering end. `errorOf` says what a thrown error means; `afterwards` runs when an answer is on its way, for work that
 * nobody has to wait for.
 */
export function answerLine<A extends Asks>(
  handlers: Handlers<A>,
  errorOf: (error: unknown) => StoreError,
  afterwards: () => void = () => {},
): void {
  parentPort?.on('message', ([ask, question]: Message) => {
    parentPort?.postMessage(replyTo(() => handlers[ask]?.(question)));
    afterwards();
  });

  function replyTo(act: () => unknown): Reply {
    try {
      return { answer: act() };
    } catch (error) {
      const { code, message } = errorOf(error);
      return { code, message };
    }
  }
}

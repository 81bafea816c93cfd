// What is where in Redis, as Sidekiq has it, and beside that what is ours alone. What always holds: every key begins with the
// namespace, so that several installations share a Redis without seeing one another.

export type QueueName = 'instance-builds' | 'instance-terminations';

export const queueNames: readonly QueueName[] = ['instance-terminations', 'instance-builds'];

export class Names {
  readonly #namespace: string;

  /** With its colon; may be empty. */
  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** A set of queues that there are. */
  get queues(): string {
    return this.#of('queues');
  }

  /** Pushed at the left, taken at the right. */
  queue(name: string): string {
    return this.#of(`queue:${name}`);
  }

  /** Sorted by when they are due; `dead` by when they were given up. */
  get retry(): string {
    return this.#of('retry');
  }

  get schedule(): string {
    return this.#of('schedule');
  }

  get dead(): string {
    return this.#of('dead');
  }

  /** A set of identities, each with a hash of that name. */
  get processes(): string {
    return this.#of('processes');
  }

  process(identity: string): string {
    return this.#of(identity);
  }

  /** What it is at, as Sidekiq 6 and as Sidekiq 7 calls it. */
  busy(identity: string): readonly string[] {
    return [this.#of(`${identity}:workers`), this.#of(`${identity}:work`)];
  }

  stat(name: 'processed' | 'failed', day?: string): string {
    return this.#of(day === undefined ? `stat:${name}` : `stat:${name}:${day}`);
  }

  /** A set of identities that may have taken something. */
  get takers(): string {
    return this.#of('signalbox:takers');
  }

  /** There as long as the taker is. */
  alive(identity: string): string {
    return this.#of(`signalbox:alive:${identity}`);
  }

  /** What a taker has taken of a queue and not yet done. */
  taken(identity: string, queue: QueueName): string {
    return this.#of(`signalbox:taken:${identity}:${queue}`);
  }

  /** Which run of Redis has got all jobs of a space. */
  marker(space: string): string {
    return this.#of(`signalbox:marker:${space}`);
  }

  /** Which server pushes the jobs of a space. */
  pusher(space: string): string {
    return this.#of(`signalbox:pusher:${space}`);
  }

  #of(name: string): string {
    return `${this.#namespace}${name}`;
  }
}

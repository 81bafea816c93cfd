// Runs the queue beside its specification, over random commands from a seed, and compares them after every command.
// By hand, for as long as one likes: `node test/queue/compare.ts SEEDS [FIRST-SEED [BOUND [small|tangled|large [COMMANDS]]]]`.
//
// The specification knows no bound on searches. Without one, exactly its units must have a slot set aside. With one, a
// request may wait although an exchange would serve it; what is promised then is in `#weakFaults`.

import { Queue } from '../../src/core/queue/queue.ts';
import { Dice, largeShape, RandomOperations, type Shape, smallShape, tangledShape } from './random.ts';
import * as specification from './specification.ts';
import { structureFaults } from './structure.ts';
import { type Operation, World } from './world.ts';

export interface Options {
  /** Commands for each seed. */
  readonly commands: number;
  /** Search bound of the queue. */
  readonly bound: number;
  readonly shape: (dice: Dice) => Shape;
  /** Makes the queue: a test plants faults here. */
  readonly queue: (bound: number) => Queue;
  /** Grants after every operation instead of at the end of the command, which is wrong. */
  readonly grantMidway: boolean;
}

export const exact: Options = {
  commands: 300,
  bound: Number.POSITIVE_INFINITY,
  shape: smallShape,
  queue: (bound) => new Queue(bound),
  grantMidway: false,
};

export interface Counts {
  commands: number;
  grants: number;
  /** Commands after which somebody waited although the exact rule had served it: what the bound costs. */
  missed: number;
}

/** Throws at the first difference, naming the seed, the command and what is wrong. */
export function compare(
  seed: number,
  options: Options,
  counts: Counts = { commands: 0, grants: 0, missed: 0 },
): Counts {
  const run = new Run(seed, options);
  run.begin();
  for (let n = 0; n < options.commands; n++) {
    const command = run.command();
    const [fault] = run.faults;
    if (fault !== undefined) throw new Error(`seed ${seed}, command ${n}: ${fault}\nafter ${JSON.stringify(command)}`);
    counts.commands++;
    counts.grants += run.grants.length;
    if (run.missed) counts.missed++;
  }
  return counts;
}

class Run {
  readonly #options: Options;
  readonly #dice: Dice;
  readonly #world = new World();
  readonly #queue: Queue;
  /** Without a bound, to see what the bound costs. */
  readonly #unbounded: Queue | null;
  readonly #operations: RandomOperations;
  readonly #isExact: boolean;
  grants: string[] = [];
  faults: string[] = [];
  missed = false;

  constructor(seed: number, options: Options) {
    this.#options = options;
    this.#dice = new Dice(seed);
    this.#queue = options.queue(options.bound);
    this.#operations = new RandomOperations(this.#dice, options.shape(this.#dice), this.#world);
    this.#isExact = options.bound === Number.POSITIVE_INFINITY;
    this.#unbounded = this.#isExact ? null : new Queue(Number.POSITIVE_INFINITY);
  }

  begin(): void {
    for (const operation of this.#operations.start()) this.#do(operation);
  }

  command(): Operation[] {
    this.grants = [];
    this.faults = [];
    this.missed = false;
    const command: Operation[] = [];
    for (let n = this.#dice.chance(0.3) ? 2 + this.#dice.below(3) : 1; n > 0; n--) {
      const operation = this.#operations.next();
      if (operation === null) continue;
      command.push(operation);
      this.#do(operation);
      if (this.#options.grantMidway && n > 1) this.#grantPresent(command);
    }
    this.#check();
    const before = { environments: this.#world.view(), waiting: [...this.#world.waiting.values()] };
    const expected = new Set(this.#isExact ? specification.grantable(before.environments, before.waiting) : []);
    for (const { id, present } of before.waiting) if (!present) expected.delete(id);
    this.#grantPresent(command);
    if (this.#isExact) {
      for (const id of expected) if (!this.grants.includes(id)) this.faults.push(`${id} can be granted and is not`);
      for (const id of this.grants) if (!expected.has(id)) this.faults.push(`${id} cannot be granted and is`);
    }
    for (const { id, present } of this.#world.waiting.values()) {
      if (present && this.#queue.isFull(id)) this.faults.push(`${id} is full, its client is there, and it still waits`);
    }
    if (this.grants.length > 0) this.#check();
    return command;
  }

  #do(operation: Operation): void {
    this.#world.apply(operation);
    perform(operation, this.#queue);
    if (this.#unbounded !== null) perform(operation, this.#unbounded);
  }

  /** As a caller does it: who became full, and who is full and came back. */
  #grantPresent(command: readonly Operation[]): void {
    for (const { id } of this.#queue.takeReady()) this.#grantIfPresent(id);
    for (const operation of command) if (operation.kind === 'contact') this.#grantIfPresent(operation.id);
  }

  #grantIfPresent(id: string): void {
    const waiter = this.#world.waiting.get(id);
    if (waiter === undefined || !waiter.present || !this.#queue.isFull(id)) return;
    const names = this.#queue.setAside(id);
    this.faults.push(...this.#grantFaults(waiter, names));
    this.#do({ kind: 'granted', id, names });
    this.grants.push(id);
  }

  *#grantFaults(waiter: specification.Waiting, names: readonly string[]): Generator<string> {
    const environments = this.#world.view();
    const units = specification.unitsOf(waiter);
    if (new Set(names).size !== units.length) yield `${waiter.id} gets ${names}, not ${units.length} different ones`;
    for (const [i, unit] of units.entries()) {
      const environment = environments.find(({ name }) => name === names[i]);
      if (!environment || !specification.asksFor(unit, environment)) yield `${unit.id} gets ${names[i]}, unasked`;
      else if (environment.slots <= 0 || environment.closed) yield `${unit.id} gets ${names[i]}, which has no slot`;
    }
    if (!this.#isExact) return;
    // One future of the many, which is enough as there are many grants.
    const future = {
      returned: [...this.#world.held.values()].filter(() => this.#dice.chance(0.5)).flatMap(({ names }) => names),
      left: new Set([...this.#world.waiting.keys()].filter((id) => id !== waiter.id && this.#dice.chance(0.3))),
    };
    const waiting = [...this.#world.waiting.values()];
    for (const id of specification.delayed(environments, waiting, waiter, names, future)) {
      yield `${waiter.id} gets ${names}, which delays ${id} should ${future.returned} return and ${[...future.left]} leave`;
    }
  }

  #check(): void {
    const environments = this.#world.view();
    const waiting = [...this.#world.waiting.values()];
    const placing = new Map<string, string>();
    for (const { id } of waiting) {
      for (const [i, name] of this.#queue.setAside(id).entries()) if (name !== '') placing.set(`${id}/${i}`, name);
    }
    this.faults.push(...structureFaults(this.#queue, this.#world), ...positionFaults(this.#queue, waiting, placing));
    if (this.#isExact) this.faults.push(...exactFaults(environments, waiting, placing));
    else this.faults.push(...weakFaults(environments, waiting, placing));
    for (const { id, units } of this.#unbounded?.requests.values() ?? []) {
      for (const [i, { place }] of units.entries())
        if (place !== null && !placing.has(`${id}/${i}`)) this.missed = true;
    }
  }
}

function perform(operation: Operation, queue: Queue): void {
  switch (operation.kind) {
    case 'arrive':
      queue.arrive(operation.ask);
      break;
    case 'undo':
      queue.vacate(operation.names);
      queue.arrive(operation.ask);
      break;
    case 'leave':
      queue.leave(operation.id);
      break;
    case 'release':
      queue.vacate(operation.names);
      break;
    case 'change':
      queue.setPlace(operation.name, operation.facts);
      break;
    case 'remove':
      queue.removePlace(operation.name);
      break;
    case 'granted':
      queue.grant(operation.id, operation.names);
      break;
    case 'occupy':
      queue.occupy(operation.names);
      break;
    case 'contact':
      break; // Presence is the caller's business.
  }
}

function* exactFaults(
  environments: readonly specification.Environment[],
  waiting: readonly specification.Waiting[],
  placing: specification.Placing,
): Generator<string> {
  const expected = specification.setAside(environments, waiting);
  for (const id of expected) if (!placing.has(id)) yield `no slot is set aside for ${id}`;
  for (const [id, name] of placing) if (!expected.has(id)) yield `${name} is set aside for ${id}, wrongly`;
}

function* weakFaults(
  environments: readonly specification.Environment[],
  waiting: readonly specification.Waiting[],
  placing: specification.Placing,
): Generator<string> {
  for (const one of specification.overtaken(waiting, environments, placing)) yield `overtaken: ${one}`;
  for (const one of specification.idle(waiting, environments, placing)) yield `idle: ${one}`;
  // The first in order that is not full has all that the exact rule gives it beside those before it.
  const order = specification.inOrder(waiting);
  const full = order.map((request) => specification.unitsOf(request).every(({ id }) => placing.has(id)));
  const at = full.indexOf(false);
  const first = order[at];
  if (first === undefined) return;
  const before = order
    .slice(0, at)
    .flatMap((request) => specification.unitsOf(request).map(({ id }) => placing.get(id)));
  const count = specification.unitsOf(first).length;
  const left = environments.map((environment) => {
    const slots = environment.slots - before.filter((name) => name === environment.name).length;
    return { ...environment, slots: Math.min(count, slots) };
  });
  for (const id of specification.setAside(left, [first]))
    if (!placing.has(id)) yield `${id}, of the first, waits needlessly`;
}

/** A waiting unit's place among those without a slot that ask for the same, at the latest of its request's units. */
function* positionFaults(
  queue: Queue,
  waiting: readonly specification.Waiting[],
  placing: specification.Placing,
): Generator<string> {
  const counts = new Map<string, number>();
  for (const request of specification.inOrder(waiting)) {
    let position = 1;
    for (const unit of specification.unitsOf(request)) {
      if (placing.has(unit.id)) continue;
      const line = lineOf(unit);
      const place = (counts.get(line) ?? 0) + 1;
      counts.set(line, place);
      position = Math.max(position, place);
    }
    const shown = queue.position(request.id);
    if (shown !== position) yield `${request.id} is shown at place ${shown} and is at ${position}`;
  }
  if (queue.position('nobody') !== null) yield 'who does not wait has no place';
}

function lineOf({ want, request }: specification.WaitingUnit): string {
  if ('environment' in want) return want.environment;
  return JSON.stringify([Object.entries(want.labels).sort(), request.globs]);
}

if (import.meta.main) {
  const [seeds = '500', first = '1', bound = 'Infinity', shape = 'small', commands = '300'] = process.argv.slice(2);
  const counts: Counts = { commands: 0, grants: 0, missed: 0 };
  const options = {
    ...exact,
    commands: Number(commands),
    bound: Number(bound),
    shape: { small: smallShape, tangled: tangledShape, large: largeShape }[shape] ?? smallShape,
  };
  const from = performance.now();
  for (let seed = Number(first); seed < Number(first) + Number(seeds); seed++) compare(seed, options, counts);
  const seconds = Math.round((performance.now() - from) / 1000);
  process.stdout.write(`${JSON.stringify({ ...counts, seconds, bound, shape })}\n`);
}

// The driver `command`: any executable that makes machines. It is started once for each question, with the question as its argument
// and JSON on stdin, and answers in JSON on stdout:
//   create  {"token","instance","build","spec","name","image","userData"}  →  {"id","facts"}    again with the same token: the same machine
//   get     {"id"}                               →  {"id","instance","facts"} or null
//   find    {"instance"}                         →  the same
//   list    {}                                   →  [{"id","instance","facts"}]   what it has made for us
//   delete  {"id"}                               →  anything; no error where it is gone already
// A question may be cut off when its server dies: of one that is not whole JSON nothing may be made.
// Exit code 0 and an answer, or another one with the reason on stderr: 75 (EX_TEMPFAIL) means that the same may succeed later, 69
// (EX_UNAVAILABLE) that there is no room, anything else that it never will. What always holds: whatever hangs is ended in time, and
// its answer is not believed; an answer that cannot be read says nothing of whether a machine was made, so it is asked again.

import { type ChildProcess, spawn } from 'node:child_process';
import type { BuildSpec } from '../core/rows.ts';
import { type CreateAsk, type Driver, DriverError, type Made, type Verdict } from './driver.ts';

const answerAtMost = 4 << 20;
/** Of an id, and of each of the facts: they are shown in every list, and told to everybody who listens. */
const idAtMost = 256;
const factAtMost = 1_000;
const factsAtMost = 50;
const reasonAtMost = 400;
const killedAfterMs = 5_000;
/** How long after its end its output is read. */
const drainedAfterMs = 500;
const verdicts: Readonly<Record<number, Verdict>> = { 75: 'again', 69: 'next choice' };

export class CommandDriver implements Driver {
  readonly name: string;
  readonly images = null;
  readonly shared = null;
  readonly #program: string;
  readonly #timeoutMs: number;

  /** `timeoutMs`: for each question. */
  constructor(program: string, timeoutMs: number) {
    this.name = `command ${program}`;
    this.#program = program;
    this.#timeoutMs = timeoutMs;
  }

  /** What it is asked for it either has or has not. */
  choices(_spec: BuildSpec): number {
    return 1;
  }

  async create(ask: CreateAsk, signal: AbortSignal): Promise<Made> {
    const { token, instance, build, spec, name, image, userData } = ask;
    const asked = { token, instance, build, spec, name, image, userData };
    const answer = await this.#ask('create', asked, signal);
    const made = madeOf(answer, instance);
    if (made === null) throw unreadable('create', answer);
    return meant('create', made, made.instance, instance);
  }

  async get(cloudId: string, signal: AbortSignal): Promise<Made | null> {
    const made = await this.#one('get', { id: cloudId }, signal);
    return made === null ? null : meant('get', made, made.cloudId, cloudId);
  }

  async find(instance: string, signal: AbortSignal): Promise<Made | null> {
    const made = await this.#one('find', { instance }, signal);
    return made === null ? null : meant('find', made, made.instance, instance);
  }

  async list(signal: AbortSignal): Promise<readonly Made[]> {
    const answer = await this.#ask('list', {}, signal);
    if (!Array.isArray(answer)) throw unreadable('list', answer);
    return answer.map((each) => {
      const made = madeOf(each, null);
      if (made === null) throw unreadable('list', each);
      return made;
    });
  }

  async delete(cloudId: string, signal: AbortSignal): Promise<void> {
    await this.#run('delete', { id: cloudId }, signal);
  }

  async #one(question: string, asked: object, signal: AbortSignal): Promise<Made | null> {
    const answer = await this.#ask(question, asked, signal);
    if (answer === null) return null;
    const made = madeOf(answer, null);
    if (made === null) throw unreadable(question, answer);
    return made;
  }

  async #ask(question: string, asked: object, signal: AbortSignal): Promise<unknown> {
    const text = await this.#run(question, asked, signal);
    try {
      return JSON.parse(text);
    } catch {
      throw unreadable(question, text);
    }
  }

  #run(question: string, asked: object, signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      // A group of its own: whatever it has started is ended with it.
      const child = spawn(this.#program, [question], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
      let [out, reason, why] = ['', '', null as DriverError | null];
      const end = (message: string): void => {
        why ??= new DriverError('again', `${question}: ${message}`);
        signalGroup(child, 'SIGTERM');
        setTimeout(() => signalGroup(child, 'SIGKILL'), killedAfterMs).unref();
      };
      const timer = setTimeout(() => end(`no answer within ${this.#timeoutMs / 1000} s`), this.#timeoutMs);
      const stop = (): void => end('the server is stopping');
      signal.addEventListener('abort', stop, { once: true });
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text;
        if (out.length > answerAtMost) end('its answer is too long');
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        reason = (reason + text).slice(-reasonAtMost);
      });
      // It need not read what it does not care for.
      child.stdin.on('error', () => undefined);
      child.stdin.end(JSON.stringify(asked));
      const over = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
      };
      child.on('error', (error) => {
        over();
        reject(new DriverError('again', `${this.#program} cannot be run: ${error.message}`, { cause: error }));
      });
      // What it has started may hold on to its output for ever.
      child.on('exit', () =>
        setTimeout(() => [child.stdout, child.stderr].map((each) => each.destroy()), drainedAfterMs).unref(),
      );
      child.on('close', (code, killer) => {
        over();
        if (why !== null) reject(why);
        else if (code === 0) resolve(out);
        // Ended by somebody else: nobody knows how far it was.
        else if (code === null) reject(new DriverError('again', `${question}: ended by ${killer}`));
        else
          reject(
            new DriverError(verdicts[code] ?? 'give up', `${question}: ${lastLine(reason) || `exit code ${code}`}`),
          );
      });
    });
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It is over.
  }
}

function madeOf(answer: unknown, instance: string | null): Made | null {
  const { id, instance: tagged = instance, facts = {} } = (answer ?? {}) as Record<string, unknown>;
  if (!isId(id) || !isId(tagged) || typeof facts !== 'object' || facts === null) return null;
  return { cloudId: id, instance: tagged, facts: textsOf(facts) };
}

/** The machine that was asked for. Another one is none of ours to take, and still less to end. */
function meant(question: string, made: Made, answered: string, asked: string): Made {
  if (answered === asked) return made;
  throw new DriverError('again', `${question}: it answers with ${answered}, and was asked for ${asked}`);
}

/** What can be typed after a command, put into an address, and found again. */
function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= idAtMost && !/\p{Cc}|\p{Surrogate}/u.test(value);
}

/** As people are shown them. What is empty, or more than anybody reads, is left out. */
function textsOf(facts: object): Record<string, string> {
  const texts = Object.entries(facts)
    .filter(([, value]) => value !== null)
    .slice(0, factsAtMost)
    .map(
      ([name, value]) => [name.slice(0, idAtMost), typeof value === 'string' ? value : JSON.stringify(value)] as const,
    );
  return Object.fromEntries(texts.map(([name, text]) => [name, text.slice(0, factAtMost).toWellFormed()]));
}

/** Whether a machine was made nobody can tell: it is asked again. */
function unreadable(question: string, answer: unknown): DriverError {
  const shown = (typeof answer === 'string' ? answer : JSON.stringify(answer)).slice(0, 100);
  return new DriverError('again', `${question}: its answer cannot be read: ${JSON.stringify(shown)}`);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

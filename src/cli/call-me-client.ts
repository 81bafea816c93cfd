// The client of call-me, for scripts that call it: same commands, same words, same exit codes. It differs in one thing: it does
// not look every five seconds whether the slot is free, it stands in the queue and is woken, in order and at once.
//
// Must always hold: exit 0 of `request` means that the slot was given to this call and to no other.

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { variable, variables } from '../config.ts';
import { prepareNetwork } from './connection/network.ts';
import { spaceSetting } from './connection/settings.ts';
import { endQuietlyWhenNobodyReads } from './frame/output.ts';
import { version } from './frame/version.ts';
import { asFailure, Failure } from './text/errors.ts';
import { goDuration } from './text/go-duration.ts';
import { foreign } from './text/sanitize.ts';

const EXIT_ERROR = 1;
const EXIT_UNKNOWN_COMMAND = 3;

/** Seconds that the server may hold a request back until the slot is ours. */
const HELD_BACK = 30;
/** A server that does not hold it back (an old one) is asked no more often than the old client did. */
const PAUSE_MS = 5000;
/** How long the server keeps our place while it is away. */
const AWAY_MS = 60_000;

const HELP = [
  'NAME:',
  '   call-me-client - request and release slots on shared environments',
  '',
  'USAGE:',
  '   call-me-client command environment',
  '',
  'COMMANDS:',
  '   request  wait for a slot on an environment, then take it',
  '   release  free the slot of an environment',
  '   help, h  show this help',
  '',
  'ENVIRONMENT:',
  '   HOST     address of the server, like signalbox:8080',
  '   API_KEY  key of the server',
];

class Refused extends Error {}
/** Refused for now: the server is away, or not ready. */
class Away extends Refused {}

endQuietlyWhenNobodyReads();
process.exit(await main(process.argv.slice(2)));

async function main([name, environment]: readonly string[]): Promise<number> {
  if (name === undefined || ['help', 'h', '--help', '-h'].includes(name)) return say(...HELP);
  if (name === '--version' || name === '-v') return say(`call-me-client of Signalbox ${version()}`);
  if (name !== 'request' && name !== 'release') {
    process.stderr.write(`No help topic for '${foreign(name, 60)}'\n`);
    return EXIT_UNKNOWN_COMMAND;
  }
  try {
    if (!environment) throw new Refused('this command requires an argument');
    const server = await serverOf(environment);
    return name === 'request' ? await requestSlot(server, environment) : await releaseSlot(server, environment);
  } catch (thrown) {
    const isExpected = thrown instanceof Refused || thrown instanceof Failure;
    process.stderr.write(`${isExpected ? thrown.message : asFailure(thrown).message}\n`);
    return EXIT_ERROR;
  }
}

interface Server {
  readonly url: string;
  /** Whose key it is, and which space is meant. */
  readonly headers: Readonly<Record<string, string>>;
}

async function serverOf(environment: string): Promise<Server> {
  const host = variable(variables(), 'HOST');
  const key = variable(variables(), 'API_KEY');
  if (host === null) throw new Refused('HOST must be set');
  if (key === null) throw new Refused('API_KEY must be set');
  const base = URL.parse(/^https?:\/\//.test(host) ? host : `http://${host}`);
  if (base === null || !/^[\x21-\x7e]+$/.test(key))
    throw new Refused(base === null ? `HOST is not an address: ${foreign(host)}` : 'API_KEY is not a key');
  const caFile = variable(variables(), 'SIGNALBOX_CA_FILE');
  const space = spaceSetting(undefined, variables());
  const from = { url: { value: base.href, from: 'HOST' }, key: null, space };
  await prepareNetwork(
    { ...from, caFile: caFile === null ? null : { value: caFile, from: 'SIGNALBOX_CA_FILE' } },
    variables(),
  );
  const url = `${base.href.replace(/\/+$/, '')}/maybe?environment=${encodeURIComponent(environment)}`;
  return { url, headers: { 'X-API-KEY': key, ...(space !== null && { 'Signalbox-Space': space.value }) } };
}

async function requestSlot(server: Server, environment: string): Promise<number> {
  const startedAt = process.hrtime.bigint();
  const shown = foreign(environment, 200);
  let given = (await ask(server, 'POST', {})).status === 201;
  // The same key each time: it is one request, which keeps its place, and a lost answer is given again.
  const headers = { Prefer: `wait=${HELD_BACK}`, 'Idempotency-Key': `call-me:${randomUUID()}` };
  while (!given) {
    say(`waiting for free slot on environment: ${shown}`);
    const askedAt = performance.now();
    given = (await askPatiently(server, headers)).status === 201;
    const tookMs = performance.now() - askedAt;
    if (!given && tookMs < PAUSE_MS) await pause(PAUSE_MS - tookMs);
  }
  return say(`acquired slot for environment: ${shown}`, `waited ${goDuration(process.hrtime.bigint() - startedAt)}`);
}

async function releaseSlot(server: Server, environment: string): Promise<number> {
  await ask(server, 'DELETE', {});
  return say(`slot has been freed for environment: ${foreign(environment, 200)}`);
}

/** Survives a restart of the server: the place is kept for a while. */
async function askPatiently(server: Server, headers: Readonly<Record<string, string>>): Promise<Response> {
  const endAt = performance.now() + AWAY_MS;
  while (true) {
    try {
      return await ask(server, 'POST', headers);
    } catch (thrown) {
      const isPassing = thrown instanceof Away && performance.now() < endAt;
      if (!isPassing) throw thrown;
      await pause(1000);
    }
  }
}

/** 201, 204, 200, or 403 (taken); everything else is refused in words. */
async function ask(server: Server, method: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  let response: Response;
  let body: string;
  try {
    const signal = AbortSignal.timeout((HELD_BACK + 30) * 1000);
    response = await fetch(server.url, {
      method,
      headers: { ...server.headers, ...headers },
      redirect: 'manual',
      signal,
    });
    body = await response.text();
  } catch (error) {
    throw new Away(`cannot reach ${new URL(server.url).host}: ${causeOf(error)}`);
  }
  if (response.status === 403 && body === '' && method === 'POST') return response;
  if (response.status === 201 || response.status === 204) return response;
  const words = messageOf(body) ?? `unexpected answer ${response.status} from ${new URL(server.url).host}`;
  throw response.status >= 500 ? new Away(words) : new Refused(words);
}

function messageOf(body: string): string | null {
  try {
    const { message, detail } = JSON.parse(body) as { message?: unknown; detail?: unknown };
    const words = message ?? detail;
    return typeof words === 'string' ? foreign(words, 300) : null;
  } catch {
    return null;
  }
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const first = cause instanceof AggregateError ? cause.errors[0] : cause;
  const code = first instanceof Error && 'code' in first ? String(first.code) : '';
  if (code === 'ECONNREFUSED') return 'connection refused';
  return foreign(first instanceof Error ? first.message : String(first), 200) || code;
}

function say(...lines: readonly string[]): number {
  for (const line of lines) process.stdout.write(`${line}\n`);
  return 0;
}

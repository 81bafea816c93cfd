// What `signalbox env` changes: each verb as one function.

import type { Environment, EnvironmentChange } from '../client/types.ts';
import { connect } from './connection/connect.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { integerArgument, labelsArgument, momentArgument, secondsArgument } from './text/arguments.ts';
import { formatExact } from './text/durations.ts';
import { Failure, usage } from './text/errors.ts';
import { labelsText } from './text/leases.ts';
import { foreign } from './text/sanitize.ts';

type CommonFlags = ConnectionFlags & OutputFlags;

interface SettingFlags extends CommonFlags {
  readonly capacity?: string;
  readonly label?: readonly string[];
  readonly unlabel?: readonly string[];
  readonly description?: string;
  readonly onExpire?: string;
  readonly ttl?: string;
  readonly maxHold?: string;
}

interface ClosingFlags extends CommonFlags {
  readonly reason?: string;
  readonly until?: string;
  readonly force?: boolean;
}

export async function envCreate(name: string, flags: SettingFlags): Promise<void> {
  const out = new Output(flags);
  const change = changeOf(flags);
  const { client, need } = await connect(flags);
  const existing = await client.environment(name);
  if (existing.ok && existing.value.declared) {
    throw new Failure({
      what: `${foreign(name, 60)} exists already.`,
      code: 'usage',
      more: ['To change it: signalbox env set. What it is: signalbox env show'],
    });
  }
  const made = need(await client.putEnvironment(name, change));
  answer(
    out,
    made,
    existing.ok ? 'is declared now; it had been made at first use' : `is declared: ${settingsText(made)}`,
  );
}

export async function envSet(name: string, flags: SettingFlags): Promise<void> {
  const out = new Output(flags);
  const change = changeOf(flags);
  if (Object.keys(change).length === 0 && flags.unlabel === undefined)
    throw usage('nothing to change.', 'What can be: signalbox env set --help');
  const { client, need } = await connect(flags);
  const touchesLabels = flags.label !== undefined || flags.unlabel !== undefined;
  const labels = touchesLabels ? { ...need(await client.environment(name)).labels, ...change.labels } : undefined;
  for (const label of flags.unlabel ?? []) delete labels?.[label];
  const changed = need(await client.changeEnvironment(name, { ...change, ...(labels !== undefined && { labels }) }));
  answer(out, changed, `is changed: ${settingsText(changed)}`);
}

export async function envDelete(name: string, flags: ClosingFlags): Promise<void> {
  const out = new Output(flags);
  if (flags.force && !flags.reason?.trim())
    throw usage('--reason: say why; it is shown to whoever loses the environment.');
  if (!flags.force && flags.reason !== undefined)
    throw usage('--reason is for --force: without it nobody loses anything.');
  const { client, need } = await connect(flags);
  need(await client.deleteEnvironment(name, flags.force ? { force: true, reason: flags.reason ?? '' } : {}));
  out.talk(`${foreign(name, 60)} is deleted`, '✓');
}

export async function envClean(name: string, flags: ClosingFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const cleaned = need(await client.clean(name, { reason: flags.reason ?? 'cleaned' }));
  answer(out, cleaned, `is clean: ${cleaned.free} of ${cleaned.capacity} free`);
}

export async function envDrain(name: string, flags: ClosingFlags): Promise<void> {
  const out = new Output(flags);
  if (!flags.reason?.trim()) throw usage('--reason: say why; it is shown to everyone who asks.');
  const until = flags.until === undefined ? undefined : momentArgument(flags.until, '--until', 'ahead', Date.now());
  const { client, need } = await connect(flags);
  const changed = need(
    await client.changeEnvironment(name, {
      state: 'draining',
      reason: flags.reason,
      ...(until !== undefined && { until }),
    }),
  );
  const left = changed.held.length;
  answer(
    out,
    changed,
    left === 0
      ? 'is drained: nobody holds it'
      : `is draining: ${left === 1 ? 'its holder goes' : `${left} holders go`} on`,
  );
}

export async function envOpen(name: string, flags: CommonFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const changed = need(await client.changeEnvironment(name, { state: 'open' }));
  const freezes = changed.frozenBy ?? [];
  const still =
    freezes.length === 0
      ? ''
      : `, but the freeze ${foreign(freezes.join(', '), 80)} covers it: signalbox freeze --list`;
  answer(out, changed, `is open${still}`);
}

function changeOf(flags: SettingFlags): EnvironmentChange {
  if (flags.onExpire !== undefined && flags.onExpire !== 'free' && flags.onExpire !== 'hold') {
    throw usage(`--on-expire: "${foreign(flags.onExpire, 40)}" is neither free nor hold.`);
  }
  const ttlSeconds = secondsArgument(flags.ttl, '--ttl');
  const maxHoldSeconds = secondsArgument(flags.maxHold, '--max-hold');
  return {
    ...(flags.capacity !== undefined && { capacity: integerArgument(flags.capacity, '--capacity', 0, 1_000_000) }),
    ...(flags.label !== undefined && { labels: labelsArgument(flags.label) }),
    ...(flags.description !== undefined && { description: flags.description }),
    ...(flags.onExpire !== undefined && { onExpire: flags.onExpire }),
    ...(ttlSeconds !== undefined && { ttlSeconds }),
    ...(maxHoldSeconds !== undefined && { maxHoldSeconds }),
  };
}

function answer(out: Output, environment: Environment, words: string): void {
  if (out.json) out.object(environment);
  else out.talk(`${foreign(environment.name, 60)} ${words}`, '✓');
}

function settingsText({ capacity, labels, ttlSeconds, maxHoldSeconds, onExpire }: Environment): string {
  const parts = [
    `capacity ${capacity}`,
    labelsText(labels),
    ttlSeconds === null ? 'no time to live' : `time to live ${formatExact(ttlSeconds * 1000)}`,
    maxHoldSeconds === null ? '' : `held at most ${formatExact(maxHoldSeconds * 1000)}`,
    onExpire === 'hold' ? 'dirty after an expiry' : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

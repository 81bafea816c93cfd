// An event of the history in words, and which kinds of events there are. Pure: the page shows the pieces with links and in the
// direction of their letters, the CSV the same as plain text.
//
// Must always hold: an event of an unknown kind, or with other data than expected, is still told.

import { formatDuration } from '../../../src/cli/text/durations.ts';
import type { HistoryEvent } from '../../../src/client/types.ts';

/** Our words, or those of others: a name (perhaps with the address of its job), or what somebody gave as a reason. */
export type Piece = string | { readonly name: string; readonly url: string | null } | { readonly quote: string };

export const families: readonly { readonly name: string; readonly title: string; readonly kinds: readonly string[] }[] =
  [
    {
      name: 'lease.',
      title: 'Leases',
      kinds: ['queued', 'granted', 'released', 'revoking', 'revoked', 'expired', 'cancelled', 'timed_out'],
    },
    { name: 'environment.', title: 'Environments', kinds: ['created', 'changed', 'cleaned', 'deleted'] },
    { name: 'freeze.', title: 'Freezes', kinds: ['put', 'ended'] },
    { name: 'signal.', title: 'Signals', kinds: ['set', 'failed', 'cleared', 'expired'] },
    { name: 'barrier.', title: 'Barriers', kinds: ['declared', 'arrived', 'opened', 'broken', 'forgotten'] },
    {
      name: 'build.',
      title: 'Builds',
      kinds: ['asked', 'step', 'step_failed', 'started', 'finished', 'failed', 'cancelling', 'cancelled'],
    },
    { name: 'instance.', title: 'Machines', kinds: ['launched', 'ready', 'adopted', 'ending', 'gone'] },
    { name: 'pool.', title: 'Pools', kinds: ['added', 'changed', 'removed'] },
    { name: 'image.', title: 'Images', kinds: ['added', 'changed', 'removed'] },
    { name: 'key.', title: 'Keys', kinds: ['created', 'deleted'] },
    { name: 'space.', title: 'Spaces', kinds: ['created', 'changed', 'removed', 'forgotten'] },
    { name: 'server.', title: 'Servers', kinds: ['started', 'gone'] },
  ];

export function knownKinds(): string[] {
  return families.flatMap(({ name, kinds }) => [name, ...kinds.map((kind) => name + kind)]);
}

type Data = HistoryEvent['data'];
type Tell = (event: HistoryEvent) => readonly (Piece | null)[];

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);
const duration = (seconds: unknown): string | null => {
  const known = number(seconds);
  return known === null ? null : formatDuration(known * 1000);
};
const named = (name: string | null, url: string | null = null): Piece | null => (name === null ? null : { name, url });

/** The job; where it has no name, who asked. */
function holder({ data, actor }: HistoryEvent): Piece {
  return { name: text(data.holder) ?? actor, url: text(data.url) };
}

function because({ data }: HistoryEvent): Piece | null {
  const reason = text(data.reason);
  return reason === null ? null : { quote: reason };
}

/** `, with a space before`: what stands behind the first words. */
function more(words: string, value: string | null): string | null {
  return value === null ? null : ` · ${words}${value}`;
}

function ofGeneration({ generation }: Data): Piece[] {
  const name = text(generation);
  return name === null ? [] : [' · generation ', { name, url: null }];
}

const endings: Readonly<Record<string, string>> = {
  max_hold: 'it was held for longer than allowed',
  absent: 'its job was not heard of any more',
  stolen: 'for the one who took it',
  environment_deleted: 'the environment was deleted',
  environment_draining: 'the environment is drained',
};

function ending(event: HistoryEvent, verb: string, isTaken = false): readonly (Piece | null)[] {
  const { data, actor } = event;
  const by = text(data.by) ?? actor;
  return [
    ...(isTaken ? [`${verb} by `, named(by), ' from '] : [`${verb} `]),
    holder(event),
    because(event) && ': ',
    because(event),
    more('', endings[text(data.how) ?? ''] ?? null),
    more('held ', duration(data.heldSeconds)),
    more('waited ', duration(data.waitedSeconds)),
    Array.isArray(data.dirty) && data.dirty.length > 0 ? ' · must be cleaned' : null,
  ];
}

const withReason =
  (words: string): Tell =>
  (event) => [words, because(event) && ': ', because(event)];

function change(event: HistoryEvent): readonly (Piece | null)[] {
  const { data } = event;
  const states: Record<string, string> = { open: 'opened', frozen: 'frozen', draining: 'closed: it drains' };
  const state = text(data.state);
  const was = typeof data.was === 'object' && data.was !== null ? (data.was as Data) : {};
  const others = Object.keys(data).filter((name) => !['state', 'reason', 'untilAt', 'was', 'lease'].includes(name));
  const changed = others.map((name) => {
    const [before, after] = [plain(was[name]), plain(data[name])];
    return before === '' ? `${name} ${after}` : `${name} ${before} → ${after}`;
  });
  return [
    state === null ? null : (states[state] ?? state),
    state !== null && changed.length > 0 ? ' · ' : null,
    changed.length > 0 ? `changed: ${changed.join(', ')}` : state === null ? 'changed' : null,
    because(event) && ': ',
    because(event),
    more('until ', momentText(data.untilAt)),
  ];
}

/** What somebody wrote as a value, on one line. */
function plain(value: unknown): string {
  if (value === undefined || value === null) return value === null ? 'none' : '';
  if (typeof value === 'object')
    return (
      Object.entries(value)
        .map(([name, each]) => (Array.isArray(value) ? plain(each) : `${name}=${plain(each)}`))
        .join(' ') || 'none'
    );
  return String(value);
}

function momentText(at: unknown): string | null {
  const ms = number(at);
  return ms === null ? null : `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

const tells: Readonly<Record<string, Tell>> = {
  'lease.queued': (event) => [holder(event), ' waits for it', more('place ', plain(event.data.position) || null)],
  'lease.granted': (event) => [
    'granted to ',
    holder(event),
    more('waited ', duration(event.data.waitedSeconds)),
    more('fence ', plain(event.data.fence) || null),
    event.data.byLabels === true ? ' · chosen by its labels' : null,
  ],
  'lease.released': (event) => ending(event, 'released by'),
  'lease.revoked': (event) => ending(event, 'taken away', true),
  'lease.revoking': (event) => ending(event, 'being taken away', true),
  'lease.expired': (event) => ending(event, 'expired:'),
  'lease.timed_out': (event) => ending(event, 'waited in vain:'),
  'lease.cancelled': (event) => ending(event, 'no longer waits:'),
  'environment.created': ({ data }) => [
    data.atFirstUse === true ? 'made at its first use' : 'made',
    text(data.nearest) && ' · perhaps meant was ',
    named(text(data.nearest)),
  ],
  'environment.changed': change,
  'environment.cleaned': (event) => [
    `cleaned: ${plain(event.data.slots)} of its places are free again`,
    because(event) && ', ',
    because(event),
  ],
  'environment.deleted': withReason('deleted'),
  'freeze.put': (event) => [
    'nothing is granted',
    text(event.data.labels) ? ' where ' : ' anywhere',
    named(text(event.data.labels)),
    more('until ', momentText(event.data.untilAt)),
    because(event) && ': ',
    because(event),
  ],
  'freeze.ended': () => ['the freeze has ended'],
  'signal.set': (event) => [
    'set by ',
    holder(event),
    number(event.data.bytes) ? ` · carries ${plain(event.data.bytes)} bytes` : null,
    event.data.ttlSeconds === null ? ' · until it is cleared' : more('for ', duration(event.data.ttlSeconds)),
  ],
  'signal.failed': (event) => ['set as failed by ', holder(event), because(event) && ': ', because(event)],
  'signal.cleared': () => ['cleared'],
  'signal.expired': ({ data }) => [
    'its time is over',
    text(data.setBy) && ' · it was set by ',
    named(text(data.setBy)),
  ],
  'barrier.declared': ({ data }) => [
    `declared for ${Array.isArray(data.parties) ? data.parties.length : plain(data.parties)} parties`,
    ...(Array.isArray(data.parties) ? [': ', named(data.parties.slice(0, 10).join(', '))] : []),
    ...ofGeneration(data),
  ],
  'barrier.arrived': ({ data }) => [
    named(text(data.party)),
    ` has come: ${plain(data.arrived)} of ${plain(data.of)}`,
    ...ofGeneration(data),
  ],
  'barrier.opened': ({ data }) => [`opened: all ${plain(data.parties)} have come`, ...ofGeneration(data)],
  'barrier.broken': (event) => [
    ({ timed_out: 'broken: the time was over', cancelled: 'broken: cancelled' }[plain(event.data.how)] ?? 'broken') +
      (text(event.data.party) ? ': ' : ''),
    named(text(event.data.party)),
    text(event.data.party) ? ' has failed' : null,
    because(event) && ', ',
    because(event),
    text(event.data.missing) && ' · missing ',
    named(text(event.data.missing)),
    ...ofGeneration(event.data),
  ],
  'barrier.forgotten': ({ data }) => ['forgotten: the name can be used anew', ...ofGeneration(data)],
  'build.asked': ({ data }) => ['a machine is asked for', text(data.role) && ': ', named(text(data.role))],
  'build.step': ({ data }) => ['step ', named(text(data.step)), ' is done'],
  'build.step_failed': (event) => [
    'step ',
    named(text(event.data.step)),
    ` failed, try ${plain(event.data.tries)}`,
    because(event) && ': ',
    because(event),
    event.data.again === true ? ' · it is tried again' : null,
  ],
  'build.started': () => ['all its machines run'],
  'build.finished': () => ['finished: all its machines are ready'],
  'build.failed': withReason('failed'),
  'build.cancelling': withReason('is being cancelled'),
  'build.cancelled': withReason('cancelled'),
  'instance.launched': () => ['launched'],
  'instance.ready': () => ['ready'],
  'instance.adopted': () => ['found running, and taken over'],
  'instance.ending': withReason('is being ended'),
  'instance.gone': withReason('gone'),
  'pool.added': () => ['pool added'],
  'pool.changed': () => ['pool changed'],
  'pool.removed': () => ['pool removed'],
  'image.added': ({ data }) => ['image added', text(data.role) && ' for ', named(text(data.role))],
  'image.changed': ({ data }) => [data.active === false ? 'image no longer used' : 'image changed'],
  'image.removed': () => ['image removed'],
  'key.created': ({ data }) => ['key made, with ', named(plain(data.scopes) || 'no scope')],
  'key.deleted': () => ['key deleted'],
  'space.created': () => ['space made'],
  'space.changed': () => ['space changed'],
  'space.removed': () => ['space removed'],
  'space.forgotten': () => ['space forgotten'],
  'server.started': () => ['the server has started'],
  'server.gone': () => ['the server is gone'],
};

export function piecesOf(event: HistoryEvent): Piece[] {
  const tell = Object.hasOwn(tells, event.kind) ? tells[event.kind] : undefined;
  const pieces = tell?.(event) ?? [event.kind, because(event) && ': ', because(event)];
  return pieces.flatMap((piece) => (piece === null || piece === '' ? [] : [piece]));
}

export function wordsOf(event: HistoryEvent): string {
  return piecesOf(event)
    .map((piece) => (typeof piece === 'string' ? piece : 'quote' in piece ? `“${piece.quote}”` : piece.name))
    .join('');
}

/** The lease, and the build, that an event belongs to. */
export function leaseOf({ data }: HistoryEvent): string | null {
  return text(data.lease);
}

export function buildOf({ kind, subject, data }: HistoryEvent): string | null {
  return kind.startsWith('build.') ? subject : text(data.build);
}

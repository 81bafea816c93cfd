// `signalbox build`: asks for machines, shows how far they are and what happened to them, and ends them.

import type { Build } from '../client/types-machines.ts';
import { createBuild } from './build-create.ts';
import { buildLogs } from './build-logs.ts';
import { connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, group, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import {
  BUILD_HEAD,
  buildPipeRow,
  buildRow,
  INSTANCE_HEAD,
  instancePipeRow,
  instanceRow,
  whyText,
} from './machines/rows.ts';
import { doneText, factsText, running, stateText, typed, wantedText } from './machines/words.ts';
import { foreign } from './text/sanitize.ts';
import { table } from './text/tables.ts';
import { formatAge, formatTime } from './text/times.ts';

type Flags = ConnectionFlags & OutputFlags;

export function buildCommand() {
  const made = group({
    name: 'build',
    summary: 'Machines that are made for you.',
    examples: [
      ['signalbox build create --site org --env staging --queue main --type c5.xlarge --wait', 'until it runs'],
      ['signalbox build list', 'builds, newest first'],
      ['signalbox build show bd_3xT', 'its steps and machines'],
      ['signalbox build logs bd_3xT --follow', 'what happened to it and its machines, until it is over'],
      ['signalbox build cancel bd_3xT --reason "wrong branch"', 'its machines are ended'],
    ],
    notes: ['The server needs a driver, which makes them: signalbox serve --driver command:PATH'],
  });
  made.addCommand(createBuild());
  made.addCommand(
    withConnection(
      command({
        name: 'list',
        summary: 'Builds, newest first, those that are over too.',
        examples: [['signalbox build list', 'how each stands, and why']],
        notes: [
          'In a pipe: id, state, how many run, how many were asked for, type, site, env, queue, role, by, since, why, pool.',
        ],
      }),
    ).action(list),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'show',
        summary: 'The steps and machines of a build.',
        examples: [['signalbox build show bd_3xT', 'how far it is, and what went wrong']],
        notes: [
          'In a pipe each line says first what it is: build (as in list), step (name, begun, done, facts),',
          'instance (as in signalbox instance list).',
        ],
      }),
    )
      .argument('<build>', 'its id')
      .action(show),
  );
  made.addCommand(buildLogs());
  made.addCommand(
    withConnection(
      command({
        name: 'cancel',
        summary: 'End a build and its machines, however far it is. Again: what could not be ended is tried anew.',
        examples: [['signalbox build cancel bd_3xT --reason "wrong branch"', 'the reason is shown to who waits']],
      }),
    )
      .argument('<build>', 'its id')
      .option('--reason <text>', 'shown to whoever waits for it, and in the history')
      .action(cancel),
  );
  return made;
}

async function list(flags: Flags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const all = await gather((page) => client.builds(page), need);
  if (out.json) return out.object({ items: all.items, next: null, asOf: all.asOf });
  if (all.items.length === 0) return out.talk('there are no builds. The first: signalbox build create');
  const now = Date.parse(all.asOf.at);
  const { answersTerminal: terminal, width, colours } = out;
  const rows = all.items.map((build) => (terminal ? buildRow(build, now, colours) : buildPipeRow(build)));
  out.answer(...table(BUILD_HEAD, rows, { terminal, width, paintHead: colours.dim, flexible: 3 }));
}

async function show(id: string, flags: Flags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const build = need(await client.build(id));
  if (out.json) return out.object(build);
  out.answer(...(out.answersTerminal ? shown(build, out) : piped(build)));
}

function shown(build: Build, { width, colours }: Output): string[] {
  const now = Date.now();
  const { id, by, createdAt, steps, instances } = build;
  const asked = `asked for ${formatAge(createdAt, now)} ago by ${foreign(by, 60)}`;
  const why = whyText(build);
  return [
    `${typed(id)} is ${stateText(build)} · ${running(build).length} of ${build.count} run · ${asked}`,
    `  ${wantedText(build)}${build.pool === null ? '' : ` · for pool ${foreign(build.pool, 60)}`}`,
    ...(why === '' ? [] : [`  ${why}`]),
    ...steps.map((step) =>
      step.doneAt === null
        ? `  … ${foreign(step.name, 60)} since ${formatAge(step.begunAt, now)}`
        : `  ✓ ${doneText(step)}`,
    ),
    ...table(
      INSTANCE_HEAD,
      instances.map((each) => instanceRow(each, now, colours)),
      { terminal: true, width, paintHead: colours.dim, flexible: 5 },
    ),
  ];
}

function piped(build: Build): string[] {
  const steps = build.steps.map(({ name, begunAt, doneAt, facts }) => [
    ...['step', foreign(name), formatTime(begunAt, false, 0), formatTime(doneAt, false, 0), factsText(facts)],
  ]);
  const instances = build.instances.map((each) => ['instance', ...instancePipeRow(each)]);
  return table([], [['build', ...buildPipeRow(build)], ...steps, ...instances], { terminal: false, width: 0 });
}

async function cancel(id: string, flags: Flags & { readonly reason?: string }): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const { reason } = flags;
  const build = need(await client.cancelBuild(id, { ...(reason !== undefined && { reason }) }));
  if (out.json) return out.object(build);
  if (build.state === 'cancelled') return out.talk(`build ${typed(id)} is cancelled; its machines are gone`, '✓');
  out.talk(`build ${typed(id)} is cancelled; its machines are being ended`, '✓');
  out.talk(`to see whether they are gone: signalbox build show ${typed(id)}`);
}

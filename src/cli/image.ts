// `signalbox image`: what machines are made from.

import { connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, group, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { IMAGE_HEAD, imagePipeRow, imageRow, imageText } from './machines/pool-rows.ts';
import { usage } from './text/errors.ts';
import { foreign } from './text/sanitize.ts';
import { table } from './text/tables.ts';

interface ImageFlags extends ConnectionFlags, OutputFlags {
  readonly role?: string;
  readonly name?: string;
  readonly active?: boolean;
}

export function imageCommand() {
  const made = group({
    name: 'image',
    summary: 'What machines are made from.',
    examples: [
      ['signalbox image list --role worker --active', 'newest first: a build that names no image takes the first'],
      ['signalbox image set ami-0abc --role worker --name "node 24"', 'say what it is for'],
      ['signalbox image set ami-0abc --no-active', 'no build takes it by itself any more'],
      ['signalbox image forget ami-0abc', 'what was said of it here'],
    ],
    notes: ['Those that the driver lists are learned from it.'],
  });
  made.addCommand(
    withConnection(
      command({
        name: 'list',
        summary: 'Images, newest first.',
        examples: [['signalbox image list --role worker --active', 'a build that names no image takes the first']],
        notes: ['In a pipe: id, role, name, active or inactive, state, who said it (api, file, driver), made.'],
      }),
    )
      .option('--role <name>', 'only those of this role')
      .option('--active', 'only those that a build may take by itself')
      .action(list),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'set',
        summary: 'Say what an image is for; what is not given stays.',
        examples: [['signalbox image set ami-0abc --role worker --name "node 24"', 'active from now on, if it is new']],
      }),
    )
      .argument('<image>', 'its id at the driver')
      .option('--role <name>', 'what its machines are; none: nothing')
      .option('--name <name>', 'for people; none: no name')
      .option('--active', 'a build of its role that names no image may take it')
      .option('--no-active', 'only a build that names it takes it')
      .action(set),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'forget',
        summary: 'Forget an image. One that the driver lists is learned from it again.',
        examples: [['signalbox image forget ami-0abc', 'the image itself stays']],
      }),
    )
      .argument('<image>', 'its id at the driver')
      .action(forget),
  );
  return made;
}

async function list({ role, active, ...flags }: ImageFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const only = { ...(role !== undefined && { role }), ...(active !== undefined && { active }) };
  const all = await gather((page) => client.images({ ...page, ...only }), need);
  if (out.json) return out.object({ items: all.items, next: null, asOf: all.asOf });
  if (all.items.length === 0) return out.talk('there are no such images. To name one: signalbox image set');
  const now = Date.parse(all.asOf.at);
  const { answersTerminal: terminal, width, colours } = out;
  const rows = all.items.map((image) => (terminal ? imageRow(image, now, colours) : imagePipeRow(image)));
  out.answer(...table(IMAGE_HEAD, rows, { terminal, width, paintHead: colours.dim, flexible: 3 }));
}

async function set(id: string, { role, name, active, ...flags }: ImageFlags): Promise<void> {
  const out = new Output(flags);
  if (role === undefined && name === undefined && active === undefined)
    throw usage('nothing to say of it.', 'What can be: signalbox image set --help');
  const { client, need } = await connect(flags);
  const { items } = await gather((page) => client.images(page), need);
  const known = items.find((each) => each.id === id);
  const request = {
    role: role === undefined ? (known?.role ?? null) : orNull(role),
    name: name === undefined ? (known?.name ?? null) : orNull(name),
    active: active ?? known?.active ?? true,
  };
  const image = need(await client.putImage(id, request));
  if (out.json) return out.object(image);
  out.talk(`image ${foreign(image.id, 200)} ${imageText(image)}`, '✓');
}

async function forget(id: string, flags: ConnectionFlags & OutputFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  need(await client.deleteImage(id));
  out.talk(`image ${foreign(id, 200)} is forgotten`, '✓');
}

function orNull(written: string): string | null {
  return written === 'none' ? null : written;
}

// What Debian's cloud-init makes of our user data: it fetches the script from a real server, and what it would run is the template
// with its values, to the last byte.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startWithScripts, template } from '../http/script-server.ts';

/** Where Debian has it, and the only Python that finds it there. */
const [python, cloudInit] = ['/usr/bin/python3', '/usr/lib/python3/dist-packages/cloudinit/user_data.py'];

/** Reads user data from its argument and prints type and content (base64) of each part that is left in the end. */
const program = `
import base64, json, sys, tempfile
from cloudinit import helpers
from cloudinit.user_data import UserDataProcessor
folder = tempfile.mkdtemp()
paths = helpers.Paths({"cloud_dir": folder, "run_dir": folder})
message = UserDataProcessor(paths).process(sys.argv[1].encode())
parts = [part for part in message.walk() if part.get_content_maintype() != "multipart"]
print(json.dumps([[part.get_content_type(), base64.b64encode(part.get_payload(decode=True)).decode()] for part in parts]))
`;

async function processed(userData: string): Promise<{ type: string; content: string }[]> {
  if (!existsSync(cloudInit))
    throw new Error('cloud-init is missing: npm test installs it, or apt-get install cloud-init');
  const env = { PATH: process.env.PATH ?? '', no_proxy: '*' };
  const { stdout } = await promisify(execFile)(python, ['-c', program, userData], { env });
  const parts: [string, string][] = JSON.parse(stdout);
  return parts.map(([type, content]) => ({ type, content: Buffer.from(content, 'base64').toString() }));
}

const hard = [
  '#!/bin/bash',
  'printf "%s %d %% %n\\n" "$HOME" $& $$ $1 ${x:-1 `date` \\\\ \\t',
  'für 漢字 🚀 \u00a0 \ufeff',
  'cr and lf\r',
  'blanks at the end   ',
  '\ttab {single} }}',
  '',
  'exit 0 # no line break at the end  ',
].join('\n');

test.each([
  ['as it is', hard],
  ['a line', '#!/bin/sh'],
  ['everything with CRLF', hard.replaceAll(/\r?\n/g, '\r\n')],
  ['a long one', `#!/bin/sh\n${'# %s $& \\ ü\n'.repeat(20_000)}`],
])('cloud-init runs the script byte for byte: %s', async (_, script) => {
  const server = await startWithScripts({ usual: template(script) });
  const { userData } = await server.build();
  expect(await processed(userData ?? '')).toEqual([{ type: 'text/x-shellscript', content: script }]);
});

test('and its values byte for byte, one with a line that would be another script included', async () => {
  const values = { InstanceRSA: '%s $& {{.Env}} \\\r\n#include http://127.0.0.1:9/x\n', InstanceYML: 'a: "ü" ' };
  const server = await startWithScripts({
    ...{ usual: template('#!/bin/sh\n{{.InstanceRSA}}|{{.InstanceYML}}|{{.Site}}'), values },
  });
  const { userData } = await server.build({ site: '%d $$ {{x}}' });
  const content = `#!/bin/sh\n${values.InstanceRSA}|${values.InstanceYML}|%d $$ {{x}}`;
  expect(await processed(userData ?? '')).toEqual([{ type: 'text/x-shellscript', content }]);
});

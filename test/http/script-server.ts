// A server that makes machines with init scripts: its driver is a program that writes down what it was asked for, and makes nothing.

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ServerSettings } from '../../src/config.ts';
import { noScripts, type ScriptTemplates } from '../../src/core/machines/template.ts';
import { eventually } from '../eventually.ts';
import { admin, start, type TestServer } from './server.ts';

export interface ScriptServer extends TestServer {
  /** Asks for one machine. Resolves with the user data that the driver was given for it: null where there was none. */
  build(body?: object, key?: string): Promise<{ id: string; userData: string | null }>;
}

const usual = { site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'c3.large' };
let builds = 0;

/** A template that was read nowhere. */
export const template = (text: string) => ({ text, from: 'init.sh' });

export async function startWithScripts(
  scripts: Partial<ScriptTemplates>,
  settings: Partial<ServerSettings> = {},
): Promise<ScriptServer> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-scripts-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, 'driver');
  writeFileSync(
    program,
    `#!/bin/sh
asked=$(cat)
build=$(printf '%s' "$asked" | sed -n 's/.*"build":"[^"]*\\/\\([^"]*\\)".*/\\1/p')
case $1 in
  create) printf '%s\\n' "$asked" > '${folder}'/"$build.new" && mv '${folder}'/"$build.new" '${folder}'/"$build.json"
    echo '{"id":"i-'"$build"'","facts":{}}' ;;
  list) echo '[]' ;;
  *) echo null ;;
esac
`,
  );
  chmodSync(program, 0o755);
  const server = await start({
    ...{ adminKeys: [admin], driver: { kind: 'command', program }, scripts: { ...noScripts, ...scripts } },
    ...settings,
  });
  return {
    ...server,
    build: async (body = {}, key = admin.key) => {
      const id = `bd-${++builds}`;
      const { status, text } = await server.call('POST', '/v1/instance-builds', {
        body: { id, ...usual, ...body },
        key,
      });
      if (status !== 202) throw new Error(`${status}: ${text}`);
      const asked = join(folder, `${id}.json`);
      const { userData } = await eventually(() => {
        if (!existsSync(asked)) throw new Error('no machine was asked for yet');
        return JSON.parse(readFileSync(asked, 'utf8'));
      });
      return { id, userData };
    },
  };
}

/** Address, user and password of the one that user data includes. */
export function included(userData: string | null): { path: string; url: string; authorization: string } {
  const url = new URL(/^#include (\S+)\n$/.exec(userData ?? '')?.[1] as string);
  const basic = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { path: url.pathname, url: url.href, authorization: `Basic ${Buffer.from(basic).toString('base64')}` };
}

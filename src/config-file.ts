// `signalbox.yaml`: what a server is to be and cannot be said in a line. What always holds: a key that nobody knows is refused, and
// so is whatever else could mean something other than what was written (a key twice, a tag, a second document); the first fault
// is told in one line, with file, line and path, and nothing is started.

import { readFileSync } from 'node:fs';
import { normalize } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import type { ReadFile } from './config.ts';
import { Entry, FileFault } from './config-file/entry.ts';
import { driverSetting, ec2, initScripts } from './config-file/machines.ts';
import { notify } from './config-file/notify.ts';
import { environment, image, pool } from './config-file/places.ts';
import { type FileSettings, noFile } from './config-file/settings.ts';
import { utf8 } from './config-values.ts';

const usualPath = './signalbox.yaml';
const atMost = 1 << 20;

/** `path`: as it was given; null: `./signalbox.yaml`, where that exists. */
export const readConfigFile: ReadFile = (path) => {
  const name = normalize(path ?? usualPath);
  let bytes: Buffer;
  try {
    bytes = readFileSync(name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (path === null && code === 'ENOENT') return { outcome: 'ready', file: noFile };
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read: ${code}`;
    return { outcome: 'wrong', message: `${name}: ${why}` };
  }
  if (bytes.length > atMost) return { outcome: 'wrong', message: `${name}: it is larger than 1 MiB` };
  const text = utf8(bytes);
  if (text === null) return { outcome: 'wrong', message: `${name}: it is no UTF-8` };
  try {
    return { outcome: 'ready', file: settingsIn(text, name) };
  } catch (error) {
    if (error instanceof FileFault) return { outcome: 'wrong', message: error.message };
    throw error;
  }
};

function settingsIn(text: string, name: string): FileSettings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: false });
  const [trouble] = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  if (trouble !== undefined) {
    const [said = ''] = trouble.message.split('\n');
    throw new FileFault(`${name}:${lines.linePos(trouble.pos[0]).line}: it is no valid YAML: ${said}`);
  }
  const top = new Entry({ name, document, lines }, document.contents, '', 0);
  const given = top.fields(['environments', 'pools', 'images', 'driver', 'ec2', 'initScripts', 'notify']);
  return {
    path: name,
    environments: byName(given.environments, environment),
    pools: byName(given.pools, pool),
    images: byName(given.images, image),
    driver: given.driver === undefined ? null : driverSetting(given.driver, name),
    ec2: given.ec2 === undefined ? {} : ec2(given.ec2),
    ...initScripts(given.initScripts, name),
    notify: notify(given.notify, name),
  };
}

function byName<T>(entry: Entry | undefined, read: (name: string, entry: Entry) => T): ReadonlyMap<string, T> {
  return new Map((entry?.entries() ?? []).map(([name, each]) => [name, read(name, each)]));
}

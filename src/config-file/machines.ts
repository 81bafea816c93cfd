// How machines are made, as `signalbox.yaml` says it: driver, EC2, init scripts. Files are named from where it lies.

import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type DriverGiven, driver, good, type Parsed, ranges, utf8 } from '../config-values.ts';
import { serverVariables, type Template } from '../core/machines/template.ts';
import type { Entry } from './entry.ts';
import { type Ec2FileSettings, type FileSettings, usualScriptSeconds } from './settings.ts';

const scriptAtMost = 1 << 20;

export function driverSetting(entry: Entry, file: string): DriverGiven {
  const setting = entry.parsed(driver);
  if (setting.kind !== 'command') return setting;
  const program = resolve(dirname(file), setting.program);
  const kind = fileKind(program);
  if (kind === 'none') return entry.fault(`there is no file ${program}`);
  return kind === 'program' ? { ...setting, program } : entry.fault(`${program} is no executable file`);
}

function fileKind(path: string): 'none' | 'program' | 'other' {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return 'none';
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile() ? 'program' : 'other';
  } catch {
    return 'other';
  }
}

export function ec2(entry: Entry): Ec2FileSettings {
  const given = entry.fields(['fallbackTypes', 'subnets', 'sshFrom', 'vpc', 'tags', 'keyName', 'instanceProfile']);
  const texts = (list: Entry | undefined): string[] | undefined => list?.oneOrMore().map((item) => item.text(200));
  return {
    fallbackTypes:
      given.fallbackTypes && byName(given.fallbackTypes, (each) => each.oneOrMore().map((item) => item.text(200))),
    subnets: texts(given.subnets),
    sshFrom: given.sshFrom?.oneOrMore().map((item) => item.parsed(range)),
    vpc: given.vpc?.text(200),
    tags: given.tags && byName(given.tags, tag),
    keyName: given.keyName?.text(255),
    instanceProfile: given.instanceProfile?.text(2048),
  };
}

export function initScripts(entry: Entry | undefined, file: string): Pick<FileSettings, 'scripts' | 'scriptSeconds'> {
  const given = entry?.fields(['default', 'queues', 'roles', 'secretSeconds', 'variables']) ?? {};
  const templates = (map: Entry | undefined): ReadonlyMap<string, Template> =>
    new Map((map?.entries() ?? []).map(([name, each]) => [name, template(each, file)]));
  const values = Object.entries(given.variables?.fields(serverVariables) ?? {});
  return {
    scripts: {
      usual: given.default === undefined ? null : template(given.default, file),
      queues: templates(given.queues),
      roles: templates(given.roles),
      values: Object.fromEntries(values.map(([name, each]) => [name, each.text(64 * 1024)])),
    },
    scriptSeconds: given.secretSeconds?.integer(10, 86_400) ?? usualScriptSeconds,
  };
}

function template(entry: Entry, file: string): Template {
  const from = resolve(dirname(file), entry.text());
  const bytes = fileAt(entry, from);
  if (bytes.length > scriptAtMost) return entry.fault(`${from} is larger than 1 MiB`);
  return { text: utf8(bytes) ?? entry.fault(`${from} is not UTF-8`), from };
}

/** What a file beside the configuration holds. */
export function fileAt(entry: Entry, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return entry.fault(code === 'ENOENT' ? `there is no file ${path}` : `${path} cannot be read: ${code}`);
  }
}

function range(written: string): Parsed<string> {
  const list = ranges(written);
  if (list.ok && list.value.length === 1) return good(written);
  return { ok: false, expected: 'give one address or range, like 10.0.0.0/8' };
}

/** Those that machines are known again by, and those that AWS keeps for itself. */
function tag(entry: Entry, name: string): string {
  if (/^(?:signalbox|aws):/i.test(name)) entry.fault('tags of signalbox: and aws: are set by them alone');
  return entry.text(256);
}

function byName<T>(entry: Entry, read: (each: Entry, name: string) => T): Record<string, T> {
  return Object.fromEntries(entry.entries().map(([name, each]) => [name, read(each, name)]));
}

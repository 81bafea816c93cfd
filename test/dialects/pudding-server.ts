// A server with a driver whose machines are files: named by their ids, with our ids of them inside. While there is a file `closed`
// nobody is told which machine was made.

import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { ServerSettings } from '../../src/config.ts';
import { eventually } from '../eventually.ts';
import { admin, type CallOptions, type Reply, start, type TestServer } from '../http/server.ts';

const driver = (folder: string): string => `#!/bin/sh
asked=$(cat)
text() { printf '%s' "$asked" | sed -n "s/.*\\"$1\\":\\"\\([^\\"]*\\)\\".*/\\1/p"; }
shown() {
  printf '{"id":"%s","instance":"%s","facts":{"ip":"192.0.2.7","privateIp":"10.0.0.7","type":"c3.real","image":"ami-real","launchTime":"2026-01-02T03:04:05.000Z"}}' "$1" "$(cat "$1")"
}
cd '${folder}' || exit 75
case $1 in
  create)
    id=i-$(text token | cksum | cut -d' ' -f1)
    text instance > "$id.new" && mv "$id.new" "$id"
    while [ -e closed ]; do sleep 0.02; done
    shown "$id"
    ;;
  get) id=$(text id); if [ -e "$id" ]; then shown "$id"; else echo null; fi ;;
  find)
    id=$(grep -lx "$(text instance)" i-* 2> /dev/null)
    if [ -n "$id" ]; then shown "$id"; else echo null; fi
    ;;
  list)
    comma=''
    printf '['
    for id in i-*; do if [ -e "$id" ]; then printf '%s' "$comma" && shown "$id" && comma=','; fi; done
    printf ']'
    ;;
  delete) rm -f "$(text id)"; echo null ;;
esac
`;

export interface PuddingServer extends TestServer {
  /** A call with `Authorization: token` and the admin's key, or with another one. */
  as(method: string, path: string, options?: CallOptions & { token?: string }): Promise<Reply>;
  /** Asks for machines. */
  build(more?: object, query?: string): Promise<Reply>;
  /** Resolves with the machines of a build once there are so many. */
  machines(id: string, count: number): Promise<string[]>;
  /** Ids of machines that the driver has. */
  there(): string[];
  close(): void;
  open(): void;
}

export const spec = { site: 'org', env: 'staging', instance_type: 'c3.2xlarge', count: 1, queue: 'docker' };

export async function startWithMachines(settings: Partial<ServerSettings> = {}): Promise<PuddingServer> {
  const place = mkdtempSync(join(tmpdir(), 'signalbox-pudding-'));
  onTestFinished(() => rmSync(place, { recursive: true, force: true }));
  const program = join(place, 'driver');
  writeFileSync(program, driver(place));
  chmodSync(program, 0o755);
  const server = await start({ adminKeys: [admin], driver: { kind: 'command', program }, ...settings });
  const gate = join(place, 'closed');
  onTestFinished(() => rmSync(gate, { force: true }));
  const as: PuddingServer['as'] = (method, path, { token = admin.key, headers = {}, ...options } = {}) =>
    server.call(method, path, { ...options, headers: { authorization: `token ${token}`, ...headers } });
  return {
    ...server,
    as,
    build: (more = {}, query = '') =>
      as('POST', `/instance-builds${query}`, { body: { instance_builds: { ...spec, ...more } } }),
    machines: (id, count) =>
      eventually(async () => {
        const { json } = await as('GET', `/instance-builds/${id}`);
        const [{ instances }] = json.instance_builds;
        expect(instances).toHaveLength(count);
        return instances;
      }),
    there: () => (existsSync(place) ? readdirSync(place).filter((name) => /^i-\d+$/.test(name)) : []),
    close: () => writeFileSync(gate, ''),
    open: () => rmSync(gate, { force: true }),
  };
}

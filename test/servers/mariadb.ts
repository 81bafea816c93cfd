// A MariaDB server for one test file: `startMariadb()`. Users: `root` with a password, `guest` with another and rights to nothing.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import type { Certificate } from './certificate.ts';
import { type Daemon, handOver, runOnce, startDaemon } from './daemon.ts';

export interface Mariadb extends Daemon {
  readonly user: string;
  readonly password: string;
  readonly guest: { readonly user: string; readonly password: string };
  query(sql: string): Promise<unknown>;
}

const user = 'root';
const password = 'a-secret-of-root';
const guest = { user: 'guest', password: 'a-secret-of-guest' };
const setUp = [
  `ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}';`,
  `CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '${password}';`,
  "GRANT ALL ON *.* TO 'root'@'127.0.0.1';",
  `CREATE OR REPLACE USER 'guest'@'127.0.0.1' IDENTIFIED BY '${guest.password}';`,
];

export async function startMariadb({ tls }: { tls?: Certificate } = {}): Promise<Mariadb> {
  const daemon = await startDaemon({
    name: 'mariadb',
    prepare: async (folder) => {
      writeFileSync(join(folder, 'set-up.sql'), `${setUp.join('\n')}\n`);
      handOver(join(folder, 'set-up.sql'));
      for (const [name, text] of Object.entries(tls ?? {})) {
        writeFileSync(join(folder, name), text);
        handOver(join(folder, name));
      }
      await runOnce(
        folder,
        'mariadb-install-db',
        ...['--no-defaults', `--datadir=${folder}/data`, '--auth-root-authentication-method=normal'],
        ...['--skip-test-db', '--skip-name-resolve'],
      );
    },
    command: (folder, port) => [
      ...(['mariadbd', '--no-defaults', `--datadir=${folder}/data`, `--port=${port}`] as [string, ...string[]]),
      ...['--bind-address=127.0.0.1', `--socket=${folder}/socket`, `--pid-file=${folder}/pid`, '--skip-name-resolve'],
      ...['--innodb-buffer-pool-size=16M', '--innodb-flush-log-at-trx-commit=0', '--max-connections=10'],
      `--init-file=${folder}/set-up.sql`,
      ...(tls === undefined ? [] : [`--ssl-key=${folder}/key`, `--ssl-cert=${folder}/cert`]),
    ],
    ready: /ready for connections/,
  });
  const query = async (sql: string) => {
    const connection = await mysql.createConnection({ host: '127.0.0.1', port: daemon.port, user, password });
    try {
      return (await connection.query(sql))[0];
    } finally {
      await connection.end();
    }
  };
  return { ...daemon, user, password, guest, query };
}

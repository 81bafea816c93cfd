// The PostgreSQL server of `postgres:NAME`, from the address that is configured for it. The name of a database is never pasted
// into an address: what stands for it there (`{{.}}`) is dropped, and the name goes to the server as it is.

import type { PostgresServer } from './prober.ts';

const defaultPort = 5432;
const modes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

/**
 * Reads `postgres://USER:PASSWORD@HOST:PORT/{{.}}?sslmode=MODE`; null when it is no such address. Modes as libpq means them,
 * except that where they leave the choice to the server (allow, prefer) there is no TLS.
 */
export function postgresServer(written: string): PostgresServer | null {
  const url = URL.parse(written);
  const mode = url?.searchParams.get('sslmode') ?? 'disable';
  if (url === null || !/^postgres(?:ql)?:$/.test(url.protocol) || url.hostname === '' || !modes.includes(mode))
    return null;
  try {
    return {
      host: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? defaultPort : Number(url.port),
      user: url.username === '' ? null : decodeURIComponent(url.username),
      password: url.password === '' ? null : decodeURIComponent(url.password),
      tls: mode === 'require' || mode.startsWith('verify'),
      insecure: mode === 'require',
    };
  } catch {
    // A malformed escape.
    return null;
  }
}

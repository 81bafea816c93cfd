// Proxies and private certificate authorities, for this process: Node's own fetch honours both once they are set (checked
// against a real proxy and a real TLS server in test/cli/network.test.ts). Loopback never goes through a proxy.

import { readFileSync } from 'node:fs';
import { type Variables, variable } from '../../config.ts';
import { Failure } from '../text/errors.ts';
import type { ClientSettings } from './settings.ts';

/** The proxy that requests to `url` go through, without its password; null: none. */
export function proxyFor(url: string, env: Variables): { readonly url: string; readonly from: string } | null {
  const { protocol, hostname } = new URL(url);
  if (isLoopback(hostname)) return null;
  const names = protocol === 'https:' ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy', 'HTTP_PROXY'];
  const from = names.find((name) => variable(env, name) !== null);
  if (from === undefined || isExcepted(url, variable(env, 'no_proxy') ?? variable(env, 'NO_PROXY') ?? '')) return null;
  const proxy = URL.parse(variable(env, from) ?? '');
  if (proxy === null || !/^https?:$/.test(proxy.protocol)) {
    throw new Failure({ what: `${from} is not the address of a proxy, like http://proxy:3128`, code: 'bad_setting' });
  }
  return { url: proxy.origin, from };
}

/** Sets up fetch for this process. Loads Node's TLS and proxy code only where it is needed: that is a tenth of the start. */
export async function prepareNetwork(settings: ClientSettings, env: Variables): Promise<void> {
  if (settings.caFile !== null) await trust(settings.caFile.value, settings.caFile.from);
  if (proxyFor(settings.url.value, env) !== null) {
    const { setGlobalProxyFromEnv } = await import('node:http');
    setGlobalProxyFromEnv({ ...env });
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

async function trust(file: string, from: string): Promise<void> {
  const tls = await import('node:tls');
  try {
    const certificates = readFileSync(file, 'utf8').match(CERTIFICATE) ?? [];
    // Node takes other text too, silently, and then trusts nobody more.
    if (certificates.length === 0) throw new Error('there is no certificate in it');
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), ...certificates]);
  } catch (error) {
    throw new Failure({
      what: `${from}: cannot use ${file}: ${(error as Error).message}`,
      code: 'bad_setting',
      more: ['It must be a PEM file with the certificate of the authority that signed the server’s.'],
    });
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\./.test(hostname);
}

/** NO_PROXY as most programs read it: `*`, a name and all below it, with or without a leading dot, optionally with a port. */
function isExcepted(url: string, list: string): boolean {
  const { hostname, port, protocol } = new URL(url);
  const ownPort = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
  return list.split(/[\s,]+/).some((entry) => {
    const [, name = '', onlyPort] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (entry === '*') return true;
    if (name === '' || (onlyPort !== undefined && onlyPort !== ownPort)) return false;
    return hostname === name || hostname.endsWith(`.${name}`);
  });
}

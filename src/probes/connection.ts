// What the faults of a connection mean, in one place for the probes that make their own. What always holds: a detail is made
// of our words and of codes, never of what the other end has said.

import type { Socket } from 'node:net';
import type { Finding } from './probe.ts';

/** Why nobody could be reached, by the code of the error. What is not here is a fault on our side. */
const unreached: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ECONNABORTED: 'connection reset',
  EPIPE: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  EHOSTDOWN: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENETDOWN: 'network unreachable',
  EADDRNOTAVAIL: 'no way to this address from here',
  EAFNOSUPPORT: 'no way to this address from here',
  EINVAL: 'no way to this address from here',
  EACCES: 'connecting is forbidden here',
  EPERM: 'connecting is forbidden here',
  ETIMEDOUT: 'no answer',
};

/** How an error while connecting was found. */
export function connectFinding(error: unknown): Finding {
  const code = codeOf(error);
  const detail = unreached[code];
  return detail === undefined ? { state: 'unready', detail: `cannot connect (${code})` } : { state: 'down', detail };
}

export function codeOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return typeof code === 'string' && /^\w{1,80}$/.test(code) ? code : 'unknown';
}

/** `no answer within 2 s`. */
export function noAnswer(connectTimeoutMs: number): string {
  return `no answer within ${Number((connectTimeoutMs / 1000).toPrecision(3))} s`;
}

/**
 * Whether the socket has reached itself: the kernel may lend a connection on this machine the very port that it asks for as its
 * own, and then connects it to itself. Whoever tries a port of the ephemeral range often enough sees it.
 */
export function isOwnEcho(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
}

const certificateFaults: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'is not trusted',
  CERT_UNTRUSTED: 'is not trusted',
  CERT_REJECTED: 'is not trusted',
  INVALID_CA: 'is not trusted',
  INVALID_PURPOSE: 'is not one for servers',
  CERT_SIGNATURE_FAILURE: 'has a wrong signature',
  CERT_CHAIN_TOO_LONG: 'is not trusted',
  PATH_LENGTH_EXCEEDED: 'is not trusted',
  CERT_REVOKED: 'was revoked',
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
  HOSTNAME_MISMATCH: 'is for another name',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name',
};

/** What is wrong with TLS, for codes that say so: nothing that waiting would mend. */
export function tlsFinding(error: unknown): Finding | null {
  const code = codeOf(error);
  const fault = certificateFaults[code];
  if (fault !== undefined) return { state: 'misconfigured', detail: `the certificate ${fault}` };
  if (speaksNoTls(code, error)) return { state: 'misconfigured', detail: 'this port does not speak TLS' };
  if (/^ERR_SSL_|^ERR_TLS_|^EPROTO$/.test(code)) return { state: 'unready', detail: `TLS failed (${code})` };
  return null;
}

/** Some of these errors have no code of their own, only a sentence of OpenSSL's, which holds nothing of what was received. */
function speaksNoTls(code: string, error: unknown): boolean {
  const sentence = code === 'EPROTO' && error instanceof Error ? error.message : '';
  return (
    /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$/.test(code) ||
    /:(wrong version number|packet length too long|http request):/.test(sentence)
  );
}

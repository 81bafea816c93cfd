// What the dialects share: they read a query as their clients write it, take any body and ignore it, and put names of people
// into headers.

import type { App } from './context.ts';

const bodyLimit = 64 * 1024;

/** A body of any type is read to its end, within the bound, and thrown away. */
export function anyBody(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, _body, done) => done(null, undefined));
  // A type that is no type would be refused before it could be ignored.
  app.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const type = headers['content-type'];
    if (type !== undefined && !/json/i.test(type)) headers['content-type'] = 'application/octet-stream';
    done();
  });
}

/** One parameter of a query, the first or the last of its values; a malformed escape counts as absent; null when absent. */
export function queryValue(url: string, name: string, which: 'first' | 'last'): string | null {
  const query = url.split('?', 2)[1] ?? '';
  let found: string | null = null;
  for (const pair of query.split('&')) {
    const at = pair.indexOf('=');
    if ((at < 0 ? pair : pair.slice(0, at)) !== name) continue;
    try {
      found = at < 0 ? '' : decodeURIComponent(pair.slice(at + 1).replaceAll('+', ' '));
    } catch {
      continue;
    }
    if (which === 'first') return found;
  }
  return found;
}

/** Text of others as the value of a header: printable ASCII as it is, everything else percent-encoded. */
export function headerText(text: string): string {
  return text.slice(0, 200).replace(/[^\x20-\x7e]+/gu, (part) => encodeURIComponent(part.toWellFormed()));
}

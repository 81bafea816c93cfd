// Names and their records, asked of a small name server of the test's own; and from a host to its addresses.

import { createSocket, type Socket } from 'node:dgram';
import { describe, expect, onTestFinished, test } from 'vitest';
import { dnsProbe, probe } from '../../src/probes/dns.ts';
import { maxAddresses, Names } from '../../src/probes/resolve.ts';
import { askOnce } from './targets.ts';

const types: Readonly<Record<number, string>> = { 1: 'A', 5: 'CNAME', 15: 'MX', 16: 'TXT', 28: 'AAAA', 33: 'SRV' };
type Answer = { readonly code: number; readonly data: readonly Buffer[] } | null;

/** Answers by name and type; null: not at all. */
async function nameServer(
  answer: (name: string, type: string) => Answer,
): Promise<{ servers: string[]; asked: string[] }> {
  const asked: string[] = [];
  const socket: Socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    let end = 12;
    const labels: string[] = [];
    while (query[end] !== 0) {
      const length = query[end] as number;
      labels.push(query.subarray(end + 1, end + 1 + length).toString());
      end += length + 1;
    }
    const type = query.readUInt16BE(end + 1);
    const name = labels.join('.').toLowerCase();
    asked.push(`${name} ${types[type]}`);
    const found = answer(name, types[type] ?? String(type));
    if (found === null) return;
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | found.code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(found.data.length, 6);
    const records = found.data.map((data) => {
      const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, 0, data.length]);
      return Buffer.concat([head, data]);
    });
    socket.send(Buffer.concat([header, query.subarray(12, end + 5), ...records]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return { servers: [`127.0.0.1:${socket.address().port}`], asked };
}

const ok = (...data: Buffer[]): Answer => ({ code: 0, data });
const names = (lookup: ConstructorParameters<typeof Names>[0]) => new Names(lookup);
const fails = (code: string) => names(() => Promise.reject(Object.assign(new Error('hunter2'), { code })));

describe('dns with a type', () => {
  const answers = (name: string, type: string): Answer => {
    if (name === 'app.example' && type === 'A') return ok(Buffer.from([10, 0, 0, 1]), Buffer.from([10, 0, 0, 2]));
    if (name === 'app.example' && type === 'TXT') return ok(Buffer.from('\x07hunter2'));
    if (name === 'app.example') return ok();
    if (name === 'broken.example') return { code: 2, data: [] };
    return name === 'silent.example' ? null : { code: 3, data: [] };
  };

  test.each([
    ['dns:app.example/A', 'up', 'A records: 2'],
    ['dns:app.example/TXT', 'up', 'TXT records: 1'],
    ['dns:app.example/MX', 'down', 'the name has no MX record'],
    ['dns:gone.example/A', 'down', 'there is no such name'],
    ['dns:broken.example/A', 'unready', 'the name servers do not tell (ESERVFAIL)'],
  ])('%s is %s', async (text, state, detail) => {
    const { servers } = await nameServer(answers);
    expect(await askOnce(dnsProbe(new Names(), servers), text)).toEqual({ state, detail });
  });

  test('a name server that does not answer is not ready when the time is over', async () => {
    const { servers, asked } = await nameServer(answers);
    const found = await askOnce(dnsProbe(new Names(), servers), 'dns:silent.example/A', { connectTimeoutMs: 200 });
    expect(found).toEqual({ state: 'unready', detail: 'no answer within 0.2 s' });
    expect(asked[0]).toBe('silent.example A');
  });
});

describe('dns without a type', () => {
  test('an address is enough', async () => {
    const two = names(async () => [
      { address: '10.0.0.1', family: 4 },
      { address: '10.0.0.2', family: 4 },
    ]);
    expect(await askOnce(dnsProbe(two, null), 'dns:app')).toEqual({ state: 'up', detail: 'addresses: 2' });
    expect(await askOnce(probe, 'dns:localhost')).toMatchObject({ state: 'up' });
  });

  test.each(['ENOTFOUND', 'EAI_AGAIN', 'ENODATA'])('%s is down', async (code) => {
    expect(await askOnce(dnsProbe(fails(code), null), 'dns:app')).toEqual({
      state: 'down',
      detail: 'name does not resolve',
    });
  });

  test('a fault of the look-up is unready, and says nothing but its code', async () => {
    expect(await askOnce(dnsProbe(fails('EAI_FAIL'), null), 'dns:app')).toEqual({
      state: 'unready',
      detail: 'the name cannot be looked up (EAI_FAIL)',
    });
  });
});

describe('a host', () => {
  const never = new AbortController().signal;

  test.each([
    '127.1',
    '2130706433',
    '0x7f000001',
    '017700000001',
    '①②⑦.0.0.1',
    '127.0.0.1.',
  ])('%s is 127.0.0.1 without a look-up', async (host) => {
    expect(await fails('none').resolve(host, never)).toEqual({ ok: true, addresses: ['127.0.0.1'] });
  });

  test('has every address once, and no more than the bound', async () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ address: `10.0.0.${i % 50}`, family: 4 }));
    const resolved = await names(async () => many).resolve('db', never);
    expect(resolved).toMatchObject({ ok: true, addresses: { length: maxAddresses } });
    const twice = await names(async () => [...many.slice(0, 1), ...many.slice(0, 1)]).resolve('db', never);
    expect(twice).toEqual({ ok: true, addresses: ['10.0.0.0'] });
  });

  test('is looked up once at a time, however many ask and give up', async () => {
    let lookups = 0;
    const hanging = Promise.withResolvers<{ address: string; family: number }[]>();
    const slow = names(() => {
      lookups += 1;
      return hanging.promise;
    });
    const answers = await Promise.all([1, 2, 3].map(() => slow.resolve('db', AbortSignal.abort())));
    expect(answers[0]).toEqual({ ok: false, finding: { state: 'unready', detail: 'the name server does not answer' } });
    const asked = slow.resolve('db', never);
    hanging.resolve([{ address: '10.0.0.1', family: 4 }]);
    expect(await asked).toEqual({ ok: true, addresses: ['10.0.0.1'] });
    expect(lookups).toBe(1);
    await slow.resolve('db', never);
    expect(lookups).toBe(2);
  });
});

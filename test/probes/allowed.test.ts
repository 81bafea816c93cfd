// Where a server may be made to connect to. The addresses are judged one by one, whatever they are wrapped into.

import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressIn, bitsOf, isNever, isWithin, kindOf, rangeOf } from '../../src/probes/address.ts';
import {
  Allowed,
  type AllowedSettings,
  allowEntryFault,
  type Place,
  parseAllowEntry,
} from '../../src/probes/allowed.ts';

const nothing: AllowedSettings = { allow: [], loopback: () => false, always: null, everything: false };
const allowing = (...allow: string[]) => new Allowed({ ...nothing, allow });
const place = (host: string, port = 80): Place => ({ host, port, text: `tcp:${host}:${port}`, configured: false });
/** All that a configuration can allow. */
const widest = new Allowed({
  ...nothing,
  allow: ['0.0.0.0/0', '::/0', '*:*'],
  loopback: () => true,
  always: { host: 'x', port: 80 },
});

describe('the kind of an address', () => {
  test.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd12::1', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['fe80::1%eth0', 'link-local'],
    ['8.8.8.8', 'public'],
    ['2606:4700::1111', 'public'],
    ['64:ff9b::8.8.8.8', 'public'],
  ])('%s is %s', (address, kind) => {
    expect(kindOf(address)).toBe(kind);
  });
});

describe('what is never allowed, whatever is configured', () => {
  const never4 = [
    ...['169.254.169.254', '169.254.170.2', '169.254.170.23', '169.254.0.1', '169.254.255.255', '100.100.100.200'],
    ...['168.63.129.16', '192.0.0.192', '0.0.0.0', '0.1.2.3', '224.0.0.1', '239.255.255.255', '255.255.255.255'],
  ];
  const never6 = [
    '::',
    '0::0',
    'fe80::1',
    'febf::1',
    'fe80::1%eth0',
    '::1%lo',
    'fd00:ec2::254',
    'FD20:CE::254',
    'ff02::1',
  ];
  test.each([...never4, ...never6])('%s', (address) => {
    expect(isNever(kindOf(address))).toBe(true);
    expect(widest.sort(place('x'), [address])).toMatchObject({ allowed: [], refusal: { code: 'target_not_allowed' } });
    expect(widest.sort({ ...place('x'), configured: true }, [address]).allowed).toEqual([]);
    expect(widest.sort(place('x'), [address]).refusal?.message).toContain('No setting allows that');
  });

  const hex = (address: string) => {
    const value = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    return { high: (value >>> 16).toString(16), low: (value & 0xffff).toString(16), value };
  };
  const wrappings: [string, (address: string) => string][] = [
    ['IPv4-mapped', (address) => `::ffff:${address}`],
    ['IPv4-mapped in hexadecimal', (address) => `::ffff:${hex(address).high}:${hex(address).low}`],
    ['IPv4-compatible', (address) => `::${address}`],
    ['translated', (address) => `::ffff:0:${address}`],
    ['NAT64', (address) => `64:ff9b::${address}`],
    ['NAT64 with a local prefix of 96 bits', (address) => `64:ff9b:1:7:8:9:${hex(address).high}:${hex(address).low}`],
    ['6to4', (address) => `2002:${hex(address).high}:${hex(address).low}::1`],
    [
      'Teredo',
      (address) => {
        const turned = ~hex(address).value >>> 0;
        return `2001:0:808:808:0:0:${(turned >>> 16).toString(16)}:${(turned & 0xffff).toString(16)}`;
      },
    ],
    ["Teredo's server", (address) => `2001:0:${hex(address).high}:${hex(address).low}::1`],
  ];
  describe.each(wrappings)('wrapped as %s', (_name, wrap) => {
    // The ways over of a local NAT64 cannot tell 0.0.0.0/8 from bits that are not used.
    test.each(never4.filter((address) => !address.startsWith('0.')))('%s', (address) => {
      expect(widest.sort(place('x'), [wrap(address)]).allowed).toEqual([]);
    });
  });

  test.each([
    ['48', '64:ff9b:1:a9fe:a9:fe00::'],
    ['56', '64:ff9b:1:a9:fe:a9fe::'],
    ['64', '64:ff9b:1:0:a9:fea9:fe00:0'],
  ])('metadata in NAT64 with a local prefix of %s bits', (_bits, address) => {
    expect(kindOf(address)).toBe('metadata');
  });
});

describe('odd spellings', () => {
  test.each([
    ['127.1', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['0x7f000001', '127.0.0.1'],
    ['0x7F.1', '127.0.0.1'],
    ['017700000001', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['①②⑦.0.0.1', '127.0.0.1'],
    ['１２７。0。0。1', '127.0.0.1'],
    ['127.0.0.1.', '127.0.0.1'],
    ['0xa9fea9fe', '169.254.169.254'],
    ['0', '0.0.0.0'],
    ['::ffff:127.0.0.1', '::ffff:127.0.0.1'],
  ])('%s is read as %s', (host, address) => {
    expect(addressIn(host)).toBe(address);
  });

  test.each([
    'localhost',
    'db',
    '1.2.3.4.5',
    '10.0.0.0/8',
    'a@127.0.0.1',
    '127.0.0.1#',
    'x.127.0.0.1.nip.io',
    '',
  ])('%s is no address', (host) => {
    expect(addressIn(host)).toBeNull();
  });
});

describe('entries', () => {
  test('a name with a port allows wherever it leads, at that port alone', () => {
    const allowed = allowing('db:5432');
    expect(allowed.sort(place('db', 5432), ['10.0.0.1', '127.0.0.1', '8.8.8.8', '::1']).allowed).toHaveLength(4);
    expect(allowed.sort(place('db', 5433), ['10.0.0.1']).allowed).toEqual([]);
    expect(allowed.sort(place('db2', 5432), ['10.0.0.1']).allowed).toEqual([]);
    expect(allowed.sort(place('DB.', 5432), ['10.0.0.1']).allowed).toEqual(['10.0.0.1']);
  });

  test('a name with * allows every port', () => {
    expect(allowing('db:*').sort(place('db', 1), ['10.0.0.1']).allowed).toEqual(['10.0.0.1']);
  });

  test('a glob fits names below it and nothing that only looks so', () => {
    const allowed = allowing('*.example.com:443');
    const allows = (host: string) => allowed.sort(place(host, 443), ['93.184.215.14']).allowed.length === 1;
    expect(['a.example.com', 'a.b.EXAMPLE.com', 'a.example.com.'].map(allows)).toEqual([true, true, true]);
    expect(['example.com', 'a.example.com.evil.org', 'aexample.com'].map(allows)).toEqual([false, false, false]);
  });

  test('a glob of names fits no address', () => {
    expect(allowing('fd*:80').sort(place('fd12::5'), ['fd12::5']).allowed).toEqual([]);
    expect(allowing('*:80').sort(place('fd12::5'), ['fd12::5']).allowed).toEqual(['fd12::5']);
  });

  test('a range allows addresses, whatever name they have', () => {
    const allowed = allowing('10.1.0.0/16:5432', '192.168.7.7');
    expect(allowed.sort(place('x', 5432), ['10.1.2.3', '10.2.0.1', '::ffff:10.1.9.9']).allowed).toEqual([
      '10.1.2.3',
      '::ffff:10.1.9.9',
    ]);
    expect(allowed.sort(place('x', 80), ['10.1.2.3']).allowed).toEqual([]);
    expect(allowed.sort(place('x', 1), ['192.168.7.7', '192.168.7.8']).allowed).toEqual(['192.168.7.7']);
  });

  test('IPv6 in its forms', () => {
    const allows = (entry: string, address: string, port = 80) =>
      allowing(entry).sort(place(address, port), [address]).allowed.length === 1;
    for (const entry of ['fd12::/16', '[fd12::]/16:80', '[fd12::/16]:80', '[fd12::5]:80', '[fd12::5]', 'fd12::5'])
      expect(allows(entry, 'fd12::5')).toBe(true);
    expect(allows('[fd12::/16]:80', 'fd12::5', 81)).toBe(false);
    expect(allows('fd12::/16', 'fd13::5')).toBe(false);
    expect(allows('::ffff:10.0.0.0/104', '10.9.9.9')).toBe(true);
    expect(allows('::/0', '10.9.9.9')).toBe(false);
  });

  test.each([
    'db',
    '*',
    '10.0.0.*:80',
    'db:0',
    'db:70000',
    'db:',
    'db:x',
    'http://db:80',
    '10.0.0.0/33',
    '',
    ':80',
    'a b:80',
  ])('%j is refused with a sentence', (text) => {
    expect(parseAllowEntry(text)).toBeNull();
    expect(allowEntryFault(text)).toMatch(/give|port/);
    expect(() => allowing(text)).toThrow('--probe-allow');
  });

  test.each([
    '169.254.169.254:80',
    '169.254.169.254',
    '[fe80::1]:80',
    '0xa9fea9fe:80',
    '[::ffff:169.254.169.254]:80',
  ])('%s, which is never allowed, is refused', (text) => {
    expect(allowEntryFault(text)).toContain('never allowed');
  });

  test('a range fits the addresses that the BlockList of Node says it does', () => {
    const v4 = fc.tuple(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }));
    const v6 = fc.tuple(fc.ipV6(), fc.ipV6(), fc.integer({ min: 0, max: 128 }));
    const isMapped = (address: string) => bitsOf(address)?.family === 4;
    const compare = (family: 'ipv4' | 'ipv6') => (pair: [string, string, number]) => {
      const [address, net, prefix] = pair;
      const list = new BlockList();
      list.addSubnet(net, prefix, family);
      const bits = bitsOf(address);
      const range = rangeOf(`${net}/${prefix}`);
      if (bits === null || range === null) throw new Error('not read');
      expect(isWithin(bits, range)).toBe(list.check(address, family));
    };
    fc.assert(fc.property(v4, compare('ipv4')));
    fc.assert(
      fc.property(
        v6.filter(([a, b]) => !isMapped(a) && !isMapped(b)),
        compare('ipv6'),
      ),
    );
    const near = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }));
    fc.assert(fc.property(near, ([net, prefix]) => compare('ipv4')([net, net, prefix])));
  });
});

describe('by default', () => {
  test('loopback is allowed while no key is configured, and nothing else is', () => {
    let laptop = true;
    const allowed = new Allowed({ ...nothing, loopback: () => laptop });
    const addresses = ['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.0.0.1', '8.8.8.8'];
    expect(allowed.sort(place('x'), addresses).allowed).toEqual(addresses.slice(0, 3));
    laptop = false;
    expect(allowed.sort(place('x'), addresses).allowed).toEqual([]);
  });

  test('the configured PostgreSQL server is allowed to targets without a host alone', () => {
    const allowed = new Allowed({ ...nothing, always: { host: 'pg', port: 5432 } });
    const own = { ...place('pg', 5432), configured: true };
    expect(allowed.beforeResolving(own)).toBeNull();
    expect(allowed.sort(own, ['10.0.0.1']).allowed).toEqual(['10.0.0.1']);
    expect(allowed.sort(place('pg', 5432), ['10.0.0.1']).allowed).toEqual([]);
    expect(allowed.sort({ ...own, port: 22 }, ['10.0.0.1']).allowed).toEqual([]);
  });

  test('whoever asks from their own machine may go everywhere', () => {
    const allowed = new Allowed({ ...nothing, everything: true });
    expect(allowed.beforeResolving(place('x'))).toBeNull();
    expect(allowed.sort(place('x'), ['169.254.1.1', '10.0.0.1']).allowed).toHaveLength(2);
  });
});

describe('refusals', () => {
  test('say the address, its kind, the setting and the way around', () => {
    const { refusal } = allowing().sort(place('db', 5432), ['10.0.0.7']);
    expect(refusal).toMatchObject({ code: 'target_not_allowed', facts: { address: '10.0.0.7', kind: 'private' } });
    expect(refusal?.message).toBe(
      'tcp:db:5432 is at 10.0.0.7, a private address, so this server does not connect to it. It would be allowed by ' +
        '--probe-allow db:5432. signalbox wait --local probes from your own machine.',
    );
  });

  test('name a setting that then allows it, for addresses too', () => {
    for (const host of ['db', '10.0.0.7', 'fd12::7', '127.1']) {
      const asked = place(host, 5432);
      const address = addressIn(host) ?? '10.0.0.7';
      const { refusal } = allowing().sort(asked, [address]);
      const setting = String(refusal?.facts?.setting).replace('--probe-allow ', '');
      expect(allowing(setting).sort(asked, [address]).allowed).toEqual([address]);
    }
  });

  test('leave out the forbidden ones of several addresses', () => {
    const sorted = allowing('db:80').sort(place('db'), ['169.254.169.254', '10.0.0.1', 'fe80::1']);
    expect(sorted).toEqual({ allowed: ['10.0.0.1'], refusal: null });
  });

  test('name the address that a setting would allow', () => {
    const { refusal } = allowing().sort(place('db'), ['169.254.169.254', '10.0.0.1']);
    expect(refusal?.message).toContain('10.0.0.1, a private address');
  });

  test('come before the name is resolved, when nothing could allow it', () => {
    expect(allowing().beforeResolving(place('db'))?.message).toContain('--probe-allow db:80');
    expect(allowing('other:80', '10.0.0.0/8:81').beforeResolving(place('db'))).not.toBeNull();
    expect(allowing('10.0.0.0/8').beforeResolving(place('db'))).toBeNull();
    expect(allowing('db:80').beforeResolving(place('db'))).toBeNull();
    expect(new Allowed({ ...nothing, loopback: () => true }).beforeResolving(place('db'))).toBeNull();
  });
});

// Sees to it that the programs which the tests start are there: `npm test` runs this first.
// As root on Debian or Ubuntu (a container, CI) what is missing is installed; on a person's machine it is only named.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

type Needed = {
  /** Debian's name for it. */
  package: string;
  /** A command, or the path of a file; one of them is proof enough. */
  proof: readonly string[];
  why: string;
};

const table: readonly Needed[] = [
  { package: 'curl', proof: ['curl'], why: 'tests type the commands that the pages show' },
  { package: 'bsdutils', proof: ['script'], why: 'the same, at a terminal' },
  { package: 'procps', proof: ['ps'], why: 'tests look at the processes that `signalbox run` starts' },
  { package: 'openssl', proof: ['openssl'], why: 'tests make a certificate authority of their own' },
  { package: 'bash', proof: ['bash'], why: 'tests complete a command line in it, and cancel it' },
  { package: 'zsh', proof: ['zsh'], why: 'the same completion' },
  { package: 'fish', proof: ['fish'], why: 'the same completion' },
  {
    package: 'postgresql',
    // Debian keeps the programs of each version apart, and few of them in the PATH.
    proof: ['initdb', ...[13, 14, 15, 16, 17, 18, 19].map((version) => `/usr/lib/postgresql/${version}/bin/initdb`)],
    why: 'tests of probes start a server of their own',
  },
  { package: 'redis-server', proof: ['redis-server'], why: 'the same' },
  { package: 'mariadb-server', proof: ['mariadbd', '/usr/sbin/mariadbd'], why: 'the same' },
  {
    package: 'libfaketime',
    proof: [
      '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
      '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
    ],
    why: 'tests move the wall clock of a server by an hour',
  },
  { package: 'chromium', proof: ['chromium'], why: 'tests look at the dashboard in it' },
  {
    package: 'fonts-dejavu-core',
    proof: ['/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf'],
    why: 'that browser has letters to draw',
  },
  {
    package: 'ruby-sidekiq',
    proof: ['sidekiq'],
    why: 'tests of Redis hold ours against the real one',
  },
  {
    package: 'ruby-redis-namespace',
    proof: ['/usr/lib/ruby/vendor_ruby/redis/namespace.rb'],
    why: 'the same, with a namespace',
  },
  {
    package: 'cloud-init',
    proof: ['/usr/lib/python3/dist-packages/cloudinit/user_data.py'],
    why: 'tests have it fetch an init script, as a machine does',
  },
];

function isThere(proof: string): boolean {
  if (proof.startsWith('/')) return existsSync(proof);
  return (process.env.PATH ?? '').split(delimiter).some((folder) => isExecutable(join(folder, proof)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function missing(): readonly Needed[] {
  return table.filter(({ proof }) => !proof.some(isThere));
}

function aptGet(...args: string[]): void {
  // Another apt may be at work on a machine that has just started: wait for its lock.
  const all = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=120', ...args];
  spawnSync('apt-get', all, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
}

const wanted = missing();
if (wanted.length > 0 && process.getuid?.() === 0 && isThere('apt-get')) {
  aptGet('update');
  aptGet('install', '--no-install-recommends', ...wanted.map((each) => each.package));
}

const still = missing();
if (still.length > 0) {
  console.error('The tests need what is not here:');
  for (const each of still) console.error(`  ${each.package}: ${each.why}`);
  console.error(`On Debian or Ubuntu: sudo apt-get install ${still.map((each) => each.package).join(' ')}`);
  process.exitCode = 1;
}

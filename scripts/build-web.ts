// Builds the dashboard into web/dist (`npm run build`); with --if-stale only where its sources are not those of the last build.
//
// Must always hold: web/dist is whole at every moment, the old build or the new one, also where two build at once.

import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'web/dist');
/** In it: which files the build was made of, and what they were. */
const stamp = 'made-of.json';

/** The digest of these files and of the packages that a build depends on. */
function digestOf(files: readonly string[]): string {
  const digest = createHash('sha256');
  for (const file of files.toSorted())
    digest.update(`${file}\0`).update(existsSync(join(root, file)) ? readFileSync(join(root, file)) : 'gone');
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return digest.update(`${devDependencies.vite} ${devDependencies.preact}`).digest('hex');
}

function ownFiles(): string[] {
  const files = globSync('web/**/*.*', { cwd: root, exclude: (path) => /(^|[\\/])dist/.test(String(path)) });
  return files.map((path) => path.replaceAll('\\', '/'));
}

export function isStale(): boolean {
  try {
    const { files, digest } = JSON.parse(readFileSync(join(dist, stamp), 'utf8')) as {
      files: string[];
      digest: string;
    };
    const outside = files.filter((file) => !file.startsWith('web/'));
    return digest !== digestOf([...ownFiles(), ...outside]);
  } catch {
    return true;
  }
}

export async function build(): Promise<void> {
  const { build } = await import('vite');
  const own = ownFiles();
  const fresh = join(root, `web/dist-${process.pid}`);
  try {
    const made = await build({
      configFile: join(root, 'web/vite.config.ts'),
      logLevel: 'warn',
      build: { outDir: fresh, emptyOutDir: false },
    });
    const outputs = [made].flat().flatMap((each) => ('output' in each ? each.output : []));
    const modules = outputs.flatMap((each) => (each.type === 'chunk' ? each.moduleIds : []));
    const outside = modules
      .map((id) => relative(root, id.replace(/^\0/, '').split('?')[0] as string).replaceAll('\\', '/'))
      .filter((path) => /^src\//.test(path));
    const files = [...own, ...new Set(outside)].toSorted();
    writeFileSync(join(fresh, stamp), `${JSON.stringify({ digest: digestOf(files), files }, null, 1)}\n`);
    const old = `${fresh}-old`;
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(fresh, dist);
    rmSync(old, { recursive: true, force: true });
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

export async function buildIfStale(): Promise<void> {
  if (isStale()) await build();
}

function hasVite(): boolean {
  try {
    return createRequire(import.meta.url).resolve('vite/package.json') !== '';
  } catch {
    return false;
  }
}

if (import.meta.main) {
  const ifStale = process.argv.includes('--if-stale');
  if (ifStale && !hasVite()) {
    // Installed without the packages that only building needs: the server serves what is there.
    if (isStale()) console.error('The dashboard is not built from these sources: vite is not installed (npm ci).');
  } else if (!ifStale || isStale()) {
    await build();
    console.error('The dashboard is built: web/dist');
  }
}

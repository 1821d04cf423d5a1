// Builds dist/: the command line, the library, and its types. Dependencies stay outside the bundles. Run by
// `npm run build`, and by `npm ci` through the prepare script.

import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = `${root}dist`;
rmSync(dist, { recursive: true, force: true });

const common = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'linked',
  legalComments: 'none',
};
await build({
  ...common,
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/kanmon.js',
  banner: { js: '#!/usr/bin/env node' },
});
chmodSync(`${dist}/kanmon.js`, 0o755);
await build({ ...common, entryPoints: ['src/index.ts'], outfile: 'dist/index.js' });

// The core module comes out of the sources, too: bundle its generator, run it, and drop it.
await build({ ...common, sourcemap: false, entryPoints: ['gen/core.ts'], outfile: 'dist/make-core.mjs' });
const core = spawnSync(process.execPath, [`${dist}/make-core.mjs`, dist], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
if (core.status !== 0) throw new Error('build: the core module could not be made');
rmSync(`${dist}/make-core.mjs`);

const types = spawnSync(
  process.execPath,
  [
    fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript/package.json'))),
    '--noEmit',
    'false',
    '--declaration',
    '--emitDeclarationOnly',
    '--rootDir',
    'src',
    '--outDir',
    'dist/types',
    'src/index.ts',
    '--ignoreConfig',
    ...['--target', 'ES2022', '--module', 'NodeNext', '--moduleResolution', 'NodeNext'],
    ...['--lib', 'ES2023,DOM', '--types', 'node', '--strict', '--exactOptionalPropertyTypes'],
    ...['--noUncheckedIndexedAccess', '--skipLibCheck', '--allowImportingTsExtensions'],
    '--rewriteRelativeImportExtensions',
  ],
  { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
);
if (types.status !== 0) {
  process.stderr.write(types.stdout ?? '');
  console.error('build: the types could not be written; dist/ runs without them');
}

// Builds dist/: the command line, the library, the core module, and the types. Run by `npm run build`, and by
// `npm ci` through the prepare script.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { lazyRooms } from './lazy.mjs';

const { values: options } = parseArgs({
  options: { out: { type: 'string', default: 'dist' }, types: { type: 'boolean', default: true } },
  allowNegative: true,
});
const root = fileURLToPath(new URL('..', import.meta.url));
const dist = options.out.startsWith('/') ? options.out : `${root}${options.out}`;
rmSync(dist, { recursive: true, force: true });

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcemap: 'linked',
  legalComments: 'none',
  charset: 'ascii',
};
const run = (args, env = {}) =>
  spawnSync(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
/** A name for the contents of files. */
const nameOfAll = (paths) => {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(readFileSync(path));
  return hash.digest('hex').slice(0, 12);
};
/** A name for the contents of a file in dist. */
const nameOf = (file) => nameOfAll([`${dist}/${file}`]);
/** Bundles a generator, runs it with arguments, and drops it. */
const generate = async (entry, ...args) => {
  const outfile = `${dist}/generate.mjs`;
  await build({
    ...common,
    format: 'esm',
    packages: 'external',
    sourcemap: false,
    entryPoints: [entry],
    outfile,
  });
  const r = run([outfile, ...args]);
  rmSync(outfile);
  if (r.status !== 0) throw new Error(`build: ${entry} failed`);
  return r.stdout;
};

// Made from the sources: the core module, and the decoder's tables and the vDSO, which take the place of files.
await generate('gen/core.ts', dist);
const tables = await generate('gen/decoder-tables.ts');
const vdso = await generate('gen/vdso.ts');
const prebuilt = {
  name: 'prebuilt',
  setup({ onLoad }) {
    onLoad({ filter: /\/decode\/prebuilt\.ts$/ }, () => ({
      // A fresh Uint8Array: Buffer's share a pool, and the tables must be aligned.
      contents: `export const prebuilt = new Uint8Array(Buffer.from('${tables}', 'base64'));`,
    }));
    onLoad({ filter: /\/exec\/vdso-image\.ts$/ }, () => ({
      contents: `export const buildVdso = () => Buffer.from('${vdso}', 'base64');`,
    }));
  },
};

await build({
  ...common,
  format: 'esm',
  packages: 'external',
  plugins: [prebuilt],
  entryPoints: ['src/index.ts'],
  outfile: `${dist}/index.js`,
});

// Translates beside the machine, on a thread of its own.
await build({
  ...common,
  format: 'cjs',
  plugins: [prebuilt],
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: false,
  entryPoints: ['src/host/translation-worker.ts'],
  outfile: `${dist}/translation-worker.cjs`,
});

// The command line is CommonJS files with all that they depend on, so that it starts with few lookups.
const lazyChildProcess = {
  name: 'lazy node:child_process',
  setup({ onResolve, onLoad }) {
    // commander needs it for subcommands that are programs of their own only, and it takes a while to load.
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/commander/') ? { path: 'child_process', namespace: 'lazy' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'lazy' }, () => ({
      contents: "exports.spawn = (...args) => process.getBuiltinModule('node:child_process').spawn(...args);",
    }));
  },
};
/** What most programs do without: see lazy.mjs. */
const LAZY = [
  /^ring3\/decode\/(row|row-flags|table|table-.*)\.ts$/,
  /^ring3\/(emit-base|flags|wasm\/.*|core\/core-(module|memory))\.ts$/,
  /^ring3\/interp\/(handler-module|predecoder|block-maker|loop|interp-emit|careful-emit)\.ts$/,
  /^ring3\/(semantics\/(?!simd\/mxcsr|cpuid)|softfloat\/|translate\/(?!translator|kept))/,
  /^ring0\/(net\/(?!limits)|ipc\/(?!objects)|tty\/)/,
  /^ring0\/fs\/(proc-(?!mount|node).*|mqueue|nsfs)\.ts$/,
  /^ring0\/vfs\/(acl|aio|async|clone-range|locks)\.ts$/,
  /^ring0\/(mm\/(advise|remap)|task\/(anon|clock|oom|traps|usage)|exec\/explain)\.ts$/,
];
const lazy = lazyRooms(`${root}src/`, (path) => LAZY.some((room) => room.test(path)));
/** All commands, and `run` alone: see cli/start.ts. */
const BUNDLES = ['main', 'main-run'];
/** What plans regions is no part of the worker, and decides as much what a module does. */
const PLANNERS = ['region', 'jump-table', 'can-leave', 'translator'].map(
  (name) => `${root}src/ring3/translate/${name}.ts`,
);
for (const bundle of BUNDLES) {
  await build({
    ...common,
    format: 'cjs',
    plugins: [prebuilt, lazyChildProcess, lazy],
    minifySyntax: true,
    minifyWhitespace: true,
    define: {
      'import.meta.dirname': '__dirname',
      CORE: JSON.stringify(nameOf('core.wasm')),
      TRANSLATOR: JSON.stringify(
        nameOf('core.wasm') + nameOfAll([`${dist}/translation-worker.cjs`, ...PLANNERS]),
      ),
    },
    // A function, whether it is run as a script, which has it as its value, or required as a module.
    banner: { js: '(typeof module === "undefined" ? {} : module).exports = function (require, __dirname) {' },
    footer: { js: '};' },
    entryPoints: [`src/cli/${bundle}.ts`],
    outfile: `${dist}/${bundle}.cjs`,
  });
}
const licences = ['commander'].map((name) => {
  const text = readFileSync(`${root}node_modules/${name}/LICENSE`, 'utf8');
  return `${BUNDLES.map((bundle) => `${bundle}.cjs`).join(' and ')} contain ${name}:\n\n${text.trim()}\n`;
});
writeFileSync(`${dist}/LICENSES.txt`, licences.join('\n\n'));

await build({
  ...common,
  format: 'cjs',
  sourcemap: false,
  define: {
    BUNDLES: JSON.stringify(Object.fromEntries(BUNDLES.map((bundle) => [bundle, nameOf(`${bundle}.cjs`)]))),
  },
  entryPoints: ['src/cli/start.ts'],
  banner: { js: '#!/usr/bin/env node' },
  outfile: `${dist}/kanmon.cjs`,
});
chmodSync(`${dist}/kanmon.cjs`, 0o755);
writeFileSync(`${dist}/kanmon.js`, "#!/usr/bin/env node\nimport './kanmon.cjs';\n");
chmodSync(`${dist}/kanmon.js`, 0o755);

// First runs leave the compiled code for those that follow. Where they cannot, these start slower.
const COMMON = 'exec 2> /dev/null; ls -l / | sort; readlink /proc/self/exe; cat /proc/self/maps';
for (const how of [['run'], ['trace', '-f', '-o', '/dev/null']]) {
  const kept = mkdtempSync(join(tmpdir(), 'kanmon-build-'));
  const cli = [`${dist}/kanmon.cjs`, ...how, '--'];
  const first = run([...cli, '/bin/sh', '-c', COMMON], { KANMON_MAKE_CODE: '1', KANMON_CACHE: kept });
  rmSync(kept, { recursive: true, force: true });
  const second = run([...cli, '/bin/true'], { KANMON_MAKE_CODE: 'check' });
  if (first.status !== 0 || second.status !== 0) {
    console.error(`build: the code of kanmon ${how[0]} could not be kept`);
  }
}

// So it is with the core module: what these programs execute is compiled ahead for all. Any of them may be missing.
const TRAINING = `exec 2> /dev/null; ls -l /; bash -c 'for i in 1 2 3; do echo $i; done | sort'; perl -e 'print sqrt 2'; python3 -c 1
  echo 'int main(void) { return 0; }' > /tmp/a.c; cc -O2 -o /tmp/a /tmp/a.c && /tmp/a; seq 99 | awk '{ n += $1 / 3 } END { print n }'`;
run([`${dist}/kanmon.cjs`, 'run', '--tier', 'interpreter', '--', '/bin/sh', '-c', TRAINING], {
  KANMON_MAKE_CODE: 'core',
});
const checked = run([`${dist}/kanmon.cjs`, 'run', '--', '/bin/true'], { KANMON_MAKE_CODE: 'check-core' });
if (checked.status !== 0) {
  for (const file of readdirSync(dist)) if (/^core-.*\.code$/.test(file)) rmSync(`${dist}/${file}`);
  console.error('build: the code of the core module could not be kept');
}

if (options.types) {
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
      `${dist}/types`,
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
}

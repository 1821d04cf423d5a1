// `npm test`: installs what the tests need beyond npm, builds, and runs every suite. Ends with one line,
// `N passed, N failed, N skipped`. Nothing passes by being skipped: what cannot be installed fails the run.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Programs that the suites run, and the Debian packages that bring them. */
const NEEDED = {
  gcc: 'gcc',
  'g++': 'g++',
  make: 'make',
  as: 'binutils',
  strace: 'strace',
  python3: 'python3',
  perl: 'perl',
  busybox: 'busybox-static',
  'musl-gcc': 'musl-tools',
  bc: 'bc',
  file: 'file',
  xz: 'xz-utils',
  bzip2: 'bzip2',
  patch: 'patch',
  jq: 'jq',
  git: 'git',
  awk: 'mawk',
  script: 'bsdutils',
  find: 'findutils',
  diff: 'diffutils',
};
const FILES = { '/usr/include/stdio.h': 'libc6-dev', '/usr/lib/x86_64-linux-gnu/libc.a': 'libc6-dev' };

const onPath = (name) =>
  ['/usr/bin', '/bin', ...(process.env.PATH ?? '').split(delimiter)].some((d) => existsSync(join(d, name)));
const missing = () => [
  ...Object.entries(NEEDED)
    .filter(([program]) => !onPath(program))
    .map(([, pkg]) => pkg),
  ...Object.entries(FILES)
    .filter(([path]) => !existsSync(path))
    .map(([, pkg]) => pkg),
];

const run = (command, args, options = {}) =>
  spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options });

const packages = [...new Set(missing())];
if (packages.length > 0) {
  console.log(`installing with apt-get: ${packages.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-q'], { env, stdio: 'ignore' });
  run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], { env, stdio: 'ignore' });
  const still = [...new Set(missing())];
  if (still.length > 0) {
    console.error(`npm test: please install these packages, apt-get could not: ${still.join(' ')}`);
    console.log('0 passed, 1 failed, 0 skipped');
    process.exit(1);
  }
}

let passed = 0;
let failed = 0;
let skipped = 0;
/** A step that passes or fails as a whole. */
const step = (name, command, args) => {
  console.log(`\n== ${name}`);
  if (run(command, args).status === 0) passed++;
  else failed++;
};

const bin = (name) => join(root, 'node_modules', '.bin', name);
step('build', process.execPath, ['gen/build.mjs']);
step('types', bin('tsc'), ['--noEmit']);
step('lint', bin('biome'), ['check', '.']);

console.log('\n== tests');
const dir = mkdtempSync(join(tmpdir(), 'kanmon-test-'));
const report = join(dir, 'report.json');
const vitest = run(bin('vitest'), [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
]);
if (existsSync(report)) {
  const r = JSON.parse(readFileSync(report, 'utf8'));
  passed += r.numPassedTests;
  failed += r.numFailedTests;
  skipped += r.numPendingTests + r.numTodoTests;
  // A file that fails to load has no tests of its own to count.
  failed += r.testResults.filter((f) => f.status === 'failed' && f.assertionResults.length === 0).length;
} else failed++;
rmSync(dir, { recursive: true, force: true });
if (vitest.status !== 0 && failed === 0) failed++;

console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 || skipped > 0 ? 1 : 0);

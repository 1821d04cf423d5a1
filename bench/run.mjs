// npm run bench: what system calls, start-up and work cost natively, in kanmon, and in what else is installed,
// side by side in one run. Every item is measured on every system in turn, several times; medians are shown.
// Kanmon has two columns: its first run of a program, and those after it, which have the translations of the first.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { items } from './items.mjs';
import { prepare } from './prepare.mjs';
import { systems, which } from './systems.mjs';
import { geometricMean, median, print } from './table.mjs';

const HELP = `npm run bench -- [options]
  --quick        one run, short: for a first look
  --runs N       measure everything N times (default 3)
  --only TEXT    only items whose name or group has TEXT in it; may be repeated
  --system NAME  only this system beside native; may be repeated
  --cpu          for start-up and work, count the CPU time of the process instead of the time on the clock
  --kanmon FILE  the command line to measure (default: dist/kanmon.cjs)
  --json         print the measurements as JSON
Needs gcc, g++ and xz, gzip, mawk, perl, python3 for the items named after them.`;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    only: { type: 'string', multiple: true },
    system: { type: 'string', multiple: true },
    cpu: { type: 'boolean', default: false },
    kanmon: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  console.log(HELP);
  process.exit(0);
}
const runs = Number(options.runs ?? (options.quick ? 1 : 3));
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs: a number of at least 1');

const hash = (file) =>
  new Promise((resolve, reject) => {
    const h = createHash('sha256');
    createReadStream(file)
      .on('data', (chunk) => h.update(chunk))
      .on('end', () => resolve(h.digest('hex')))
      .on('error', reject);
  });

/** What takes longer is given up, s. */
const LIMIT_S = 120;

const dir = mkdtempSync(join(tmpdir(), 'kanmon-bench-'));
const output = join(dir, 'output');
/** Where kanmon keeps translations: nowhere else, so that the first run is one. */
const cache = join(dir, 'cache');

/** One measurement: ns for system calls, ms for start-up, s for work; or why there is none. */
const measure = async (item, command) => {
  const env = { ...process.env, KANMON_CACHE: cache };
  const r = spawnSync(`${dir}/measure`, [`${LIMIT_S}`, output, ...command], { encoding: 'utf8', env });
  if (r.error || r.status !== 0) return { failed: 'failed' };
  const [wall, user, system, status] = r.stdout.split(' ').map(Number);
  if ((status & 0x7f) === 9) return { failed: wall / 1e6 >= LIMIT_S ? 'too slow' : 'killed' };
  if (status !== 0) return { failed: `status ${status >> 8}` };
  if (item.group === 'calls') return { value: Number(readFileSync(output, 'latin1')) };
  const us = options.cpu ? user + system : wall;
  return { value: item.group === 'work' ? us / 1e6 : us / 1e3, output: await hash(output) };
};

try {
  const prepared = prepare(dir);
  const chosen = items(dir, { ...prepared, callMs: options.quick ? 200 : 500 })
    .map((i) => ({ ...i, argv: [which(i.argv[0]), ...i.argv.slice(1)] }))
    .filter((i) => !options.only || options.only.some((t) => i.name.includes(t) || i.group.includes(t)));
  const wanted = systems(dir, options.kanmon).filter(
    (s) => s.name === 'native' || !options.system || options.system.includes(s.name),
  );
  /** item name -> system name -> { values, failed } */
  const results = new Map(
    chosen.map((i) => [i.name, new Map(wanted.map((s) => [s.name, { values: [], failed: null }]))]),
  );
  for (let run = 0; run < runs; run++) {
    for (const item of chosen) {
      let expected;
      for (const system of wanted) {
        const r = results.get(item.name).get(system.name);
        if (system.absent !== null || (item.nativeOnly && system.name !== 'native')) r.failed = '-';
        else if (item.argv[0] === null) r.failed = 'not here';
        else if (item.execs && system.childrenNative) r.failed = '-';
        else if (system.once && item.group === 'calls') r.failed = '-';
        if (r.failed !== null || (system.once && run > 0)) continue;
        if (process.stderr.isTTY) {
          process.stderr.write(`\r\x1b[K${run + 1}/${runs} ${item.name} ${system.name}`);
        }
        const m = await measure(item, system.command(item.argv));
        if (system.name === 'native') expected = m.output;
        if (m.failed) r.failed = m.failed;
        else if (m.output !== expected) r.failed = 'wrong';
        else r.values.push(m.value);
      }
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');

  const rows = chosen.map((i) => ({
    name: i.name,
    group: i.group,
    goal: i.goal ?? null,
    results: Object.fromEntries(
      wanted.map((s) => {
        const { values, failed } = results.get(i.name).get(s.name);
        return [s.name, { value: values.length > 0 && !failed ? median(values) : null, failed, values }];
      }),
    ),
  }));
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} CPUs, Linux ${release()}, Node ${process.version}`;
  if (options.json) {
    const absent = Object.fromEntries(wanted.filter((s) => s.absent).map((s) => [s.name, s.absent]));
    console.log(
      JSON.stringify({ machine, runs, clock: options.cpu ? 'cpu' : 'wall', absent, rows }, null, 2),
    );
  } else {
    print({ machine, runs, cpu: options.cpu, systems: wanted, rows, geometricMean });
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}

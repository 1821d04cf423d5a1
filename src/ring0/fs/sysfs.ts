// /sys as far as programs look into it: the one processor, its caches and its memory node, huge pages, and an
// empty place for control groups (sysfs(5)).

import { MAGIC } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import { vfsOf } from '../vfs/state.ts';
import { PseudoDir, PseudoFs } from './proc-node.ts';

const CPU = 'devices/system/cpu';
const NODE = 'devices/system/node';

/** As CPUID leaf 4 has them: level, type, size, ways, sets. */
const CACHES: readonly (readonly [number, string, string, number, number])[] = [
  [1, 'Data', '32K', 8, 64],
  [1, 'Instruction', '32K', 8, 64],
  [2, 'Unified', '1024K', 16, 1024],
  [3, 'Unified', '32768K', 16, 32768],
];

/** Everything that does not change: path, contents without the newline. */
const files = (): readonly (readonly [string, string | number])[] => [
  [`${CPU}/online`, 0],
  [`${CPU}/possible`, 0],
  [`${CPU}/present`, 0],
  [`${CPU}/offline`, ''],
  [`${CPU}/isolated`, ''],
  [`${CPU}/kernel_max`, 0],
  [`${CPU}/cpu0/topology/core_id`, 0],
  [`${CPU}/cpu0/topology/physical_package_id`, 0],
  [`${CPU}/cpu0/topology/core_cpus`, 1],
  [`${CPU}/cpu0/topology/core_cpus_list`, 0],
  [`${CPU}/cpu0/topology/core_siblings`, 1],
  [`${CPU}/cpu0/topology/core_siblings_list`, 0],
  [`${CPU}/cpu0/topology/package_cpus`, 1],
  [`${CPU}/cpu0/topology/package_cpus_list`, 0],
  [`${CPU}/cpu0/topology/thread_siblings`, 1],
  [`${CPU}/cpu0/topology/thread_siblings_list`, 0],
  ...CACHES.flatMap(([level, type, size, ways, sets], i): (readonly [string, string | number])[] =>
    (
      [
        ['level', level],
        ['type', type],
        ['size', size],
        ['ways_of_associativity', ways],
        ['number_of_sets', sets],
        ['coherency_line_size', 64],
        ['physical_line_partition', 1],
        ['shared_cpu_list', 0],
        ['shared_cpu_map', 1],
      ] as const
    ).map(([name, v]) => [`${CPU}/cpu0/cache/index${i}/${name}`, v]),
  ),
  [`${NODE}/online`, 0],
  [`${NODE}/possible`, 0],
  [`${NODE}/has_cpu`, 0],
  [`${NODE}/has_memory`, 0],
  [`${NODE}/node0/cpulist`, 0],
  [`${NODE}/node0/cpumap`, 1],
  [`${NODE}/node0/distance`, 10],
  ['kernel/mm/transparent_hugepage/enabled', 'always madvise [never]'],
  ['kernel/mm/transparent_hugepage/defrag', 'always defer defer+madvise madvise [never]'],
  ['kernel/mm/transparent_hugepage/shmem_enabled', 'always within_size advise [never] deny force'],
  ['kernel/mm/transparent_hugepage/hpage_pmd_size', 2097152],
  // Advice to merge pages is taken, and nobody merges any.
  ['kernel/mm/ksm/run', 0],
  ['kernel/mm/ksm/pages_shared', 0],
  ['kernel/mm/ksm/pages_sharing', 0],
  ['kernel/mm/ksm/pages_unshared', 0],
  ['kernel/mm/ksm/full_scans', 0],
];

const DIRECTORIES = [
  'block',
  'bus',
  'class',
  'dev/block',
  'dev/char',
  'firmware',
  'fs/cgroup',
  'module',
  'power',
];

const newSysFs = (kernel: Kernel): PseudoFs => {
  const fs = new PseudoFs(kernel, 'sysfs', MAGIC.sysfs);
  fs.root.fillLater(() => {
    for (const [path, v] of files()) fs.file(path, { text: () => `${v}\n` });
    for (const path of DIRECTORIES) fs.add(path, new PseudoDir(fs));
  });
  return fs;
};

/** The one /sys of a machine. */
export const sysFs = (kernel: Kernel): PseudoFs => {
  const vfs = vfsOf(kernel);
  vfs.sys ??= newSysFs(kernel);
  return vfs.sys as PseudoFs;
};

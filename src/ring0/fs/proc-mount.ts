// Puts the pseudo file systems of a machine in their places and makes them known to mount(2).

import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../../abi/fcntl.ts';
import type { Kernel } from '../kernel.ts';
import { mountFs } from '../vfs/mount.ts';
import { vfsOf } from '../vfs/state.ts';
import type { Path } from '../vfs/types.ts';
import { procFs } from './proc.ts';
import { findPath } from './root.ts';
import { sysFs } from './sysfs.ts';

const FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC;

/** Mounts /proc and /sys where the root has directories for them. */
export const mountPseudoFileSystems = (kernel: Kernel, root: Path): void => {
  const { types } = vfsOf(kernel);
  types.set('proc', (k) => procFs(k));
  types.set('sysfs', (k) => sysFs(k));
  const proc = findPath(root, '/proc');
  if (proc !== null) mountFs(kernel, procFs(kernel), proc, { source: 'proc', flags: FLAGS });
  const sys = findPath(root, '/sys');
  if (sys !== null) mountFs(kernel, sysFs(kernel), sys, { source: 'sysfs', flags: FLAGS, readonly: true });
};

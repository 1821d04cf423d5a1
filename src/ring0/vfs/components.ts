// A path as the names it is made of. Programs ask for the same paths over and over, and to cut one up costs more than
// to walk it: the names are new strings then, whose hashes every directory on the way would have to compute.

import type { Kernel } from '../kernel.ts';
import { vfsOf } from './state.ts';

export interface Components {
  readonly path: string;
  /** What is between slashes, `.` and `..` included. */
  readonly names: readonly string[];
  /** A slash follows the last name. */
  readonly slash: boolean;
}

/** Paths remembered, by a hash. */
const RECENT = 512;
/** Longer ones are rare. */
const MAX_LENGTH = 128;

export const NO_COMPONENTS: Components = { path: '', names: [], slash: false };

const split = (path: string): Components => {
  const names = path.split('/').filter((name) => name !== '');
  return { path, names, slash: names.length > 0 && path.endsWith('/') };
};

/** The names of a path, the same strings as the last time as long as it is remembered. */
export const componentsOf = (kernel: Kernel, path: string): Components => {
  const n = path.length;
  if (n === 0) return NO_COMPONENTS;
  if (n > MAX_LENGTH) return split(path);
  const vfs = vfsOf(kernel);
  // Paths differ at their ends, as a rule.
  const slot =
    (n * 7 + path.charCodeAt(n - 1) * 31 + path.charCodeAt(n >> 1) * 5 + path.charCodeAt((n * 3) >> 2)) &
    (RECENT - 1);
  const known = vfs.paths[slot];
  if (known !== undefined && known.path === path) return known;
  const made = split(path);
  while (vfs.paths.length <= slot) vfs.paths.push(NO_COMPONENTS);
  vfs.paths[slot] = made;
  return made;
};

/** What is left to walk when name `at - 1` of `path` was a link to `target`. */
export const joined = (target: Components, path: Components, at: number): Components => {
  const rest = path.names.slice(at);
  const slash = path.slash || (rest.length === 0 && target.slash);
  return { path: '', names: [...target.names, ...rest], slash };
};

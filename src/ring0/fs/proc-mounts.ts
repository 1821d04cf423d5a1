// The mount table as /proc/[pid]/mounts, mountinfo and mountstats print it (proc(5); fs/proc_namespace.c).

import { MS_NOATIME, MS_NODEV, MS_NODIRATIME, MS_NOEXEC, MS_NOSUID } from '../../abi/fcntl.ts';
import { major, minor } from '../../abi/stat.ts';
import type { Task } from '../task/types.ts';
import { pathName } from '../vfs/dentry.ts';
import type { Mount } from '../vfs/types.ts';
import { octal } from './proc-format.ts';

const SPACES = ' \t\n\\';
const OPTIONS: readonly (readonly [number, string])[] = [
  [MS_NOSUID, 'nosuid'],
  [MS_NODEV, 'nodev'],
  [MS_NOEXEC, 'noexec'],
  [MS_NOATIME, 'noatime'],
  [MS_NODIRATIME, 'nodiratime'],
];

const mountOptions = (m: Mount): string => {
  const flags = m.flags ?? 0;
  const list = OPTIONS.filter(([bit]) => flags & bit).map(([, name]) => name);
  if (!(flags & MS_NOATIME)) list.push('relatime');
  return [m.readonly || m.fs.readonly ? 'ro' : 'rw', ...list].join(',');
};

interface Shown {
  readonly mount: Mount;
  readonly at: string;
}

/** Mounts that lie below the task's root, in order, with the place as it sees it. */
const shown = (task: Task): Shown[] => {
  const { root } = task.fs;
  const list: Shown[] = [];
  for (const mount of task.kernel.mounts.list) {
    const p = pathName({ mount, dentry: mount.root }, root);
    if (p.reachable) list.push({ mount, at: p.name });
  }
  return list;
};

const rootWithin = (m: Mount): string => {
  let name = '';
  for (let d = m.root; d.parent !== null; d = d.parent) name = `/${d.name}${name}`;
  return name === '' ? '/' : name;
};

const superOptions = (m: Mount): string =>
  [m.fs.readonly ? 'ro' : 'rw', m.fs.options ?? ''].filter((o) => o !== '').join(',');

const allOptions = (m: Mount): string =>
  [mountOptions(m), m.fs.options ?? ''].filter((o) => o !== '').join(',');

/** mount(8)'s names for sources and types. */
const source = (m: Mount): string => octal(m.source, `${SPACES}#`);

export const mounts = (task: Task): string =>
  shown(task)
    .map(({ mount: m, at }) => `${source(m)} ${octal(at, SPACES)} ${m.fs.type} ${allOptions(m)} 0 0\n`)
    .join('');

export const mountinfo = (task: Task): string =>
  shown(task)
    .map(
      ({ mount: m, at }) =>
        `${m.id} ${m.at?.mount.id ?? 0} ${major(m.fs.dev)}:${minor(m.fs.dev)} ${octal(rootWithin(m), SPACES)} ` +
        `${octal(at, SPACES)} ${mountOptions(m)} - ${m.fs.type} ${source(m)} ${superOptions(m)}\n`,
    )
    .join('');

export const mountstats = (task: Task): string =>
  shown(task)
    .map(
      ({ mount: m, at }) => `device ${source(m)} mounted on ${octal(at, SPACES)} with fstype ${m.fs.type}\n`,
    )
    .join('');

// Values of command-line options as docker writes them: mounts, environment, users, sizes. Each parser throws a
// UsageError whose message says what to write instead.

import { TIERS, type Tier } from '../ring3/cpu.ts';

/** A mistake on the command line: one line, exit status 125. */
export class UsageError extends Error {}

export interface Volume {
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
}

/** --volume SRC:DST[:ro]; repeated. */
export const volume = (text: string, before: readonly Volume[] = []): Volume[] => {
  const parts = text.split(':');
  const [source, target, mode = 'rw'] = parts;
  if (!source || !target || parts.length > 3)
    throw new UsageError(`--volume ${text}: write SOURCE:TARGET or SOURCE:TARGET:ro`);
  if (!target.startsWith('/'))
    throw new UsageError(`--volume ${text}: the target has to be an absolute path, such as /mnt`);
  if (mode !== 'ro' && mode !== 'rw') throw new UsageError(`--volume ${text}: the third part is ro or rw`);
  return [...before, { source, target, readonly: mode === 'ro' }];
};

/** --env NAME=VALUE, or --env NAME for the value that kanmon itself has; repeated. */
export const environment =
  (own: Readonly<Record<string, string | undefined>>) =>
  (text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> => {
    const at = text.indexOf('=');
    const name = at < 0 ? text : text.slice(0, at);
    if (name === '') throw new UsageError(`--env ${text}: write NAME=VALUE`);
    const value = at < 0 ? own[name] : text.slice(at + 1);
    return value === undefined ? { ...before } : { ...before, [name]: value };
  };

/** Bytes: 512m, 2g, 4096k, 1073741824. */
export const bytes = (text: string): number => {
  const m = /^(\d+(?:\.\d+)?)([bkmg]?)$/i.exec(text);
  if (m === null) throw new UsageError(`--memory ${text}: write a size such as 512m or 2g`);
  const unit = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[(m[2] as string).toLowerCase()] ?? 1;
  const n = Math.floor(Number(m[1]) * unit);
  if (n < 16 * 2 ** 20 || n > 4 * 2 ** 30) throw new UsageError(`--memory ${text}: from 16m to 4g`);
  return n;
};

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/**
 * -u UID, UID:GID, NAME or NAME:GROUP. Names are looked up in the root's /etc/passwd and /etc/group, whose text
 * is passed in.
 */
export const user = (text: string, passwd: string, group: string): User & { readonly home: string } => {
  const [who = '', which] = text.split(':');
  const rows = (file: string): string[][] => file.split('\n').map((line) => line.split(':'));
  const entry = rows(passwd).find((r) => r[0] === who || (/^\d+$/.test(who) && r[2] === who));
  if (entry === undefined && !/^\d+$/.test(who))
    throw new UsageError(`-u ${text}: there is no user ${who}; give a number`);
  const uid = entry === undefined ? Number(who) : Number(entry[2]);
  const home = entry?.[5] || '/';
  if (which === undefined) return { uid, gid: entry === undefined ? 0 : Number(entry[3]), home };
  if (/^\d+$/.test(which)) return { uid, gid: Number(which), home };
  const found = rows(group).find((r) => r[0] === which);
  if (found === undefined) throw new UsageError(`-u ${text}: there is no group ${which}; give a number`);
  return { uid, gid: Number(found[2]), home };
};

/** A whole number, for options such as -s. */
export const whole =
  (option: string) =>
  (text: string): number => {
    if (!/^\d+$/.test(text)) throw new UsageError(`${option} ${text}: write a whole number`);
    return Number(text);
  };

export const tier = (text: string): Tier => {
  const found = TIERS.find((t) => t === text);
  if (found === undefined) throw new UsageError(`--tier ${text}: choose one of ${TIERS.join(', ')}`);
  return found;
};

/** Options that `run` and `trace` share, as commander leaves them. */
export interface SessionOptions {
  readonly rootfs?: string;
  readonly volume?: readonly Volume[];
  readonly workdir?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly hostname?: string;
  readonly memory?: number;
  readonly tier?: Tier;
  readonly stats?: boolean;
}

/** docker's exit statuses for what is not the program's own. */
export const EXIT = { ownFailure: 125, notExecutable: 126, notFound: 127, signal: 128 } as const;

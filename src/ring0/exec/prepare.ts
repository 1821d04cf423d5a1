// execve(2) up to the point of no return: finds the program through #! lines, judges it, and builds the new
// address space beside the old one, so that whatever fails leaves the caller as it was.

import { AT, CLOCK_TICKS, HWCAP_X86_64, HWCAP2_X86_64, MINSIGSTKSZ } from '../../abi/auxv.ts';
import { PHDR } from '../../abi/elf.ts';
import {
  EACCES,
  EBADF,
  EIO,
  ELOOP,
  ENOENT,
  ENOEXEC,
  ENOMEM,
  ENXIO,
  ERRNO,
  ETXTBSY,
} from '../../abi/errno.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  MS_NOEXEC,
  MS_NOSUID,
  O_RDONLY,
} from '../../abi/fcntl.ts';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../../abi/mman.ts';
import { S_IFLNK, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import { createAddressSpace } from '../mm/address-space.ts';
import { PAGE, PIE_BASE, pageUp } from '../mm/layout.ts';
import { type MemoryState, memoryOf } from '../mm/state.ts';
import type { AddressSpace } from '../mm/types.ts';
import type { Credentials, Task } from '../task/types.ts';
import { newFile, pathOnlyOps, releaseFile } from '../vfs/file.ts';
import { breakLeases } from '../vfs/leases.ts';
import { MAY, permission } from '../vfs/perm.ts';
import type { OpenFile, PageCache, Path } from '../vfs/types.ts';
import { FOLLOW, isPath, walk } from '../vfs/walk.ts';
import type { Block } from '../wait.ts';
import { credentialsAfterExec } from './credentials.ts';
import { type Image, isElf, parseElf, type ReadAt } from './elf.ts';
import { fileCapsOf } from './file-caps.ts';
import { loadElf } from './load.ts';
import { HEAD_BYTES, isScript, parseScript } from './script.ts';
import { buildStack, checkArguments } from './stack.ts';
import { mapVdso } from './vdso.ts';

export interface ExecRequest {
  readonly dirfd: number;
  /** A byte string; empty with AT_EMPTY_PATH for dirfd itself. */
  readonly path: string;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW. */
  readonly flags: number;
}

/** A program that is ready to take over a task. */
export interface PreparedExec {
  readonly mm: AddressSpace;
  readonly entry: number;
  readonly sp: number;
  /** The program itself: for a script, its interpreter. Null when it has no path (memfd). */
  readonly path: Path | null;
  /** The name that was executed. */
  readonly filename: string;
  readonly comm: string;
  readonly cred: Credentials;
  readonly secure: boolean;
}

const { ELIBBAD } = ERRNO;

/** Nesting of #! interpreters (exec_binprm of the kernel). */
const MAX_DEPTH = 5;

/** Opens a file for execution: a regular file that may be executed. Holds one reference. */
export const openExecutable = (
  task: Task,
  dirfd: number,
  path: string,
  flags: number,
): OpenFile | number | Block => {
  let where: Path | null;
  let inode: Path['dentry']['inode'];
  if (path === '' && flags & AT_EMPTY_PATH && dirfd !== AT_FDCWD) {
    const file = task.files.slots[dirfd]?.file;
    if (!file) return -EBADF;
    where = file.path;
    inode = file.inode;
  } else {
    const found = walk(task, dirfd, path, flags & AT_SYMLINK_NOFOLLOW ? 0 : FOLLOW);
    if (!isPath(found)) return found;
    where = found;
    inode = found.dentry.inode;
  }
  const attr = inode.attr();
  if (typeof attr === 'number') return attr;
  if ((attr.mode & S_IFMT) === S_IFLNK) return -ELOOP;
  if ((attr.mode & S_IFMT) !== S_IFREG) return -EACCES;
  if (where && (where.mount.flags ?? 0) & MS_NOEXEC) return -EACCES;
  const refused = permission(task.cred, attr, MAY.exec);
  if (refused !== 0) return refused;
  const waits = breakLeases(task, inode, O_RDONLY, false);
  if (waits !== 0) return waits;
  // Of scripts and interpreters, too; a program is kept from being written from here on.
  if (inode.seals === undefined && (inode.writers ?? 0) > 0) return -ETXTBSY;
  // Opening is when a file of the host is looked at anew.
  const ops = where && inode.open ? inode.open(task, O_RDONLY, where) : pathOnlyOps;
  return typeof ops === 'number' || 'blocked' in ops ? ops : newFile(inode, where, ops, O_RDONLY);
};

/** Reads a file's bytes by way of its page cache. */
export const reader = (state: MemoryState, pages: PageCache): ReadAt => {
  const { u8 } = state.frames;
  return (offset, n) => {
    const size = pages.size();
    if (offset >= size) return new Uint8Array(0);
    const length = Math.min(n, size - offset);
    const out = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const at = offset + done;
      const frame = pages.frame(Math.floor(at / PAGE), false);
      if (typeof frame !== 'number') return frame;
      if (frame < 0) return frame === -ENXIO ? out.subarray(0, done) : frame;
      const inPage = at % PAGE;
      const chunk = Math.min(length - done, PAGE - inPage);
      out.set(u8.subarray(frame * PAGE + inPage, frame * PAGE + inPage + chunk), done);
      done += chunk;
    }
    return out;
  };
};

/** The pages of a file that is to be executed. */
const pagesOf = (file: OpenFile): PageCache | number => file.inode.pages ?? -EACCES;

interface Found {
  readonly file: OpenFile;
  readonly pages: PageCache;
  readonly head: Uint8Array;
  readonly argv: readonly string[];
}

/** Whether the file is named by a descriptor marked close-on-exec. */
const throughClosing = (task: Task, { dirfd, path }: ExecRequest): boolean =>
  dirfd !== AT_FDCWD && !path.startsWith('/') && task.files.slots[dirfd]?.cloexec === true;

/** Follows #! lines to a program in machine code. The file found holds a reference. */
const findProgram = (task: Task, req: ExecRequest, filename: string): Found | number | Block => {
  const state = memoryOf(task.kernel);
  let argv: readonly string[] = req.argv.length > 0 ? req.argv : [''];
  let name = filename;
  let file = openExecutable(task, req.dirfd, req.path, req.flags);
  for (let depth = 0; ; depth++) {
    if (typeof file === 'number' || 'blocked' in file) return file;
    const pages = pagesOf(file);
    const head = typeof pages === 'number' ? pages : reader(state, pages)(0, HEAD_BYTES);
    if (typeof pages === 'number' || !(head instanceof Uint8Array)) {
      releaseFile(file);
      return head as number | Block;
    }
    if (!isScript(head)) return { file, pages, head, argv };
    releaseFile(file);
    const line = parseScript(head);
    if (typeof line === 'number') return line;
    // Its name leads through a descriptor that will be closed: the interpreter could not open it.
    if (depth === 0 && throughClosing(task, req)) return -ENOENT;
    if (depth >= MAX_DEPTH) return -ELOOP;
    argv = [line.interpreter, ...(line.argument === null ? [] : [line.argument]), name, ...argv.slice(1)];
    name = line.interpreter;
    file = openExecutable(task, AT_FDCWD, line.interpreter, 0);
  }
};

interface Interpreter {
  readonly file: OpenFile;
  readonly pages: PageCache;
  readonly image: Image;
}

const openInterpreter = (task: Task, name: string): Interpreter | number | Block => {
  const file = openExecutable(task, AT_FDCWD, name, 0);
  if (typeof file === 'number' || 'blocked' in file) return file;
  const fail = (r: number | Block): number | Block => {
    releaseFile(file);
    return r;
  };
  const pages = pagesOf(file);
  if (typeof pages === 'number') return fail(pages);
  const readAt = reader(memoryOf(task.kernel), pages);
  const head = readAt(0, 64);
  if (!(head instanceof Uint8Array)) return fail(head);
  if (head.length < 64) return fail(-EIO);
  if (!isElf(head)) return fail(-ELIBBAD);
  const image = parseElf(head, readAt);
  if (typeof image === 'number') return fail(image === -ENOEXEC ? -ELIBBAD : image);
  if ('blocked' in image) return fail(image);
  return { file, pages, image };
};

/** Sets the borders of text and data that /proc/PID/stat shows. */
const describeLayout = (mm: AddressSpace, image: Image, bias: number): void => {
  let startCode = Number.POSITIVE_INFINITY;
  let endCode = 0;
  let startData = 0;
  let endData = 0;
  for (const s of image.segments) {
    const at = s.vaddr + bias;
    if (s.prot & PROT_EXEC) {
      startCode = Math.min(startCode, at);
      endCode = Math.max(endCode, at + s.filesz);
    }
    startData = Math.max(startData, at);
    endData = Math.max(endData, at + s.filesz);
  }
  Object.assign(mm.layout, { startCode: endCode === 0 ? 0 : startCode, endCode, startData, endData });
};

/** Builds the address space of a program. */
const build = (
  task: Task,
  found: Found,
  image: Image,
  interpreter: Interpreter | null,
  filename: string,
  req: ExecRequest,
): PreparedExec | number | Block => {
  const { kernel } = task;
  const mm = createAddressSpace(memoryOf(kernel));
  if (mm === null) return -ENOMEM;
  const fail = (r: number): number | Block => {
    const why = mm.waiting ?? r;
    mm.release();
    return why;
  };
  const busy = mm.setExe(found.file);
  if (busy < 0) return fail(busy);
  // A program without an interpreter that may lie anywhere is placed as the interpreter itself would be.
  const program = loadElf(mm, image, found.file, found.pages, interpreter ? PIE_BASE : null);
  if (typeof program === 'number') return fail(program);
  describeLayout(mm, image, program.bias);
  const apart = image.movable && interpreter === null;
  mm.brkStart = apart ? PIE_BASE : pageUp(image.high + program.bias);
  mm.brk = mm.brkStart;

  let entry = program.entry;
  let base = 0;
  if (interpreter) {
    const loaded = loadElf(mm, interpreter.image, interpreter.file, interpreter.pages, null);
    if (typeof loaded === 'number') return fail(loaded);
    entry = loaded.entry;
    base = loaded.bias;
  }
  const vdso = mapVdso(kernel, mm);
  if (vdso < 0) return fail(vdso);

  const attr = found.file.inode.attr();
  if (typeof attr === 'number') return fail(attr);
  const mount = found.file.path?.mount;
  const after = credentialsAfterExec(task.cred, {
    mode: attr.mode,
    uid: attr.uid,
    gid: attr.gid,
    caps: fileCapsOf(found.file.inode),
    nosuid: mount === undefined || ((mount.flags ?? 0) & MS_NOSUID) !== 0,
  });
  if (typeof after === 'number') return fail(after);
  const { cred, secure } = after;
  const random = new Uint8Array(16);
  kernel.entropy(random);
  const sp = buildStack(mm, {
    filename,
    argv: found.argv,
    envp: req.envp,
    auxv: [
      [AT.SYSINFO_EHDR, vdso],
      [AT.HWCAP, HWCAP_X86_64],
      [AT.PAGESZ, PAGE],
      [AT.CLKTCK, CLOCK_TICKS],
      [AT.PHDR, image.phdr === 0 ? 0 : image.phdr + program.bias],
      [AT.PHENT, PHDR.size],
      [AT.PHNUM, image.phnum],
      [AT.BASE, base],
      [AT.FLAGS, 0],
      [AT.ENTRY, program.entry],
      [AT.UID, cred.uid],
      [AT.EUID, cred.euid],
      [AT.GID, cred.gid],
      [AT.EGID, cred.egid],
      [AT.SECURE, secure ? 1 : 0],
      [AT.RANDOM, 0],
      [AT.HWCAP2, HWCAP2_X86_64],
      [AT.MINSIGSTKSZ, MINSIGSTKSZ],
      [AT.EXECFN, 0],
      [AT.PLATFORM, 0],
    ],
    random,
    prot: PROT_READ | PROT_WRITE | (image.executableStack ? PROT_EXEC : 0),
  });
  if (sp < 0) return fail(sp);
  const origin = found.file.inode.origin?.() ?? null;
  if (origin !== null) mm.pageTable.program = `${found.file.path?.dentry.name ?? ''} ${origin}`;
  // A program named only by a descriptor is shown by its file's name (since Linux 6.14).
  const shown = req.path === '' ? (found.file.path?.dentry.name ?? filename) : filename;
  const comm = shown.slice(shown.lastIndexOf('/') + 1).slice(0, 15);
  return { mm, entry, sp, path: found.file.path, filename, comm, cred, secure };
};

/** Everything of execve that can fail. The result is for commitExec; a Block asks to be called again. */
export const prepareExec = (task: Task, req: ExecRequest): PreparedExec | number | Block => {
  const { dirfd, path, flags } = req;
  if (path === '' && !(flags & AT_EMPTY_PATH)) return -ENOENT;
  if (path === '' && dirfd === AT_FDCWD) return -EACCES;
  const named = path.startsWith('/') || dirfd === AT_FDCWD;
  const filename = named ? path : path === '' ? `/dev/fd/${dirfd}` : `/dev/fd/${dirfd}/${path}`;
  const state = memoryOf(task.kernel);
  const tooBig = checkArguments(state, filename, req.argv, req.envp);
  if (tooBig < 0) return tooBig;
  const found = findProgram(task, req, filename);
  if (typeof found === 'number' || 'blocked' in found) return found;

  let interpreter: Interpreter | null = null;
  const result = ((): PreparedExec | number | Block => {
    const grown = checkArguments(state, filename, found.argv, req.envp);
    if (grown < 0) return grown;
    const image = parseElf(found.head, reader(state, found.pages));
    if (typeof image === 'number' || 'blocked' in image) return image;
    if (image.interpreter !== null) {
      const opened = openInterpreter(task, image.interpreter);
      if (typeof opened === 'number' || 'blocked' in opened) return opened;
      interpreter = opened;
    }
    return build(task, found, image, interpreter, filename, req);
  })();
  releaseFile(found.file);
  // The closure above assigns it, which the compiler does not follow.
  const held = interpreter as Interpreter | null;
  if (held !== null) releaseFile(held.file);
  return result;
};

// For tests: a kernel over a tmpfs with files of the test's making, a task in it, and ELF images from pieces.

import { EHDR, EM_X86_64, ET_EXEC, PHDR, PT_LOAD } from '../../abi/elf.ts';
import { S_IFDIR, S_IFREG } from '../../abi/stat.ts';
import type { StructValue } from '../../abi/struct.ts';
import type { Cpu } from '../../ring3/cpu.ts';
import { createFrames } from '../../ring3/mmu/frames.ts';
import { createPageTable } from '../../ring3/mmu/page-table.ts';
import { newTmpfs } from '../fs/tmpfs.ts';
import { createKernel, type Kernel } from '../kernel.ts';
import { createAddressSpace } from '../mm/address-space.ts';
import { memoryOf } from '../mm/state.ts';
import { createInitProcess } from '../task/fork.ts';
import type { Task } from '../task/types.ts';
import { attach } from '../vfs/dentry.ts';
import { newTable } from '../vfs/fdtable.ts';
import { mountFs } from '../vfs/mount.ts';
import type { Pages } from '../vfs/pagecache.ts';
import type { Dentry } from '../vfs/types.ts';

export interface TestMachine {
  readonly kernel: Kernel;
  readonly task: Task;
  /** Makes a file, and the folders on the way. */
  file(path: string, contents: Uint8Array | string, mode?: number): void;
}

export const bytesOf = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));

export const testMachine = (memory = 32 * 1024 * 1024): TestMachine => {
  const frames = createFrames(memory);
  const cpu = {
    frames,
    newPageTable: () => {
      const table = createPageTable(frames, () => {});
      if (table === null) throw new RangeError('out of physical memory for a page table');
      return table;
    },
    reset: (context: Uint8Array) => void context.fill(0),
    load: () => {},
    save: () => {},
    switchTo: () => {},
    expect: () => {},
  } as unknown as Cpu;
  const kernel = createKernel({
    cpu,
    clock: { monotonic: () => 1e9, epoch: () => ({ sec: 999_999, nsec: 0 }) },
    entropy: (into) => void into.fill(0xa5),
  });
  const mount = mountFs(kernel, newTmpfs(kernel, { mode: 0o755 }), null);
  const root = { mount, dentry: mount.root };
  const mm = createAddressSpace(memoryOf(kernel));
  if (!mm) throw new Error('no memory');
  const task = createInitProcess(kernel, {
    mm,
    files: newTable(),
    fs: { cwd: root, root, umask: 0o022, refs: 1 },
  });
  const enter = (dir: Dentry, name: string, mode: number): Dentry => {
    const { inode } = dir;
    const known = inode.lookup?.(name);
    const made = typeof known === 'object' ? known : inode.create?.(name, mode, 0, 0, 0);
    if (typeof made !== 'object' || 'blocked' in made) throw new Error(`cannot make ${name}`);
    return attach(dir, name, made);
  };
  return {
    kernel,
    task,
    file(path, contents, mode = 0o755) {
      const parts = path.split('/').filter((p) => p !== '');
      const name = parts.pop() ?? '';
      let dir = root.dentry;
      for (const p of parts) dir = enter(dir, p, S_IFDIR | 0o755);
      const made = enter(dir, name, S_IFREG | mode);
      const bytes = typeof contents === 'string' ? bytesOf(contents) : contents;
      const pages = made.inode.pages as Pages;
      pages.truncate(0);
      pages.write(bytes, 0, bytes.length, 0);
    },
  };
};

type Header = Partial<StructValue<typeof EHDR.fields>>;
type Segment = Partial<StructValue<typeof PHDR.fields>>;

/** An ELF file of headers and contents: `parts` puts bytes at file offsets. */
export const elfFile = (
  header: Header,
  segments: readonly Segment[],
  parts: readonly (readonly [number, Uint8Array | string])[] = [],
  size = 0,
): Uint8Array => {
  const contents = parts.map(([at, b]) => [at, typeof b === 'string' ? bytesOf(b) : b] as const);
  const end = Math.max(
    size,
    EHDR.size + segments.length * PHDR.size,
    ...contents.map(([at, b]) => at + b.length),
  );
  const out = new Uint8Array(end);
  out.set(
    EHDR.encode({
      e_ident: Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1),
      e_type: ET_EXEC,
      e_machine: EM_X86_64,
      e_version: 1,
      e_entry: 0x400000,
      e_phoff: EHDR.size,
      e_ehsize: EHDR.size,
      e_phentsize: PHDR.size,
      e_phnum: segments.length,
      ...header,
    }),
  );
  segments.forEach((s, i) => {
    out.set(PHDR.encode(s), EHDR.size + i * PHDR.size);
  });
  for (const [at, b] of contents) out.set(b, at);
  return out;
};

/** The simplest program: one readable and executable segment at 4 MiB. */
export const smallProgram = (header: Header = {}): Uint8Array =>
  elfFile(
    header,
    [
      {
        p_type: PT_LOAD,
        p_flags: 5,
        p_offset: 0,
        p_vaddr: 0x400000,
        p_filesz: 0x200,
        p_memsz: 0x200,
        p_align: 4096,
      },
    ],
    [[0x1ff, '\x90']],
  );

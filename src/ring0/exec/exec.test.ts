import { describe, expect, it } from 'vitest';
import { AT } from '../../abi/auxv.ts';
import { ET_DYN, PT_GNU_STACK, PT_INTERP, PT_LOAD } from '../../abi/elf.ts';
import {
  E2BIG,
  EACCES,
  EINVAL,
  ELOOP,
  ENOENT,
  ENOEXEC,
  ENOTDIR,
  EPERM,
  ERRNO,
  ETXTBSY,
} from '../../abi/errno.ts';
import { AT_FDCWD } from '../../abi/fcntl.ts';
import { CONTEXT_BYTES, OFF } from '../../ring3/layout.ts';
import { PIE_BASE } from '../mm/layout.ts';
import type { AddressSpace } from '../mm/types.ts';
import { exec, startProgram } from './exec.ts';
import { explainExec } from './explain.ts';
import { elfFile, smallProgram, testMachine } from './fixture.ts';
import { type PreparedExec, prepareExec } from './prepare.ts';

const request = (path: string, argv: string[] = [path], envp: string[] = []) => ({
  dirfd: AT_FDCWD,
  path,
  argv,
  envp,
  flags: 0,
});

const run = (m: ReturnType<typeof testMachine>, path: string, argv?: string[], envp?: string[]): number =>
  startProgram(m.kernel, m.task, path, argv ?? [path], envp ?? []) as number;

/** argv, envp and auxv as the program finds them. */
const stack = (mm: AddressSpace, sp: number) => {
  let at = sp;
  const word = (): number => {
    const v = mm.readU64(at) ?? -1;
    at += 8;
    return v;
  };
  const strings = (): string[] => {
    const list: string[] = [];
    for (let p = word(); p !== 0; p = word()) list.push(mm.readString(p, 200_000) as string);
    return list;
  };
  const argc = word();
  const argv = strings();
  const envp = strings();
  const auxv = new Map<number, number>();
  for (let t = word(); t !== AT.NULL; t = word()) auxv.set(t, word());
  return { argc, argv, envp, auxv };
};

const context = (m: ReturnType<typeof testMachine>, at: number): number =>
  Number(new DataView(m.task.context.buffer, 0, CONTEXT_BYTES).getBigUint64(at, true));

describe('execve of a static program', () => {
  it('maps it, and gives it stack, arguments and auxiliary vector', () => {
    const m = testMachine();
    m.file('/bin/prog', smallProgram());
    expect(run(m, '/bin/prog', ['prog', 'a'], ['X=1'])).toBe(0);
    const { mm } = m.task;
    const sp = context(m, OFF.gpr + 8 * 4);
    expect(context(m, OFF.rip)).toBe(0x400000);
    expect(sp % 16).toBe(0);
    const s = stack(mm, sp);
    expect(s).toMatchObject({ argc: 2, argv: ['prog', 'a'], envp: ['X=1'] });
    expect(mm.readString(s.auxv.get(AT.EXECFN) ?? 0, 100)).toBe('/bin/prog');
    expect(mm.readString(s.auxv.get(AT.PLATFORM) ?? 0, 100)).toBe('x86_64');
    expect(mm.read(s.auxv.get(AT.RANDOM) ?? 0, 16)).toEqual(new Uint8Array(16).fill(0xa5));
    expect(mm.readU32(s.auxv.get(AT.SYSINFO_EHDR) ?? 0)).toBe(0x464c457f);
    expect(s.auxv.get(AT.PHDR)).toBe(0x400040);
    expect(s.auxv.get(AT.ENTRY)).toBe(0x400000);
    expect(s.auxv.get(AT.BASE)).toBe(0);
    expect(m.task.comm).toBe('prog');
    expect(mm.setBrk(0)).toBe(0x401000);
    expect(mm.mappings.at(-1)).toMatchObject({ end: 0x7ffffffff000, name: '[stack]' });
  });

  it('zeroes what the file does not give', () => {
    const m = testMachine();
    m.file(
      '/p',
      elfFile(
        {},
        [{ p_type: PT_LOAD, p_flags: 6, p_offset: 0x1000, p_vaddr: 0x401000, p_filesz: 4, p_memsz: 0x3000 }],
        [[0x1000, 'datarest of the page']],
      ),
    );
    expect(run(m, '/p')).toBe(0);
    expect(m.task.mm.readString(0x401000, 20)).toBe('data');
    expect(m.task.mm.readU64(0x403ff8)).toBe(0);
    expect(m.task.mm.readU8(0x404000)).toBeNull();
  });

  it('makes the stack executable only when the program says so', () => {
    for (const [flags, prot] of [
      [6, 3],
      [7, 7],
    ] as const) {
      const m = testMachine();
      const load = { p_type: PT_LOAD, p_flags: 5, p_vaddr: 0x400000, p_filesz: 0x100, p_memsz: 0x100 };
      m.file('/p', elfFile({}, [load, { p_type: PT_GNU_STACK, p_flags: flags }], [], 0x100));
      expect(run(m, '/p')).toBe(0);
      expect(m.task.mm.mappings.at(-1)?.prot).toBe(prot);
    }
  });
});

describe('execve of a dynamic program', () => {
  const load = { p_type: PT_LOAD, p_flags: 5, p_vaddr: 0, p_filesz: 0x200, p_memsz: 0x200 };
  const program = (name: string): Uint8Array =>
    elfFile(
      { e_type: ET_DYN, e_entry: 0x100 },
      [load, { p_type: PT_INTERP, p_offset: 0x180, p_filesz: name.length + 1 }],
      [[0x180, `${name}\0`]],
      0x200,
    );
  const interpreter = elfFile({ e_type: ET_DYN, e_entry: 0x80 }, [load], [], 0x200);

  it('starts the interpreter, at the same address in every process', () => {
    const m = testMachine();
    m.file('/p', program('/lib/ld.so'));
    m.file('/lib/ld.so', interpreter);
    const bases = [0, 1].map(() => {
      const p = prepareExec(m.task, request('/p')) as PreparedExec;
      const { auxv } = stack(p.mm, p.sp);
      const base = auxv.get(AT.BASE) ?? 0;
      expect(p.entry).toBe(base + 0x80);
      expect(auxv.get(AT.ENTRY)).toBe(PIE_BASE + 0x100);
      expect(auxv.get(AT.PHDR)).toBe(PIE_BASE + 64);
      return base;
    });
    expect(bases[0]).toBe(bases[1]);
    expect(bases[0]).toBeGreaterThan(0x7e0000000000);
  });

  it('fails as Linux does without a fitting interpreter, and says why', () => {
    const m = testMachine();
    m.file('/p', program('/lib/ld.so'));
    expect(run(m, '/p')).toBe(-ENOENT);
    expect(explainExec(m.task, '/p', ENOENT)).toBe('its interpreter /lib/ld.so is missing');
    m.file('/lib/ld.so', 'not an ELF file, but long enough to be one, if it only were one at all');
    expect(run(m, '/p')).toBe(-ERRNO.ELIBBAD);
    m.file('/lib/ld.so', interpreter, 0o644);
    m.file('/q', program('/lib/none/x'));
    expect(run(m, '/q')).toBe(-ENOENT);
    m.file('/r', program('/p/x'));
    expect(run(m, '/r')).toBe(-ENOTDIR);
  });
});

describe('execve of scripts', () => {
  it('runs the interpreter with the argument and the name of the script', () => {
    const m = testMachine();
    m.file('/bin/interp', smallProgram());
    m.file('/s', '#!/bin/interp -x y\n');
    expect(run(m, '/s', ['name', 'a', 'b'])).toBe(0);
    const s = stack(m.task.mm, context(m, OFF.gpr + 8 * 4));
    expect(s.argv).toEqual(['/bin/interp', '-x y', '/s', 'a', 'b']);
    expect(m.task.mm.readString(s.auxv.get(AT.EXECFN) ?? 0, 100)).toBe('/s');
    expect(m.task.comm).toBe('s');
    expect(m.task.process.exe?.dentry.name).toBe('interp');
  });

  it('nests five times and then gives up', () => {
    const m = testMachine();
    m.file('/0', smallProgram());
    for (let i = 1; i <= 6; i++) m.file(`/${i}`, `#!/${i - 1}\n`);
    expect(run(m, '/5')).toBe(0);
    expect(run(m, '/6')).toBe(-ELOOP);
    m.file('/self', '#!/self\n');
    expect(run(m, '/self')).toBe(-ELOOP);
    m.file('/lost', '#!/nowhere\n');
    expect(run(m, '/lost')).toBe(-ENOENT);
    expect(explainExec(m.task, '/lost', ENOENT)).toBe('its interpreter /nowhere is missing');
  });
});

describe('execve refuses', () => {
  it('what is not a program', () => {
    const m = testMachine();
    m.file('/text', 'hello\n');
    m.file('/empty', '');
    m.file('/plain', smallProgram(), 0o644);
    m.file('/arm', smallProgram({ e_machine: 183 }));
    m.file('/dir/x', '');
    expect(run(m, '/text')).toBe(-ENOEXEC);
    expect(run(m, '/empty')).toBe(-ENOEXEC);
    expect(run(m, '/plain')).toBe(-EACCES);
    expect(run(m, '/dir')).toBe(-EACCES);
    expect(run(m, '/none')).toBe(-ENOENT);
    expect(run(m, '')).toBe(-ENOENT);
    expect(run(m, '/arm')).toBe(-ENOEXEC);
    expect(explainExec(m.task, '/arm', ENOEXEC)).toBe('AArch64 program; this machine runs x86-64');
    expect(explainExec(m.task, '/dir', EACCES)).toBe('is a directory');
    expect(explainExec(m.task, '/empty', ENOEXEC)).toBe('empty file');
    expect(explainExec(m.task, '/plain', EACCES)).toContain('not executable');
  });

  it('addresses that programs may not have', () => {
    const m = testMachine();
    const at = (vaddr: number): Uint8Array =>
      elfFile({}, [{ p_type: PT_LOAD, p_flags: 5, p_vaddr: vaddr, p_filesz: 0x80, p_memsz: 0x80 }], [], 0x80);
    m.file('/zero', at(0));
    m.file('/high', at(0x7ffffffff000));
    expect(run(m, '/zero')).toBe(-EPERM);
    expect(run(m, '/high')).toBe(-EINVAL);
  });

  it('a file that is open for writing', () => {
    const m = testMachine();
    m.file('/p', smallProgram());
    expect(run(m, '/p')).toBe(0);
    const inode = m.task.mm.exe?.inode;
    if (inode) inode.writers = 1;
    expect(exec(m.task, request('/p'))).toBe(-ETXTBSY);
  });

  it('more arguments than a quarter of the stack may hold', () => {
    const m = testMachine();
    m.file('/p', smallProgram());
    expect(run(m, '/p', ['p', 'x'.repeat(131071)])).toBe(0);
    expect(run(m, '/p', ['p', 'x'.repeat(131072)])).toBe(-E2BIG);
    expect(run(m, '/p', new Array(30).fill('y'.repeat(100_000)))).toBe(-E2BIG);
    expect(run(m, '/p', ['p'], new Array(15).fill('z'.repeat(131_000)))).toBe(0);
  });

  it('and leaves the caller and its memory as they were', () => {
    const m = testMachine();
    m.file('/p', smallProgram());
    m.file(
      '/bad',
      elfFile({ e_entry: 2 ** 50 }, [
        { p_type: PT_LOAD, p_flags: 7, p_vaddr: 0x400000, p_filesz: 0x80, p_memsz: 0x800000 },
      ]),
    );
    run(m, '/p');
    const { mm } = m.task;
    for (let i = 0; i < 3; i++) expect(run(m, '/bad')).toBe(-EINVAL);
    const before = m.kernel.cpu.frames.free;
    for (let i = 0; i < 20; i++) run(m, '/bad');
    expect(m.task.mm).toBe(mm);
    expect(m.kernel.cpu.frames.free).toBe(before);
  });
});

describe('set-user-ID files', () => {
  it('change the effective user, unless the mount or no_new_privs forbids it', () => {
    const m = testMachine();
    const user = {
      ...m.task.cred,
      uid: 1000,
      euid: 1000,
      suid: 1000,
      fsuid: 1000,
      capEffective: 0,
      capPermitted: 0,
    };
    m.file('/su', smallProgram(), 0o4755);
    m.task.cred = { ...user };
    const p = prepareExec(m.task, request('/su')) as PreparedExec;
    expect(p.cred).toMatchObject({ uid: 1000, euid: 0, suid: 0, fsuid: 0 });
    expect(p.secure).toBe(true);
    expect(p.cred.capEffective).toBe(m.task.cred.capBounding);
    m.task.cred.noNewPrivs = true;
    expect(prepareExec(m.task, request('/su'))).toMatchObject({ cred: { euid: 1000 }, secure: false });
    m.task.cred = { ...user };
    const mount = m.kernel.mounts.list[0];
    if (mount) mount.flags = 2;
    expect(prepareExec(m.task, request('/su'))).toMatchObject({ cred: { euid: 1000 }, secure: false });
  });
});

describe('hostile headers', () => {
  it('never harm the kernel: mutated programs load, or are refused, and every frame comes back', () => {
    const m = testMachine();
    const original = elfFile(
      { e_type: ET_DYN, e_entry: 0x100 },
      [
        { p_type: PT_INTERP, p_offset: 0x1c0, p_filesz: 3 },
        { p_type: PT_LOAD, p_flags: 5, p_vaddr: 0, p_filesz: 0x200, p_memsz: 0x200, p_align: 4096 },
        { p_type: PT_LOAD, p_flags: 6, p_offset: 0x200, p_vaddr: 0x1200, p_filesz: 0x100, p_memsz: 0x3000 },
      ],
      [[0x1c0, '/i\0']],
      0x300,
    );
    m.file('/i', smallProgram({ e_type: ET_DYN }));
    let seed = 12345;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 4294967296) * n);
    };
    const NASTY = [0, 1, 2, 0x7f, 0x80, 0xff];
    const attempt = (): void => {
      const p = prepareExec(m.task, request('/h'));
      if (typeof p === 'number') expect(p).toBeLessThan(0);
      else if ('mm' in p) p.mm.release();
    };
    m.file('/h', original);
    attempt();
    attempt();
    const before = m.kernel.cpu.frames.free;
    let loaded = 0;
    for (let round = 0; round < 3000; round++) {
      const bytes = original.slice(0, random(20) === 0 ? random(original.length) : original.length);
      for (let k = 1 + random(4); k > 0; k--)
        bytes[random(Math.min(bytes.length, 0x110))] =
          random(2) === 0 ? (NASTY[random(6)] ?? 0) : random(256);
      m.file('/h', bytes);
      const p = prepareExec(m.task, request('/h'));
      if (typeof p !== 'number' && 'mm' in p) {
        loaded++;
        p.mm.release();
      }
      explainExec(m.task, '/h', typeof p === 'number' ? p : ENOEXEC);
    }
    expect(loaded).toBeGreaterThan(100);
    m.file('/h', original);
    expect(m.kernel.cpu.frames.free).toBeGreaterThanOrEqual(before - 2);
  });
});

// What Linux answers on a machine with one memory node (get_mempolicy(2) and its kin, mm/mempolicy.c) and a processor
// without protection keys (pkeys(7)).

import { EFAULT, EINVAL, ENODEV, ENOENT, ENOSPC, EPERM, ESRCH } from '../../abi/errno.ts';
import {
  GET_TABLE,
  MF_TABLE,
  MODE_TABLE,
  MPOL,
  MPOL_F_ADDR,
  MPOL_F_MEMS_ALLOWED,
  MPOL_F_NODE,
  MPOL_F_RELATIVE_NODES,
  MPOL_F_STATIC_NODES,
  MPOL_MF_MOVE,
  MPOL_MF_MOVE_ALL,
  MPOL_MF_STRICT,
  PKEY_ACCESS,
} from '../../abi/mempolicy.ts';
import { PROT_TABLE } from '../../abi/mman.ts';
import { addr, flags, int, intOut, pid, size, ulong } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { PAGE, pageUp } from '../mm/layout.ts';
import type { Task } from '../task/types.ts';
import { CAP, capable } from '../vfs/perm.ts';

/** Bits of a node mask that the kernel takes at most. */
const MAX_BITS = PAGE * 8;

/** Which nodes a mask at an address names: none, node 0 (perhaps with others), or only others. */
type Nodes = 'none' | 'first' | 'others';

const readNodes = (task: Task, at: number, maxnode: number): Nodes | number => {
  const bits = maxnode - 1;
  if (at === 0 || bits <= 0) return 'none';
  if (bits > MAX_BITS) return -EINVAL;
  const bytes = task.mm.read(at, Math.ceil(bits / 64) * 8);
  if (bytes === null) return -EFAULT;
  const last = bits % 64;
  // Bits beyond the last one do not count.
  if (last !== 0) {
    const whole = Math.floor(bits / 64) * 8;
    for (let i = 0; i < 8; i++) {
      const kept = Math.min(Math.max(last - i * 8, 0), 8);
      bytes[whole + i] = (bytes[whole + i] as number) & ((1 << kept) - 1);
    }
  }
  if ((bytes[0] as number) & 1) return 'first';
  return bytes.some((b) => b !== 0) ? 'others' : 'none';
};

const writeNodes = (task: Task, at: number, maxnode: number, first: boolean): boolean => {
  const bytes = new Uint8Array(Math.ceil(Math.min(maxnode - 1, MAX_BITS) / 64) * 8);
  if (first && bytes.length > 0) bytes[0] = 1;
  return task.mm.write(at, bytes);
};

/** The mode of a policy as it is kept, or -EINVAL. */
const modeOf = (given: number, nodes: Nodes): number => {
  const options = given & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES);
  const mode = given & ~options;
  if (mode < 0 || mode > MPOL.MPOL_WEIGHTED_INTERLEAVE) return -EINVAL;
  if (options === (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)) return -EINVAL;
  if (mode === MPOL.MPOL_DEFAULT || mode === MPOL.MPOL_LOCAL)
    return nodes === 'none' && (mode === MPOL.MPOL_DEFAULT || options === 0) ? mode : -EINVAL;
  if (mode === MPOL.MPOL_PREFERRED && nodes === 'none') return options === 0 ? MPOL.MPOL_LOCAL : -EINVAL;
  return nodes === 'first' ? mode | options : -EINVAL;
};

const hasNodes = (mode: number): boolean => mode !== MPOL.MPOL_DEFAULT && mode !== MPOL.MPOL_LOCAL;

const getPolicy = (
  task: Task,
  modeAt: number,
  maskAt: number,
  maxnode: number,
  at: number,
  how: number,
): number => {
  if (maskAt !== 0 && maxnode < 1) return -EINVAL;
  if (how & ~(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED)) return -EINVAL;
  const own = task.attributes.get('mempolicy') ?? MPOL.MPOL_DEFAULT;
  let mode = own;
  let first = hasNodes(own);
  if (how & MPOL_F_MEMS_ALLOWED) {
    if (how & (MPOL_F_NODE | MPOL_F_ADDR)) return -EINVAL;
    mode = 0;
    first = true;
  } else if (how & MPOL_F_ADDR) {
    if (task.mm.find(at) === null) return -EFAULT;
    // The node that the page is on: the only one there is.
    if (how & MPOL_F_NODE) mode = 0;
  } else {
    if (at !== 0) return -EINVAL;
    if (how & MPOL_F_NODE) {
      if (own !== MPOL.MPOL_INTERLEAVE && own !== MPOL.MPOL_WEIGHTED_INTERLEAVE) return -EINVAL;
      mode = 0;
    }
  }
  if (modeAt !== 0 && !task.mm.writeU32(modeAt, mode)) return -EFAULT;
  return maskAt !== 0 && !writeNodes(task, maskAt, maxnode, first) ? -EFAULT : 0;
};

const setPolicy = (task: Task, given: number, maskAt: number, maxnode: number): number => {
  const nodes = readNodes(task, maskAt, maxnode);
  if (typeof nodes === 'number') return nodes;
  const mode = modeOf(given, nodes);
  if (mode < 0) return mode;
  task.attributes.set('mempolicy', mode);
  return 0;
};

const bindRange = (
  task: Task,
  at: number,
  length: number,
  given: number,
  maskAt: number,
  maxnode: number,
  how: number,
): number => {
  const nodes = readNodes(task, maskAt, maxnode);
  if (typeof nodes === 'number') return nodes;
  if (how & ~(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) return -EINVAL;
  if (how & MPOL_MF_MOVE_ALL && !capable(task.cred, CAP.sysNice)) return -EPERM;
  const end = at + pageUp(length);
  if (at % PAGE !== 0 || !(end < 2 ** 64)) return -EINVAL;
  if (end === at) return 0;
  const mode = modeOf(given, nodes);
  if (mode < 0) return mode;
  for (let from = at; from < end; ) {
    const m = task.mm.find(from);
    if (m === null) return -EFAULT;
    from = m.end;
  }
  return 0;
};

/** The task that a pid names for migrate_pages and move_pages, or -errno. */
const targetOf = (task: Task, id: number): Task | number => {
  const other = id === 0 ? task : task.kernel.tasks.get(id);
  if (other === undefined) return -ESRCH;
  const [a, b] = [task.cred, other.cred];
  const same = [a.euid, a.uid].some((u) => u === b.suid || u === b.uid);
  if (!same && !capable(task.cred, CAP.sysPtrace)) return -EPERM;
  // It has no memory any more.
  return other.state === 'dead' ? -EINVAL : other;
};

const migrate = (task: Task, id: number, maxnode: number, from: number, to: number): number => {
  const old = readNodes(task, from, maxnode);
  if (typeof old === 'number') return old;
  const next = readNodes(task, to, maxnode);
  if (typeof next === 'number') return next;
  const other = targetOf(task, id);
  if (typeof other === 'number') return other;
  return next === 'first' ? 0 : -EINVAL;
};

const movePages = (
  task: Task,
  id: number,
  count: number,
  pages: number,
  nodes: number,
  status: number,
  how: number,
): number => {
  if (how & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) return -EINVAL;
  if (how & MPOL_MF_MOVE_ALL && !capable(task.cred, CAP.sysNice)) return -EPERM;
  const other = targetOf(task, id);
  if (typeof other === 'number') return other;
  for (let i = 0; i < count; i++) {
    const at = task.mm.readU64(pages + 8 * i);
    if (at === null) return -EFAULT;
    if (nodes !== 0) {
      const node = task.mm.readI32(nodes + 4 * i);
      if (node === null) return -EFAULT;
      if (node !== 0) return -ENODEV;
    }
    const there = other.mm.pageTable.get(Math.floor(at / PAGE)) !== 0;
    const answer = other.mm.find(at) === null ? -EFAULT : there ? 0 : -ENOENT;
    if (!task.mm.writeU32(status + 4 * i, answer >>> 0)) return -EFAULT;
  }
  return 0;
};

const ONE_NODE = 'there is one node';

export const rows = [
  syscall(
    'get_mempolicy',
    [intOut('mode'), addr('nodemask'), size('maxnode'), addr('addr'), flags('flags', GET_TABLE)],
    { returns: 'int', family: 'memory', support: 'partial', note: 'policies of address ranges are not kept' },
    getPolicy,
  ),
  syscall(
    'set_mempolicy',
    [flags('mode', MODE_TABLE), addr('nodemask'), size('maxnode')],
    { returns: 'int', family: 'memory' },
    setPolicy,
  ),
  syscall(
    'mbind',
    [
      addr('addr'),
      size('len'),
      flags('mode', MODE_TABLE),
      addr('nodemask'),
      size('maxnode'),
      flags('flags', MF_TABLE),
    ],
    {
      returns: 'int',
      family: 'memory',
      support: 'partial',
      note: 'checked, not kept: there is one node, where all memory comes from',
    },
    bindRange,
  ),
  syscall(
    'migrate_pages',
    [pid('pid'), size('maxnode'), addr('old_nodes'), addr('new_nodes')],
    { returns: 'int', family: 'memory', support: 'stub', note: ONE_NODE },
    migrate,
  ),
  syscall(
    'move_pages',
    [pid('pid'), ulong('count'), addr('pages'), addr('nodes'), addr('status'), flags('flags', MF_TABLE)],
    { returns: 'int', family: 'memory' },
    movePages,
  ),
  syscall(
    'pkey_alloc',
    [int('flags'), flags('access_rights', { unknown: 'PKEY_???', bits: PKEY_ACCESS })],
    { returns: 'int', family: 'memory', support: 'stub', note: 'the CPU has no keys: ENOSPC' },
    (_task, how, rights) => (how !== 0 || rights & ~3 ? -EINVAL : -ENOSPC),
  ),
  syscall(
    'pkey_free',
    [int('pkey')],
    { returns: 'int', family: 'memory', support: 'stub', note: 'the CPU has no keys: EINVAL' },
    () => -EINVAL,
  ),
  syscall(
    'pkey_mprotect',
    [addr('addr'), size('length'), flags('prot', PROT_TABLE), int('pkey')],
    { returns: 'int', family: 'memory', support: 'partial', note: 'the CPU has no keys: only -1 is one' },
    (task, at, length, prot, key) => (key === -1 ? task.mm.protect(at, length, prot) : -EINVAL),
  ),
];

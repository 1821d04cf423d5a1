// File types and permission bits, device numbers, and the structs of stat(2), statx(2) and statfs(2). Values
// and layouts are x86-64's, from linux/stat.h, asm/stat.h and asm-generic/statfs.h.

import { struct } from './struct.ts';

export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;

export const FILE_TYPES = { S_IFSOCK, S_IFLNK, S_IFREG, S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO } as const;

/** dev_t as stat(2) reports it: new_encode_dev of linux/kdev_t.h. */
export const makedev = (major: number, minor: number): number =>
  (minor & 0xff) + major * 256 + (minor >>> 8) * 1048576;
export const major = (dev: number): number => (dev >>> 8) & 0xfff;
export const minor = (dev: number): number => (dev & 0xff) + ((dev >>> 20) << 8);

export const STAT = struct(
  'stat',
  {
    st_dev: 'u64',
    st_ino: 'u64',
    st_nlink: 'u64',
    st_mode: 'u32',
    st_uid: 'u32',
    st_gid: 'u32',
    __pad0: 'u32',
    st_rdev: 'u64',
    st_size: 'i64',
    st_blksize: 'i64',
    st_blocks: 'i64',
    st_atime: 'i64',
    st_atime_nsec: 'u64',
    st_mtime: 'i64',
    st_mtime_nsec: 'u64',
    st_ctime: 'i64',
    st_ctime_nsec: 'u64',
  },
  144,
);

export const STATX_TYPE = 0x1;
export const STATX_MODE = 0x2;
export const STATX_NLINK = 0x4;
export const STATX_UID = 0x8;
export const STATX_GID = 0x10;
export const STATX_ATIME = 0x20;
export const STATX_MTIME = 0x40;
export const STATX_CTIME = 0x80;
export const STATX_INO = 0x100;
export const STATX_SIZE = 0x200;
export const STATX_BLOCKS = 0x400;
export const STATX_BASIC_STATS = 0x7ff;
export const STATX_BTIME = 0x800;
export const STATX_ALL = 0xfff;
export const STATX_MNT_ID = 0x1000;
export const STATX_DIOALIGN = 0x2000;
export const STATX_RESERVED = 0x80000000;
export const STATX_MASK = {
  unknown: 'STATX_???',
  bits: {
    STATX_ALL,
    STATX_BASIC_STATS,
    STATX_TYPE,
    STATX_MODE,
    STATX_NLINK,
    STATX_UID,
    STATX_GID,
    STATX_ATIME,
    STATX_MTIME,
    STATX_CTIME,
    STATX_INO,
    STATX_SIZE,
    STATX_BLOCKS,
    STATX_BTIME,
    STATX_MNT_ID,
    STATX_DIOALIGN,
  },
} as const;
export const STATX_ATTR_MOUNT_ROOT = 0x2000;

export const STATX = struct(
  'statx',
  {
    stx_mask: 'u32',
    stx_blksize: 'u32',
    stx_attributes: 'u64',
    stx_nlink: 'u32',
    stx_uid: 'u32',
    stx_gid: 'u32',
    stx_mode: 'u16',
    __spare0: 'u16',
    stx_ino: 'u64',
    stx_size: 'u64',
    stx_blocks: 'u64',
    stx_attributes_mask: 'u64',
    stx_atime: 'i64',
    stx_atime_nsec: 'u32',
    __reserved0: 'i32',
    stx_btime: 'i64',
    stx_btime_nsec: 'u32',
    __reserved1: 'i32',
    stx_ctime: 'i64',
    stx_ctime_nsec: 'u32',
    __reserved2: 'i32',
    stx_mtime: 'i64',
    stx_mtime_nsec: 'u32',
    __reserved3: 'i32',
    stx_rdev_major: 'u32',
    stx_rdev_minor: 'u32',
    stx_dev_major: 'u32',
    stx_dev_minor: 'u32',
    stx_mnt_id: 'u64',
    stx_dio_mem_align: 'u32',
    stx_dio_offset_align: 'u32',
  },
  256,
);

export const STATFS = struct(
  'statfs',
  {
    f_type: 'i64',
    f_bsize: 'i64',
    f_blocks: 'u64',
    f_bfree: 'u64',
    f_bavail: 'u64',
    f_files: 'u64',
    f_ffree: 'u64',
    f_fsid0: 'i32',
    f_fsid1: 'i32',
    f_namelen: 'i64',
    f_frsize: 'i64',
    f_flags: 'i64',
  },
  120,
);

/** f_type of statfs(2), linux/magic.h. */
export const MAGIC = {
  tmpfs: 0x01021994,
  devtmpfs: 0x01021994,
  overlay: 0x794c7630,
  proc: 0x9fa0,
  sysfs: 0x62656572,
  devpts: 0x1cd1,
  pipefs: 0x50495045,
  sockfs: 0x534f434b,
  anonInode: 0x09041934,
  mqueue: 0x19800202,
  nsfs: 0x6e736673,
  ext: 0xef53,
  hugetlbfs: 0x958458f6,
} as const;

/** f_flags of statfs(2), linux/statfs.h. */
export const ST = {
  rdonly: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  valid: 0x20,
  noatime: 0x400,
  nodiratime: 0x800,
  relatime: 0x1000,
} as const;

/** utimensat(2). */
export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;

// Open flags, fcntl commands and the other numbers of fcntl.h, with the flag tables that traces print. The
// values are x86-64's, from asm-generic/fcntl.h, linux/fcntl.h and the headers named beside the groups.

import { struct } from './struct.ts';

export const O_RDONLY = 0o0;
export const O_WRONLY = 0o1;
export const O_RDWR = 0o2;
export const O_ACCMODE = 0o3;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_DSYNC = 0o10000;
export const O_ASYNC = 0o20000;
export const O_DIRECT = 0o40000;
export const O_LARGEFILE = 0o100000;
export const O_DIRECTORY = 0o200000;
export const O_NOFOLLOW = 0o400000;
export const O_NOATIME = 0o1000000;
export const O_CLOEXEC = 0o2000000;
export const O_SYNC = 0o4010000;
export const O_PATH = 0o10000000;
export const O_TMPFILE = 0o20200000;

/** Composite names stand before their parts. */
export const OPEN_FLAGS = {
  unknown: 'O_???',
  field: { mask: O_ACCMODE, values: { O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE } },
  bits: {
    O_CREAT,
    O_EXCL,
    O_NOCTTY,
    O_TRUNC,
    O_APPEND,
    O_NONBLOCK,
    O_SYNC,
    O_ASYNC,
    O_DSYNC,
    O_DIRECT,
    O_LARGEFILE,
    O_NOFOLLOW,
    O_NOATIME,
    O_CLOEXEC,
    O_PATH,
    O_TMPFILE,
    O_DIRECTORY,
  },
} as const;

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
/** unlinkat; the same bit is AT_EACCESS for faccessat2. */
export const AT_REMOVEDIR = 0x200;
export const AT_EACCESS = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_NO_AUTOMOUNT = 0x800;
export const AT_EMPTY_PATH = 0x1000;
export const AT_STATX_FORCE_SYNC = 0x2000;
export const AT_STATX_DONT_SYNC = 0x4000;
export const AT_STATX_SYNC_TYPE = 0x6000;
export const AT_RECURSIVE = 0x8000;

export const AT_FLAGS = {
  unknown: 'AT_???',
  bits: {
    AT_SYMLINK_NOFOLLOW,
    AT_REMOVEDIR,
    AT_SYMLINK_FOLLOW,
    AT_NO_AUTOMOUNT,
    AT_EMPTY_PATH,
    AT_RECURSIVE,
  },
} as const;
export const ACCESS_AT_FLAGS = {
  unknown: 'AT_???',
  bits: { AT_SYMLINK_NOFOLLOW, AT_EACCESS, AT_EMPTY_PATH },
} as const;
export const STATX_AT_FLAGS = {
  unknown: 'AT_???',
  field: {
    mask: AT_STATX_SYNC_TYPE,
    values: {
      AT_STATX_SYNC_AS_STAT: 0,
      AT_STATX_FORCE_SYNC,
      AT_STATX_DONT_SYNC,
      'AT_STATX_FORCE_SYNC|AT_STATX_DONT_SYNC': AT_STATX_SYNC_TYPE,
    },
  },
  bits: {
    AT_SYMLINK_NOFOLLOW,
    AT_REMOVEDIR,
    AT_SYMLINK_FOLLOW,
    AT_NO_AUTOMOUNT,
    AT_EMPTY_PATH,
    AT_RECURSIVE,
  },
} as const;

/** access(2), unistd.h. */
export const F_OK = 0;
export const X_OK = 1;
export const W_OK = 2;
export const R_OK = 4;
export const ACCESS_MODES = {
  unknown: '?_OK',
  field: { mask: 0, values: { F_OK } },
  bits: { R_OK, W_OK, X_OK },
} as const;

export const F_DUPFD = 0;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_GETLK = 5;
export const F_SETLK = 6;
export const F_SETLKW = 7;
export const F_SETOWN = 8;
export const F_GETOWN = 9;
export const F_SETSIG = 10;
export const F_GETSIG = 11;
export const F_SETOWN_EX = 15;
export const F_GETOWN_EX = 16;
export const F_GETOWNER_UIDS = 17;
export const F_OFD_GETLK = 36;
export const F_OFD_SETLK = 37;
export const F_OFD_SETLKW = 38;
export const F_SETLEASE = 1024;
export const F_GETLEASE = 1025;
export const F_NOTIFY = 1026;
export const F_DUPFD_QUERY = 1027;
export const F_CREATED_QUERY = 1028;
export const F_CANCELLK = 1029;
export const F_DUPFD_CLOEXEC = 1030;
export const F_SETPIPE_SZ = 1031;
export const F_GETPIPE_SZ = 1032;
export const F_ADD_SEALS = 1033;
export const F_GET_SEALS = 1034;
export const F_GET_RW_HINT = 1035;
export const F_SET_RW_HINT = 1036;
/** The last of the hints (enum rw_hint). */
export const RWH_WRITE_LIFE_EXTREME = 5;
export const F_GET_FILE_RW_HINT = 1037;
export const F_SET_FILE_RW_HINT = 1038;

export const FCNTL_COMMANDS = {
  F_DUPFD,
  F_GETFD,
  F_SETFD,
  F_GETFL,
  F_SETFL,
  F_GETLK,
  F_SETLK,
  F_SETLKW,
  F_SETOWN,
  F_GETOWN,
  F_SETSIG,
  F_GETSIG,
  F_SETOWN_EX,
  F_GETOWN_EX,
  F_GETOWNER_UIDS,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_SETLEASE,
  F_GETLEASE,
  F_NOTIFY,
  F_DUPFD_QUERY,
  F_CREATED_QUERY,
  F_CANCELLK,
  F_DUPFD_CLOEXEC,
  F_SETPIPE_SZ,
  F_GETPIPE_SZ,
  F_ADD_SEALS,
  F_GET_SEALS,
  F_GET_RW_HINT,
  F_SET_RW_HINT,
  F_GET_FILE_RW_HINT,
  F_SET_FILE_RW_HINT,
} as const;

export const FD_CLOEXEC = 1;
export const FD_FLAGS = { unknown: '0x??? /* FD_??? */', bits: { FD_CLOEXEC } } as const;

export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;
export const LOCK_TYPES = { F_RDLCK, F_WRLCK, F_UNLCK } as const;

/** struct flock of x86-64 (fcntl(2)). */
export const FLOCK = struct('flock', {
  l_type: 'i16',
  l_whence: 'i16',
  l_start: 'i64',
  l_len: 'i64',
  l_pid: 'i32',
});
/** F_NOTIFY's argument. */
export const DN = {
  DN_ACCESS: 0x1,
  DN_MODIFY: 0x2,
  DN_CREATE: 0x4,
  DN_DELETE: 0x8,
  DN_RENAME: 0x10,
  DN_ATTRIB: 0x20,
  DN_MULTISHOT: 0x80000000,
} as const;
export const F_OWNER_EX = struct('f_owner_ex', { type: 'i32', pid: 'i32' });
export const F_OWNER_TYPES = { F_OWNER_TID: 0, F_OWNER_PID: 1, F_OWNER_PGRP: 2 } as const;

/** flock(2). */
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;
export const LOCK_MAND = 32;
export const FLOCK_OPERATIONS = {
  unknown: 'LOCK_???',
  bits: { LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN, LOCK_MAND },
} as const;

/** lseek(2). */
export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;
export const SEEK_WHENCE = { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE } as const;

/** renameat2(2). */
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const RENAME_WHITEOUT = 4;
export const RENAME_FLAGS = {
  unknown: 'RENAME_??',
  bits: { RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT },
} as const;

/** openat2(2), linux/openat2.h. */
export const OPEN_HOW = struct('open_how', { flags: 'u64', mode: 'u64', resolve: 'u64' });
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;
export const RESOLVE_CACHED = 0x20;
export const RESOLVE_FLAGS = {
  unknown: 'RESOLVE_???',
  bits: {
    RESOLVE_NO_XDEV,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    RESOLVE_BENEATH,
    RESOLVE_IN_ROOT,
    RESOLVE_CACHED,
  },
} as const;

/** fallocate(2), linux/falloc.h. */
export const FALLOC_FL_KEEP_SIZE = 0x01;
export const FALLOC_FL_PUNCH_HOLE = 0x02;
export const FALLOC_FL_NO_HIDE_STALE = 0x04;
export const FALLOC_FL_COLLAPSE_RANGE = 0x08;
export const FALLOC_FL_ZERO_RANGE = 0x10;
export const FALLOC_FL_INSERT_RANGE = 0x20;
export const FALLOC_FL_UNSHARE_RANGE = 0x40;
export const FALLOC_FL_WRITE_ZEROES = 0x80;
export const FALLOC_FLAGS = {
  unknown: 'FALLOC_FL_???',
  bits: {
    FALLOC_FL_KEEP_SIZE,
    FALLOC_FL_PUNCH_HOLE,
    FALLOC_FL_NO_HIDE_STALE,
    FALLOC_FL_COLLAPSE_RANGE,
    FALLOC_FL_ZERO_RANGE,
    FALLOC_FL_INSERT_RANGE,
    FALLOC_FL_UNSHARE_RANGE,
    FALLOC_FL_WRITE_ZEROES,
  },
} as const;

/** memfd_create(2), linux/memfd.h. */
export const MFD_CLOEXEC = 1;
export const MFD_ALLOW_SEALING = 2;
export const MFD_HUGETLB = 4;
export const MFD_NOEXEC_SEAL = 8;
export const MFD_EXEC = 16;
/** The binary logarithm of the size of huge pages is in the bits from here up. */
export const MFD_HUGE_SHIFT = 26;
export const MFD_FLAGS = {
  unknown: 'MFD_???',
  bits: { MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB, MFD_NOEXEC_SEAL, MFD_EXEC },
} as const;
export const F_SEAL_SEAL = 1;
export const F_SEAL_SHRINK = 2;
export const F_SEAL_GROW = 4;
export const F_SEAL_WRITE = 8;
export const F_SEAL_FUTURE_WRITE = 16;
export const F_SEAL_EXEC = 32;
export const SEALS = {
  unknown: 'F_SEAL_???',
  bits: { F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE, F_SEAL_EXEC },
} as const;

/** splice(2), linux/splice.h. */
export const SPLICE_F_MOVE = 1;
export const SPLICE_F_NONBLOCK = 2;
export const SPLICE_F_MORE = 4;
export const SPLICE_F_GIFT = 8;
export const SPLICE_FLAGS = {
  unknown: 'SPLICE_F_???',
  bits: { SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE, SPLICE_F_GIFT },
} as const;

/** preadv2(2), linux/fs.h. */
export const RWF_HIPRI = 0x01;
export const RWF_DSYNC = 0x02;
export const RWF_SYNC = 0x04;
export const RWF_NOWAIT = 0x08;
export const RWF_APPEND = 0x10;
export const RWF_NOAPPEND = 0x20;
export const RWF_FLAGS = {
  unknown: 'RWF_???',
  bits: { RWF_HIPRI, RWF_DSYNC, RWF_SYNC, RWF_NOWAIT, RWF_APPEND, RWF_NOAPPEND },
} as const;

/** posix_fadvise(2). */
export const FADVICE = {
  POSIX_FADV_NORMAL: 0,
  POSIX_FADV_RANDOM: 1,
  POSIX_FADV_SEQUENTIAL: 2,
  POSIX_FADV_WILLNEED: 3,
  POSIX_FADV_DONTNEED: 4,
  POSIX_FADV_NOREUSE: 5,
} as const;

/** sync_file_range(2). */
export const SYNC_RANGE_FLAGS = {
  unknown: 'SYNC_FILE_RANGE_???',
  bits: { SYNC_FILE_RANGE_WAIT_BEFORE: 1, SYNC_FILE_RANGE_WRITE: 2, SYNC_FILE_RANGE_WAIT_AFTER: 4 },
} as const;

/** close_range(2), linux/close_range.h. */
export const CLOSE_RANGE_UNSHARE = 2;
export const CLOSE_RANGE_CLOEXEC = 4;
export const CLOSE_RANGE_FLAGS = {
  unknown: 'CLOSE_RANGE_???',
  bits: { CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC },
} as const;

/** setxattr(2), linux/xattr.h. */
export const XATTR_CREATE = 1;
export const XATTR_REPLACE = 2;
export const XATTR_FLAGS = { unknown: 'XATTR_???', bits: { XATTR_CREATE, XATTR_REPLACE } } as const;
export const XATTR_NAME_MAX = 255;
export const XATTR_SIZE_MAX = 65536;
export const XATTR_LIST_MAX = 65536;

/** mount(2) and umount2(2), linux/mount.h. */
export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_SYNCHRONOUS = 16;
export const MS_REMOUNT = 32;
export const MS_MANDLOCK = 64;
export const MS_DIRSYNC = 128;
export const MS_NOSYMFOLLOW = 256;
export const MS_NOATIME = 1024;
export const MS_NODIRATIME = 2048;
export const MS_BIND = 4096;
export const MS_MOVE = 8192;
export const MS_REC = 16384;
export const MS_SILENT = 32768;
export const MS_UNBINDABLE = 1 << 17;
export const MS_PRIVATE = 1 << 18;
export const MS_SLAVE = 1 << 19;
export const MS_SHARED = 1 << 20;
export const MS_RELATIME = 1 << 21;
export const MS_STRICTATIME = 1 << 24;
export const MS_LAZYTIME = 1 << 25;
export const MOUNT_FLAGS = {
  unknown: 'MS_???',
  bits: {
    MS_RDONLY,
    MS_NOSUID,
    MS_NODEV,
    MS_NOEXEC,
    MS_SYNCHRONOUS,
    MS_REMOUNT,
    MS_MANDLOCK,
    MS_DIRSYNC,
    MS_NOSYMFOLLOW,
    MS_NOATIME,
    MS_NODIRATIME,
    MS_BIND,
    MS_MOVE,
    MS_REC,
    MS_SILENT,
    MS_UNBINDABLE,
    MS_PRIVATE,
    MS_SLAVE,
    MS_SHARED,
    MS_RELATIME,
    MS_STRICTATIME,
    MS_LAZYTIME,
  },
} as const;
export const MNT_FORCE = 1;
export const MNT_DETACH = 2;
export const MNT_EXPIRE = 4;
export const UMOUNT_NOFOLLOW = 8;
export const UMOUNT_FLAGS = {
  unknown: 'MNT_???',
  bits: { MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW },
} as const;

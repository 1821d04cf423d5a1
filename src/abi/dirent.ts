// Directory entries as getdents(2) and getdents64(2) write them (linux/dirent.h).

export const DT_UNKNOWN = 0;
export const DT_FIFO = 1;
export const DT_CHR = 2;
export const DT_DIR = 4;
export const DT_BLK = 6;
export const DT_REG = 8;
export const DT_LNK = 10;
export const DT_SOCK = 12;
export const DT_WHT = 14;

/** DT_* of an st_mode: the file type bits, shifted (glibc's IFTODT). */
export const direntType = (mode: number): number => (mode & 0o170000) >> 12;

/** Bytes before the name in struct linux_dirent64 (d_ino, d_off, d_reclen, d_type). */
export const DIRENT64_NAME = 19;
/** Bytes before the name in struct linux_dirent; d_type is its last byte, after the name. */
export const DIRENT_NAME = 18;

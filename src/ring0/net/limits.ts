// Limits of networking, as /proc/sys/net tells them.

/** net.core.wmem_default and rmem_default, and the most that a program may ask for: bytes of kernel memory. */
export const DEFAULT_BUFFER = 212992;
/** Most connections that wait to be accepted. */
export const SOMAXCONN = 4096;
/** Most control data of a message. */
export const OPTMEM_MAX = 131072;
/** Datagrams that may wait in a queue, less one. */
export const MAX_DGRAM_QLEN = 10;

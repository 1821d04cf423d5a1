// POSIX ACLs as extended attributes carry them (acl(5); linux/posix_acl_xattr.h).

export const ACL_ACCESS = 'system.posix_acl_access';
export const ACL_DEFAULT = 'system.posix_acl_default';

/** What the value begins with. */
export const ACL_VERSION = 2;
/** Bytes of that, and of each entry: tag and permissions of 16 bits each, id of 32. */
export const ACL_HEADER = 4;
export const ACL_ENTRY = 8;

export const ACL = {
  userObj: 0x01,
  user: 0x02,
  groupObj: 0x04,
  group: 0x08,
  mask: 0x10,
  other: 0x20,
} as const;

/** The id of entries that name nobody. */
export const ACL_UNDEFINED_ID = 0xffffffff;

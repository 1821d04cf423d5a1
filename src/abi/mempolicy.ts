// Memory policies (set_mempolicy(2), mbind(2), move_pages(2)): the numbers of linux/mempolicy.h.

export const MPOL = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5,
  MPOL_WEIGHTED_INTERLEAVE: 6,
} as const;

export const MPOL_F_STATIC_NODES = 1 << 15;
export const MPOL_F_RELATIVE_NODES = 1 << 14;

export const MPOL_F_NODE = 1;
export const MPOL_F_ADDR = 2;
export const MPOL_F_MEMS_ALLOWED = 4;
export const GET_TABLE = {
  unknown: 'MPOL_F_???',
  bits: { MPOL_F_NODE, MPOL_F_ADDR, MPOL_F_MEMS_ALLOWED },
} as const;

export const MPOL_MF_STRICT = 1;
export const MPOL_MF_MOVE = 2;
export const MPOL_MF_MOVE_ALL = 4;
export const MF_TABLE = {
  unknown: 'MPOL_MF_???',
  bits: { MPOL_MF_STRICT, MPOL_MF_MOVE, MPOL_MF_MOVE_ALL },
} as const;
export const MODE_TABLE = {
  unknown: 'MPOL_???',
  field: { mask: 0xff, values: MPOL },
  bits: { MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES },
} as const;

export const PKEY_ACCESS = { PKEY_DISABLE_ACCESS: 1, PKEY_DISABLE_WRITE: 2 } as const;

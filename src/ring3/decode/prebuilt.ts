// The decoder's tables as tables.ts packs them. The build puts the bytes here (gen/build.mjs), so that programs
// start without compiling the opcode table; running from sources, they are made from the rows.

export const prebuilt: Uint8Array | null = null;

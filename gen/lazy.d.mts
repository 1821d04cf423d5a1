import type { Plugin } from 'esbuild';

/** `sources`: the folder of the modules, with a slash at its end; `isLazy` gets paths from there. */
export const lazyRooms: (sources: string, isLazy: (path: string) => boolean) => Plugin;

// What `kanmon` runs first. It loads the command line, one of two bundles beside it, with the code that V8 made of it
// when it was built: reading and compiling a megabyte of JavaScript would take longer than many programs run.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { setEngineFlag } from '../host/engine.ts';
import { readLarge } from '../host/large-files.ts';
import { reserveMemory } from '../host/memory.ts';

/** The bundles, and names for their contents; set by gen/build.mjs. */
declare const BUNDLES: { readonly main: string; readonly 'main-run': string };

const [, , command, ...rest] = process.argv;
if ((command === 'run' || command === 'trace') && !rest.some((a) => a.startsWith('--memory')))
  reserveMemory();
// What is made at start lives as long as the machine: fewer, larger collections of young objects copy it less often.
setEngineFlag('--semi-space-growth-factor=8');

/** All commands, or `run` alone without what only --show-door needs. */
const bundle = command === 'run' && !rest.some((a) => a.startsWith('--show-door')) ? 'main-run' : 'main';
const main = join(__dirname, `${bundle}.cjs`);
/** Only the V8 that made the code takes it. */
const codeFile = join(__dirname, `${bundle}-${BUNDLES[bundle]}-${process.versions.v8}.code`);
/**
 * Set by the build. `1`: run without code, and write what has been compiled by the end; `check`: fail if the code of
 * the bundle is not taken.
 */
const mode = process.env.KANMON_MAKE_CODE;
const making = mode === '1';

if (making || existsSync(codeFile)) {
  // The bundle is ASCII, and a function already: V8 would copy a text that is put together.
  const text = readLarge(main).toString('latin1');
  const script = new Script(text, {
    filename: main,
    ...(making ? {} : { cachedData: readLarge(codeFile) }),
  });
  if (making) {
    // Functions that have not run for a while would be left out, and those that V8's baseline compiler has met would
    // be compiled by it when they are called first. The flags are part of what must match.
    setEngineFlag('--no-flush-bytecode');
    setEngineFlag('--no-sparkplug');
    process.on('exit', () => {
      setEngineFlag('--flush-bytecode');
      setEngineFlag('--sparkplug');
      writeFileSync(codeFile, script.createCachedData());
    });
  }
  if (mode === 'check' && script.cachedDataRejected) throw new Error('the code does not fit');
  script.runInThisContext()(require, __dirname);
} else {
  // Another Node than the one that built this; from version 22 on it keeps such code by itself.
  const modules = process.getBuiltinModule('node:module');
  if ('enableCompileCache' in modules && typeof modules.enableCompileCache === 'function') {
    modules.enableCompileCache();
  }
  require(main)(require, __dirname);
}

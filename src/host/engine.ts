// Flags of V8, which Node hands on. Its module for that, node:v8, makes streams and what they stand on as well: 4 ms, as
// much as a tenth of Node's own start. Node's older way to the same function does without, as long as there is one.

type SetFlag = (flag: string) => void;

const fromBinding = (): SetFlag | null => {
  const { noDeprecation } = process;
  try {
    // It is deprecated, and says so otherwise.
    process.noDeprecation = true;
    const { binding } = process as unknown as { binding(name: string): { setFlagsFromString?: unknown } };
    const { setFlagsFromString } = binding('v8');
    return typeof setFlagsFromString === 'function' ? (flag) => setFlagsFromString(flag) : null;
  } catch {
    return null;
  } finally {
    process.noDeprecation = noDeprecation ?? false;
  }
};

let setFlag: SetFlag | undefined;
/** Sets a flag of V8, such as `--no-liftoff`. Flags can be set at any time, but not all are looked at again. */
export const setEngineFlag = (flag: string): void => {
  setFlag ??= fromBinding() ?? ((f) => process.getBuiltinModule('node:v8').setFlagsFromString(f));
  setFlag(flag);
};

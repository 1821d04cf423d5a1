// Tables that most programs end without having needed: what is inside a function that is never called costs nothing.

/** Calls `make` when the value is first asked for, and never again. */
export const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};

// The caller's terminal, lent to a program: raw while the program runs, its size passed on, and given back as it
// was whatever happens.

/** Rows and columns of our terminal, or what terminals have always had. */
export const terminalSize = (): { rows: number; columns: number } => ({
  rows: process.stdout.rows || 24,
  columns: process.stdout.columns || 80,
});

/**
 * Reports changes of our terminal's size and, if its keys go to the program, makes it raw, so that every key goes
 * to the machine's own line discipline. The function returned gives it back.
 */
export const lendTerminal = (
  resized: (size: { rows: number; columns: number }) => void,
  keys: boolean,
): (() => void) => {
  const { stdout } = process;
  const stdin = keys ? process.stdin : { isTTY: false, setRawMode: () => {} };
  const onResize = (): void => resized(terminalSize());
  const restore = (): void => {
    if (stdin.isTTY) stdin.setRawMode(false);
  };
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    // Node leaves output processing on, which would change every newline that a full-screen program sends.
    // The module takes longer to load than a small program to run.
    const { spawnSync } = process.getBuiltinModule('node:child_process');
    spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
  }
  stdout.on('resize', onResize);
  process.on('exit', restore);
  return () => {
    stdout.off('resize', onResize);
    process.off('exit', restore);
    restore();
  };
};

// What is measured: system calls (programs that time themselves), start-up and work (whole processes, timed from
// outside). An item names its command with the places of the prepared files filled in.

/**
 * @typedef {object} Item
 * @property {string} name
 * @property {'calls' | 'start-up' | 'work'} group
 * @property {readonly string[]} argv the program, by name or path, and its arguments
 * @property {number} [goal] the most that kanmon may take, as a multiple of native
 * @property {'children'} [execs] the item is about programs that the program starts: under qemu-user those run natively
 * @property {true} [nativeOnly] a yardstick
 */

/** Names of the prepared files in the folder `dir`. */
export const files = (dir) => ({
  hello: `${dir}/hello`,
  helloDynamic: `${dir}/hello-dynamic`,
  calls: `${dir}/calls`,
  doubles: `${dir}/doubles`,
  integers: `${dir}/integers`,
  words: `${dir}/words`,
  text: `${dir}/text`,
  long: `${dir}/long`,
  bytes: `${dir}/bytes`,
  compressed: `${dir}/text.gz`,
  preprocessed: `${dir}/compiled.i`,
  perl: `${dir}/text.pl`,
  python: `${dir}/objects.py`,
});

/** @returns {readonly Item[]} */
export const items = (dir, { callMs, cc1 }) => {
  const f = files(dir);
  const call = (name, what, rest = {}) => ({
    name,
    group: 'calls',
    argv: [f.calls, what, `${callMs}`, f.hello],
    ...rest,
  });
  const start = (name, argv, rest = {}) => ({ name, group: 'start-up', argv, ...rest });
  const work = (name, argv) => ({ name, group: 'work', argv });
  // What is called work runs natively for half a second or more, also when the machine is quick: what it takes to
  // start is measured by itself.
  return [
    call('getpid', 'getpid', { goal: 1.5 }),
    call('read 1 byte of /dev/zero', 'read', { goal: 1.5 }),
    call('write 1 byte to /dev/null', 'write'),
    call('stat', 'stat', { goal: 3 }),
    call('open + close', 'open'),
    call('pipe ping-pong', 'pingpong', { goal: 1 }),
    call('fork + wait', 'fork', { goal: 5 }),
    call('fork + exec + wait', 'exec', { execs: 'children' }),
    start('hello, static', [f.hello]),
    start('hello, dynamic', [f.helloDynamic]),
    start('bash -c :', ['bash', '-c', ':']),
    start('python3 -c 1', ['python3', '-c', '1']),
    start('node -e 0', ['node', '-e', '0'], { nativeOnly: true }),
    work('xz -6', ['xz', '-6', '-T1', '-c', f.bytes]),
    work('gzip -6', ['gzip', '-6', '-c', f.text, f.text]),
    work('gunzip', ['gzip', '-dc', f.compressed]),
    work('sha256sum', ['sha256sum', ...Array.from({ length: 8 }, () => f.long)]),
    work('sort', ['sort', f.long, f.long]),
    work('mawk', [
      'mawk',
      '{ for (i = 1; i <= NF; i++) n[$i]++ } END { for (w in n) s += n[w]; print s, NR }',
      f.long,
    ]),
    work('perl', ['perl', f.perl, f.text]),
    work('python3', ['python3', f.python]),
    work('gcc -O2 (cc1)', [cc1, '-quiet', '-O2', f.preprocessed, '-o', '/dev/stdout']),
    work('C++ program', [f.words, f.long]),
    work('matmul, doubles', [f.doubles, 'matmul']),
    work('n-body, doubles', [f.doubles, 'nbody']),
    work('sieve', [f.integers, 'sieve']),
    work('FNV hash', [f.integers, 'fnv']),
    work('shell sort', [f.integers, 'shellsort']),
    work('pointer chase', [f.integers, 'chase']),
    work('fib(41), recursive', [f.integers, 'fib']),
  ];
};

// Rooms that most programs never enter are furnished when somebody comes in. A plugin for esbuild puts what is at the top
// level of such a module into a function, and in the place of each function that it exports one that calls that first:
//
//     export const shut = (s) => s.drop(LIMIT);          let shut$ = (...args) => ($load(), shut$(...args));
//     const LIMIT = limits();                       =>   export const $load = () => { if ($loaded) return; $loaded = true;
//                                                          const shut = (s) => s.drop(LIMIT); const LIMIT = limits();
//                                                          shut$ = shut; };
//                                                        export { shut$ as shut };
//
// Once loaded, whoever imports `shut` has the function itself. Such modules may take anything from each other: whoever
// takes what is no function loads it with itself. The others may only take functions; the build fails where they do not.
// A start is shorter by what the top level does, and by what V8 would keep of each function there, called or not.
// Nothing of this is in the sources: tests and the library run the modules as they are.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { transform } from 'esbuild';

/** As esbuild prints them: imports come first, exports last. */
const IMPORT = /^import (?:[^"]*? from )?"[^"]+";\n/gm;
const EXPORT = /^export \{\n([^}]*)\n\};\n/m;

/** What is in braces: pairs of the name on the left and the one on the right of `as`. */
const names = (clause) =>
  clause
    .split(',')
    .map((s) => s.trim())
    .filter((s) => s !== '')
    .map((s) => s.split(' as '))
    .map(([name, as = name]) => [name, as]);

/** Whether a name of the top level is a function, as far as its declaration shows. */
const isFunction = (text, name) => {
  if (new RegExp(`^(async )?function\\*? ${name}\\(`, 'm').test(text)) return true;
  const found = new RegExp(`^const ${name} = (async )?\\(`, 'm').exec(text);
  if (!found) return false;
  let at = found.index + found[0].length;
  for (let depth = 1; depth > 0; at++) depth += text[at] === '(' ? 1 : text[at] === ')' ? -1 : 0;
  return text.startsWith(' => ', at);
};

/** A module of ours: its code without types, and what it imports from others of ours and exports. */
const readModule = async (path) => {
  const { code, map } = await transform(readFileSync(path, 'utf8'), {
    loader: 'ts',
    format: 'esm',
    target: 'node20',
    charset: 'ascii',
    sourcemap: 'external',
    sourcefile: path,
    tsconfigRaw: '{}',
  });
  const imports = [];
  let start = 0;
  for (const [text] of code.matchAll(IMPORT)) {
    start = code.indexOf(text, start) + text.length;
    const from = /"([^"]+)";\n$/.exec(text)[1];
    if (!from.startsWith('.')) continue;
    const clause = /\{([^}]*)\}/.exec(text);
    for (const [name, as] of clause ? names(clause[1]) : [['*', '*']])
      imports.push({ name, as, from, path: resolve(dirname(path), from) });
  }
  const last = EXPORT.exec(code);
  return {
    imports,
    exports: last ? names(last[1]) : [],
    head: code.slice(0, start),
    body: code.slice(start, last?.index),
    map,
  };
};

/** Makes modules lazy whose path `isLazy`, given from the root of the sources. */
export const lazyRooms = (sources, isLazy) => ({
  name: 'lazy rooms',
  setup({ onLoad }) {
    const modules = new Map();
    const moduleAt = (path) => {
      const known = modules.get(path) ?? readModule(path);
      modules.set(path, known);
      return known;
    };
    const lazy = (path) => path.startsWith(sources) && isLazy(path.slice(sources.length));
    const exportsFunction = async (path, exported) => {
      const { imports, exports, body } = await moduleAt(path);
      const name = exports.find(([, as]) => as === exported)?.[0];
      const passed = imports.find((i) => i.as === name);
      if (passed) return exportsFunction(passed.path, passed.name);
      return name !== undefined && isFunction(body, name);
    };

    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!path.startsWith(sources)) return undefined;
      const { imports, exports, head, body, map } = await moduleAt(path);
      const first = new Set();
      for (const i of imports)
        if (lazy(i.path) && !(await exportsFunction(i.path, i.name))) {
          if (!lazy(path))
            return { errors: [{ text: `${path}: ${i.name} of ${i.from} is no function, and lazy` }] };
          first.add(i.from);
        }
      if (!lazy(path)) return undefined;
      const own = exports.filter(([name]) => !imports.some((i) => i.as === name));
      const passed = exports.filter(([name]) => imports.some((i) => i.as === name));
      // On one line with what follows: the source map stays right.
      const before = [
        ...[...first].map((from, n) => `import { $load as $load${n} } from ${JSON.stringify(from)};`),
        'let $loaded = false;',
        ...own.map(([name]) =>
          isFunction(body, name)
            ? `let ${name}$ = (...args) => ($load(), ${name}$(...args));`
            : `let ${name}$;`,
        ),
        'export const $load = () => { if ($loaded) return; $loaded = true;',
        ...[...first].map((_, n) => `$load${n}();`),
      ];
      const after = [
        ...own.map(([name]) => `${name}$ = ${name};`),
        '};',
        `export { ${[...own.map(([name, as]) => `${name}$ as ${as}`), ...passed.map(([name, as]) => `${name} as ${as}`)].join(', ')} };`,
        `//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}`,
      ];
      return { loader: 'js', contents: `${head}${before.join(' ')}${body}${after.join('\n')}\n` };
    });
  },
});

// The table that the benchmark prints.

export const median = (values) => {
  const v = values.toSorted((a, b) => a - b);
  const half = v.length >> 1;
  return v.length % 2 === 1 ? v[half] : (v[half - 1] + v[half]) / 2;
};

export const geometricMean = (values) =>
  Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);

const UNITS = { calls: 'ns a call', 'start-up': 'ms', work: 's' };
const TITLES = { calls: 'System calls', 'start-up': 'Start-up', work: 'Work' };

const figure = (group, v) =>
  group === 'work' ? v.toFixed(2) : v >= 100 ? Math.round(v).toLocaleString('en') : v.toFixed(1);
const ratio = (v) => `${v < 10 ? v.toFixed(2) : v.toFixed(1)}x`;

export const print = ({ machine, runs, cpu, systems, rows }) => {
  console.log(`${machine}; ${runs === 1 ? 'one run' : `medians of ${runs} runs`}${cpu ? ', CPU time' : ''}`);
  const others = systems.filter((s) => s.name !== 'native');
  const line = (cells) =>
    console.log(
      cells
        .map((c, i) => (i === 0 ? c.padEnd(27) : c.padStart(i === 1 ? 11 : 10)))
        .join('')
        .trimEnd(),
    );
  for (const group of Object.keys(UNITS)) {
    const of = rows.filter((r) => r.group === group);
    if (of.length === 0) continue;
    console.log('');
    line([
      `${TITLES[group]} (${UNITS[group]})`,
      'native',
      ...others.flatMap((s) => [s.name, 'ratio']),
      'goal',
    ]);
    const ratios = new Map(others.map((s) => [s.name, []]));
    for (const row of of) {
      const native = row.results.native.value;
      line([
        row.name,
        native === null ? row.results.native.failed : figure(group, native),
        ...others.flatMap((s) => {
          const { value, failed } = row.results[s.name];
          if (value === null) return [failed, ''];
          if (native === null) return [figure(group, value), ''];
          ratios.get(s.name).push(value / native);
          return [figure(group, value), ratio(value / native)];
        }),
        row.goal === null ? '' : `<= ${row.goal}`,
      ]);
    }
    if (of.length > 1) {
      line([
        'geometric mean',
        '',
        ...others.flatMap((s) => {
          const r = ratios.get(s.name);
          return ['', r.length === 0 ? '' : ratio(geometricMean(r))];
        }),
        group === 'work' ? '<= 4' : '',
      ]);
    }
  }
  const value = (name, system) => rows.find((r) => r.name === name)?.results[system]?.value ?? null;
  const hello = value('hello, static', 'kanmon');
  const node = value('node -e 0', 'native');
  console.log('');
  if (hello !== null && node !== null) {
    console.log(
      `kanmon's static hello takes ${Math.round(hello - node)} ms more than node -e 0; goal: at most 80`,
    );
  }
  for (const s of systems) if (s.absent !== null) console.log(`${s.name}: not measured: ${s.absent}`);
};

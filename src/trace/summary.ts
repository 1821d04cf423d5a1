// strace -c: how often each call was made, how often it failed and how long it took.

import type { TraceListener } from './tracer.ts';

export type SortBy = 'time' | 'calls' | 'errors' | 'name' | 'avg-time' | 'nothing';

interface Count {
  readonly name: string;
  calls: number;
  errors: number;
  ns: number;
}

export interface Summary extends TraceListener {
  /** The table, with its total. */
  table(sort?: SortBy): string;
}

const ORDERS: Readonly<Record<SortBy, (a: Count, b: Count) => number>> = {
  time: (a, b) => b.ns - a.ns || b.calls - a.calls,
  calls: (a, b) => b.calls - a.calls,
  errors: (a, b) => b.errors - a.errors,
  name: (a, b) => (a.name < b.name ? -1 : 1),
  'avg-time': (a, b) => b.ns / b.calls - a.ns / a.calls,
  nothing: () => 0,
};

export const summary = (): Summary => {
  const counts = new Map<string, Count>();
  return {
    leave: (_open, _late, event) => {
      let count = counts.get(event.name);
      if (count === undefined) {
        count = { name: event.name, calls: 0, errors: 0, ns: 0 };
        counts.set(event.name, count);
      }
      count.calls++;
      if (event.result !== null) count.ns += event.durationNs;
      if (event.result !== null && event.result < 0) count.errors++;
    },
    table: (sort = 'time') => {
      const rows = [...counts.values()].sort(ORDERS[sort]);
      const sum = { name: 'total', calls: 0, errors: 0, ns: 0 };
      for (const row of rows) {
        sum.calls += row.calls;
        sum.errors += row.errors;
        sum.ns += row.ns;
      }
      const width = Math.max(16, ...rows.map((r) => r.name.length));
      const one = (r: Count, share: number): string =>
        [
          share.toFixed(2).padStart(6),
          (r.ns / 1e9).toFixed(6).padStart(11),
          String(r.calls === 0 ? 0 : Math.round(r.ns / 1000 / r.calls)).padStart(11),
          String(r.calls).padStart(9),
          (r.errors === 0 ? '' : String(r.errors)).padStart(9),
          r.name,
        ].join(' ');
      const rule = ['------', '-----------', '-----------', '---------', '---------', '-'.repeat(width)].join(
        ' ',
      );
      const head = '% time     seconds  usecs/call     calls    errors syscall';
      const body = rows.map((r) => one(r, sum.ns === 0 ? 0 : (100 * r.ns) / sum.ns));
      return `${[head, rule, ...body, rule, one(sum, 100)].join('\n')}\n`;
    },
  };
};

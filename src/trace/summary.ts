// strace -c: how often each call was made, how often it failed and how long it took.

import type { TraceListener } from './tracer.ts';

export const COLUMNS = [
  'time-percent',
  'total-time',
  'min-time',
  'max-time',
  'avg-time',
  'calls',
  'errors',
  'name',
] as const;
export type Column = (typeof COLUMNS)[number];
export type SortBy = Exclude<Column, 'time-percent'> | 'nothing';

const DEFAULT_COLUMNS: readonly Column[] = [
  'time-percent',
  'total-time',
  'avg-time',
  'calls',
  'errors',
  'name',
];

/** The other names that strace takes. */
const ALIASES: Readonly<Record<string, Column | 'nothing'>> = {
  time: 'time-percent',
  'time-total': 'total-time',
  shortest: 'min-time',
  'time-min': 'min-time',
  longest: 'max-time',
  'time-max': 'max-time',
  'time-avg': 'avg-time',
  count: 'calls',
  error: 'errors',
  syscall: 'name',
  'syscall-name': 'name',
  none: 'nothing',
  nothing: 'nothing',
};

const columnNamed = (text: string): Column | undefined => {
  const name = ALIASES[text] ?? text;
  return COLUMNS.find((c) => c === name);
};

/** -S. Undefined for what it does not know. */
export const sortNamed = (text: string): SortBy | undefined => {
  if (ALIASES[text] === 'nothing') return 'nothing';
  const column = columnNamed(text);
  return column === 'time-percent' ? 'total-time' : column;
};

/** -U: a list of columns; the name comes last unless it is in it. A string is an error message. */
export const columnsNamed = (text: string): readonly Column[] | string => {
  const columns: Column[] = [];
  for (const part of text.split(',')) {
    const column = columnNamed(part);
    if (column === undefined) return `there is no column ${part} (there are ${COLUMNS.join(', ')})`;
    if (columns.includes(column)) return `${part} is there twice`;
    columns.push(column);
  }
  return columns.includes('name') ? columns : [...columns, 'name'];
};

export interface SummaryOptions {
  readonly sort?: SortBy;
  readonly columns?: readonly Column[];
  /** -w: how long calls took, with what they waited, instead of processor time. */
  readonly wallClock?: boolean;
  /** -O: ns that are taken off each call. */
  readonly overheadNs?: number;
}

interface Count {
  readonly name: string;
  readonly number: number;
  calls: number;
  errors: number;
  ns: number;
  min: number;
  max: number;
}

export interface Summary extends TraceListener {
  /** The table, with its total. */
  table(): string;
}

const average = (c: Count): number => (c.calls === 0 ? 0 : c.ns / c.calls);

const ORDERS: Readonly<Record<SortBy, (a: Count, b: Count) => number>> = {
  'total-time': (a, b) => b.ns - a.ns || b.calls - a.calls,
  'min-time': (a, b) => b.min - a.min,
  'max-time': (a, b) => b.max - a.max,
  'avg-time': (a, b) => average(b) - average(a),
  calls: (a, b) => b.calls - a.calls,
  errors: (a, b) => b.errors - a.errors,
  name: (a, b) => (a.name < b.name ? -1 : 1),
  nothing: () => 0,
};

const asSeconds = (ns: number): string => (ns / 1e9).toFixed(6);

/** Heading, least width, and text of a count of which the table has so much in all. */
const FORMS: Readonly<Record<Column, readonly [string, number, (c: Count, sum: Count) => string]>> = {
  'time-percent': ['% time', 6, (c, sum) => (sum.ns === 0 ? 0 : (100 * c.ns) / sum.ns).toFixed(2)],
  'total-time': ['seconds', 11, (c) => asSeconds(c.ns)],
  'min-time': ['shortest', 8, (c) => asSeconds(c.min)],
  'max-time': ['longest', 8, (c) => asSeconds(c.max)],
  'avg-time': ['usecs/call', 11, (c) => String(Math.floor(average(c) / 1000))],
  calls: ['calls', 9, (c) => String(c.calls)],
  errors: ['errors', 9, (c) => (c.errors === 0 ? '' : String(c.errors))],
  name: ['syscall', 16, (c) => c.name],
};

export const summary = (options: SummaryOptions = {}): Summary => {
  const { sort = 'total-time', columns = DEFAULT_COLUMNS, wallClock = false, overheadNs = 0 } = options;
  const counts = new Map<string, Count>();
  return {
    leave: (_open, _late, event, ended) => {
      let count = counts.get(event.name);
      if (count === undefined) {
        const { name, number } = event;
        count = { name, number, calls: 0, errors: 0, ns: 0, min: Number.POSITIVE_INFINITY, max: 0 };
        counts.set(event.name, count);
      }
      count.calls++;
      const ns = event.result === null ? 0 : wallClock ? event.durationNs : ended.cpuNs;
      const own = Math.max(0, ns - overheadNs);
      count.ns += own;
      count.min = Math.min(count.min, own);
      count.max = Math.max(count.max, own);
      if (event.result !== null && event.result < 0) count.errors++;
    },
    table: () => {
      const rows = [...counts.values()].sort((a, b) => a.number - b.number).sort(ORDERS[sort]);
      const sum: Count = {
        name: 'total',
        number: 0,
        calls: 0,
        errors: 0,
        ns: 0,
        min: Math.min(...rows.map((r) => r.min), Number.POSITIVE_INFINITY),
        max: Math.max(...rows.map((r) => r.max), 0),
      };
      if (rows.length === 0) sum.min = 0;
      for (const row of rows) {
        sum.calls += row.calls;
        sum.errors += row.errors;
        sum.ns += row.ns;
      }
      const nameWidth = Math.max(FORMS.name[1], ...rows.map((r) => r.name.length + 1));
      const line = (cell: (column: Column) => string): string =>
        columns
          .map((column, i) => {
            const text = cell(column);
            if (column !== 'name') return text.padStart(FORMS[column][1]);
            return i === columns.length - 1 ? text : text.padEnd(nameWidth);
          })
          .join(' ');
      const rule = columns.map((c) => '-'.repeat(c === 'name' ? nameWidth : FORMS[c][1])).join(' ');
      const one = (c: Count): string => line((column) => FORMS[column][2](c, sum));
      // The whole is all of it even when no time was measured.
      const whole = line((c) => (c === 'time-percent' ? '100.00' : FORMS[c][2](sum, sum)));
      return `${[line((c) => FORMS[c][0]), rule, ...rows.map(one), rule, whole].join('\n')}\n`;
    },
  };
};

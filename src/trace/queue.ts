// Events between a machine that makes them and whoever takes them, later, by `for await`.

export interface EventQueue<T> {
  push(value: T): void;
  /** No more will come; what is there can still be taken, and then the error, if any, once. */
  end(error?: Error): void;
  /** Calls of `next` are answered in their order, also while several wait. */
  readonly iterator: AsyncIterableIterator<T>;
}

interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: Error): void;
}

/** Places taken at the front of the array before it is cut: shift() of a long one moves all of it. */
const CUT = 1024;

/** `full` is asked to end the queue when nobody has taken `limit` values; `left` when its reader returns. */
export const eventQueue = <T>(
  limit: number,
  handlers: { readonly full: () => void; readonly left: () => void },
): EventQueue<T> => {
  let values: T[] = [];
  let first = 0;
  let open = true;
  let failure: Error | null = null;
  const waiting: Waiter<T>[] = [];
  const done = { value: undefined, done: true } as const;

  const take = (): T => {
    const value = values[first++] as T;
    if (first >= CUT && first * 2 >= values.length) {
      values = values.slice(first);
      first = 0;
    }
    return value;
  };
  const end = (error?: Error): void => {
    if (!open) return;
    open = false;
    failure = error ?? null;
    for (const waiter of waiting.splice(0)) {
      if (failure === null) waiter.resolve(done);
      else waiter.reject(failure);
      failure = null;
    }
  };
  const iterator: AsyncIterableIterator<T> = {
    [Symbol.asyncIterator]: () => iterator,
    next() {
      if (first < values.length) return Promise.resolve({ value: take(), done: false });
      if (open) return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
      if (failure === null) return Promise.resolve(done);
      const error = failure;
      failure = null;
      return Promise.reject(error);
    },
    return() {
      values = [];
      first = 0;
      end();
      failure = null;
      handlers.left();
      return Promise.resolve(done);
    },
  };
  return {
    push(value) {
      if (!open) return;
      const waiter = waiting.shift();
      if (waiter !== undefined) waiter.resolve({ value, done: false });
      else if (values.length - first < limit) values.push(value);
      else handlers.full();
    },
    end,
    iterator,
  };
};

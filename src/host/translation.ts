// Translation on a thread of its own: a worker, started with the first batch, that makes modules while programs run
// on in the interpreter. What it has made is fetched when the machine asks, not when the event loop comes round.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MessagePort, Worker } from 'node:worker_threads';
import type { PackedBatch } from '../ring3/translate/translate.ts';
import type { MadeModule, TranslationService } from '../ring3/translate/translator.ts';
import { setPatience } from './machine-code.ts';

/** What the worker answers with: the batches come back in the order in which they were sent. */
export type Made = MadeModule | null;

/**
 * Null where there is no worker beside this file: when running from sources. `compiling` is called when
 * the thread for it has been started.
 */
export const translationWorker = (compiling: () => void): (TranslationService & { close(): void }) | null => {
  const file = join(import.meta.dirname, 'translation-worker.cjs');
  if (!existsSync(file)) return null;
  let worker: Worker | null = null;
  let port: MessagePort | null = null;
  let broken = false;
  const waiting: ((made: Made) => void)[] = [];
  let regions = 0;
  // Most programs end before anything is translated: the module is loaded when something is.
  const threads = (): typeof import('node:worker_threads') => process.getBuiltinModule('node:worker_threads');
  const open = (): MessagePort => {
    const { Worker, MessageChannel } = threads();
    const { port1, port2 } = new MessageChannel();
    worker = new Worker(file, { workerData: port2, transferList: [port2], stdin: false });
    worker.unref();
    port1.unref();
    const fail = (): void => {
      broken = true;
      for (const done of waiting.splice(0)) done(null);
    };
    worker.on('error', fail);
    worker.on('exit', fail);
    compiling();
    return port1;
  };
  return {
    prepare() {
      if (!broken) port ??= open();
    },
    submit(batch: PackedBatch, done) {
      if (broken) return false;
      waiting.push(done);
      regions += batch.regions.length;
      setPatience(regions);
      port ??= open();
      port.postMessage(batch);
      return true;
    },
    poll() {
      if (waiting.length === 0) return;
      const { receiveMessageOnPort } = threads();
      while (port && waiting.length > 0) {
        const got = receiveMessageOnPort(port) as { message: Made } | undefined;
        if (!got) return;
        waiting.shift()?.(got.message);
      }
    },
    close() {
      broken = true;
      waiting.length = 0;
      void worker?.terminate();
    },
  };
};

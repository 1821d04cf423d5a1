// The worker of translation.ts: batches in, modules out.

import { type MessagePort, workerData } from 'node:worker_threads';
import { helpers, semantics } from '../ring3/semantics/index.ts';
import type { PackedBatch } from '../ring3/translate/translate.ts';
import { createModuleMaker } from '../ring3/translate/translator.ts';

const port = workerData as MessagePort;
const make = createModuleMaker(semantics, helpers);
port.on('message', (batch: PackedBatch) => {
  try {
    port.postMessage(make(batch));
  } catch {
    // The code stays interpreted.
    port.postMessage(null);
  }
});

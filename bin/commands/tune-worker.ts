import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../../lib/core/errors';
import type { Demand } from '../../lib/simulation/tune';
import { runTask, type TuneResult, type TuneTask } from '../../lib/simulation/tune/task';
import type { TimeUnit, ValueKind } from '../../lib/simulation/traffic';
import { openWorkload } from '../../lib/traffic-file/open-workload';

// Entry point of one thread of `tidegate tune`: it computes the tasks that the pool of the main thread sends.

/** Data with which a worker starts. */
export interface WorkerStart {
  readonly trace: string;
  readonly seed: number;
  readonly timeUnit?: TimeUnit;
  readonly valueKind?: ValueKind;
}

/** Message to a worker: first the demand, then tasks. */
export type WorkerOrder =
  | { readonly kind: 'demand'; readonly demand: Demand }
  | { readonly kind: 'task'; readonly id: number; readonly task: TuneTask };

/** Message from a worker: the result of a task, or its error. */
export type WorkerReply =
  | { readonly id: number; readonly result: TuneResult }
  | { readonly id: number; readonly error: string; readonly badInput: boolean };

const start = workerData as WorkerStart;
const port = parentPort!;
// Every worker reads the trace itself, while the main thread walks through it.
const opened = openWorkload(start);
opened.catch(() => undefined);
let demand: Demand | undefined;

port.on('message', (order: WorkerOrder) => {
  if (order.kind === 'demand') demand = order.demand;
  else void replyTo(order.id, order.task).then((reply) => port.postMessage(reply));
});

async function replyTo(id: number, task: TuneTask): Promise<WorkerReply> {
  try {
    return { id, result: runTask(task, await opened, demand!) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { id, error: message, badInput: error instanceof InputError };
  }
}

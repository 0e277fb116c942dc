import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../../lib/core/errors';
import { openWorkload } from '../../lib/local/load/open-workload';
import type { Demand } from '../../lib/simulation/tuning';
import { work, type TuneAnswer, type TuneTask } from './tune-work';

/** What a worker is started with. */
export interface WorkerStart {
  readonly trace: string;
  readonly seed: number;
}

/** What a worker is told: the demand once, then tasks. */
export type WorkerOrder =
  | { readonly kind: 'demand'; readonly demand: Demand }
  | { readonly kind: 'task'; readonly id: number; readonly task: TuneTask };

/** What a worker tells. */
export type WorkerReply =
  | { readonly id: number; readonly answer: TuneAnswer }
  | { readonly id: number; readonly error: string; readonly badInput: boolean };

const { trace, seed } = workerData as WorkerStart;
const port = parentPort!;
// Every worker reads the trace itself, while the main thread walks through it.
const opened = openWorkload({ trace, seed, durationSeconds: null });
opened.catch(() => undefined);
let demand: Demand | undefined;

port.on('message', (order: WorkerOrder) => {
  if (order.kind === 'demand') demand = order.demand;
  else void answer(order.id, order.task).then((reply) => port.postMessage(reply));
});

async function answer(id: number, task: TuneTask): Promise<WorkerReply> {
  try {
    return { id, answer: work(task, await opened, demand!) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { id, error: message, badInput: error instanceof InputError };
  }
}

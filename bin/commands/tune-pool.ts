import { Worker } from 'node:worker_threads';
import { InputError } from '../../lib/core/errors';
import type { RehearsalOptions } from '../../lib/simulation/rehearse';
import type { Demand, Estimate, Figures, TuningExecutor } from '../../lib/simulation/tune';
import type { Workload } from '../../lib/simulation/traffic';
import { runTask, type TuneResult, type TuneTask } from '../../lib/simulation/tune/task';
import type { WorkerOrder, WorkerReply, WorkerStart } from './tune-worker';

/** Candidates of one task, the same for any number of workers, so that the result does not depend on it. */
const CANDIDATES_PER_TASK = 10;

/** Worker threads of `tidegate tune`, seen from the main thread: each free one takes the next task. Without any, the main thread computes. */
export class TuneWorkerPool {
  private readonly free: Worker[] = [];
  private readonly workers: Worker[] = [];
  private readonly waiting: { readonly task: TuneTask; readonly settle: (reply: WorkerReply) => void }[] = [];
  private readonly running = new Map<Worker, (reply: WorkerReply) => void>();
  private demand: Demand | undefined;
  private failure: WorkerReply | undefined;
  private nextId = 1;

  /** @param count number of threads; 0 for none */
  public constructor(
    private readonly traffic: Workload,
    count: number,
    workerFile: string | undefined,
    start: WorkerStart,
  ) {
    if (workerFile === undefined) return;
    for (let index = 0; index < count; index++) {
      const worker = new Worker(workerFile, { workerData: start });
      worker.on('message', (reply: WorkerReply) => this.ended(worker, reply));
      worker.on('error', (error) => this.lost(error));
      this.workers.push(worker);
      this.free.push(worker);
    }
  }

  /** Sends the demand to every thread; its arrays are shared, not copied. */
  public share(demand: Demand): void {
    this.demand = demand;
    for (const worker of this.workers) worker.postMessage({ kind: 'demand', demand } satisfies WorkerOrder);
  }

  /** Computes a task in the next free thread, or here. */
  public async run(task: TuneTask): Promise<TuneResult> {
    if (this.workers.length === 0) {
      // The progress bar and interrupts get their turn.
      await new Promise((resolve) => setImmediate(resolve));
      return runTask(task, this.traffic, this.demand!);
    }
    const reply =
      this.failure ??
      (await new Promise<WorkerReply>((settle) => {
        this.waiting.push({ task, settle });
        this.next();
      }));
    if ('result' in reply) return reply.result;
    throw reply.badInput ? new InputError(reply.error) : new Error(reply.error);
  }

  /** Ends the threads. */
  public async end(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private next(): void {
    while (this.free.length > 0 && this.waiting.length > 0) {
      const worker = this.free.pop()!;
      const { task, settle } = this.waiting.shift()!;
      this.running.set(worker, settle);
      worker.postMessage({ kind: 'task', id: this.nextId++, task } satisfies WorkerOrder);
    }
  }

  private ended(worker: Worker, reply: WorkerReply): void {
    const settle = this.running.get(worker);
    this.running.delete(worker);
    this.free.push(worker);
    settle?.(reply);
    this.next();
  }

  /** A thread died and its task is lost, so every task fails with the reason. */
  private lost(error: Error): void {
    const reply = { id: 0, error: `a thread of the tuning ended: ${error.message}`, badInput: false };
    this.failure = reply;
    for (const settle of this.running.values()) settle(reply);
    for (const { settle } of this.waiting.splice(0)) settle(reply);
  }
}

/** Executor of one tuning: splits the work into tasks for the pool and joins the results in order. */
export function pooledExecutor(pool: TuneWorkerPool, options: RehearsalOptions): TuningExecutor {
  return {
    async estimate(candidates, estimateOptions, onDone) {
      const parts: (typeof candidates)[] = [];
      for (let from = 0; from < candidates.length; from += CANDIDATES_PER_TASK) {
        parts.push(candidates.slice(from, from + CANDIDATES_PER_TASK));
      }
      const results = await Promise.all(
        parts.map(async (part) => {
          const result = await pool.run({ kind: 'estimate', candidates: part, options: estimateOptions });
          onDone(part.length);
          return result as readonly Estimate[];
        }),
      );
      return results.flat();
    },
    rehearse: (tasks, onDone) =>
      Promise.all(
        tasks.map(async ({ blueprint, untilSeconds }) => {
          const part = untilSeconds === undefined ? options : { ...options, toSeconds: untilSeconds };
          const result = await pool.run({ kind: 'rehearse', blueprint, options: part });
          onDone(1);
          return result as Figures;
        }),
      ),
  };
}

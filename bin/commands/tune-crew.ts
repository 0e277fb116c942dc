import { Worker } from 'node:worker_threads';
import { InputError } from '../../lib/core/errors';
import type { RehearsalOptions } from '../../lib/simulation/simulator';
import type { Demand, Estimate, Figures, TuningCrew } from '../../lib/simulation/tuning';
import type { Workload } from '../../lib/simulation/workload';
import { work, type TuneAnswer, type TuneTask } from './tune-work';
import type { WorkerOrder, WorkerReply, WorkerStart } from './tune-worker';

/** Candidates that one task estimates; the same for any number of workers. */
const CANDIDATES_A_TASK = 10;

/** Threads that do tasks in the order in which they become free; without any, the main thread does them. */
export class TuneThreads {
  private readonly free: Worker[] = [];
  private readonly workers: Worker[] = [];
  private readonly waiting: { readonly task: TuneTask; readonly settle: (reply: WorkerReply) => void }[] = [];
  private readonly running = new Map<Worker, (reply: WorkerReply) => void>();
  private demand: Demand | undefined;
  private failure: WorkerReply | undefined;
  private nextId = 1;

  /** @param count how many threads; 0 for none */
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

  /** Hands every thread the demand; its arrays are shared, not copied. */
  public share(demand: Demand): void {
    this.demand = demand;
    for (const worker of this.workers) worker.postMessage({ kind: 'demand', demand } satisfies WorkerOrder);
  }

  /** Does a task, here or in the next free thread. */
  public async do(task: TuneTask): Promise<TuneAnswer> {
    if (this.workers.length === 0) {
      // Lets the progress bar and interrupts have their turn.
      await new Promise((resolve) => setImmediate(resolve));
      return work(task, this.traffic, this.demand!);
    }
    const reply =
      this.failure ??
      (await new Promise<WorkerReply>((settle) => {
        this.waiting.push({ task, settle });
        this.next();
      }));
    if ('answer' in reply) return reply.answer;
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

  /** A thread died: what it was doing is lost, so everything fails with its reason. */
  private lost(error: Error): void {
    const reply = { id: 0, error: `a thread of the tuning ended: ${error.message}`, badInput: false };
    this.failure = reply;
    for (const settle of this.running.values()) settle(reply);
    for (const { settle } of this.waiting.splice(0)) settle(reply);
  }
}

/** The crew of one tuning: cuts the work into tasks and puts the answers back in order. */
export function tuneCrew(threads: TuneThreads, options: RehearsalOptions): TuningCrew {
  return {
    async estimate(candidates, estimateOptions, onDone) {
      const parts: (typeof candidates)[] = [];
      for (let from = 0; from < candidates.length; from += CANDIDATES_A_TASK) {
        parts.push(candidates.slice(from, from + CANDIDATES_A_TASK));
      }
      const answers = await Promise.all(
        parts.map(async (part) => {
          const answer = await threads.do({ kind: 'estimate', candidates: part, options: estimateOptions });
          onDone(part.length);
          return answer as readonly Estimate[];
        }),
      );
      return answers.flat();
    },
    rehearse: (tasks, onDone) =>
      Promise.all(
        tasks.map(async ({ blueprint, untilSeconds }) => {
          const part = untilSeconds === undefined ? options : { ...options, toSeconds: untilSeconds };
          const answer = await threads.do({ kind: 'rehearse', blueprint, options: part });
          onDone(1);
          return answer as Figures;
        }),
      ),
  };
}

import { PutParameterCommand } from '@aws-sdk/client-ssm';
import type { EpochSeconds } from '../../core/time';
import { formatBudget } from '../../cost/contract';
import { linkedController, pause } from '../../emulator/repeat';
import type { Workload } from '../../simulation/traffic';
import type { AwsClients } from '../deploy/aws';
import type { LocalPlatform } from '../deploy/local-platform';
import type { PlatformOutputs } from '../deploy/stack-outputs';
import type { LocalRunOptions } from '../options';
import type { Recorder } from '../recorder';
import { capacityDrop, firstPoolType } from './capacity-drop';
import { DeniedError } from './denied-calls';
import { Load } from './load';
import type { Outcomes } from './outcomes';
import { findPeak, planRequests } from './request-plan';
import { NO_TRAINING, trainDuringTraffic, type TrainingReport } from './training';
import { TrafficWatch, type TrafficWatchOptions } from './traffic-watch';

export interface TrafficOptions {
  readonly run: LocalRunOptions;
  readonly workload: Workload;
  readonly platform: LocalPlatform;
  readonly aws: AwsClients;
  readonly outputs: PlatformOutputs;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/** Result of the traffic, for the report. */
export interface TrafficResult extends Pick<TrafficWatch, 'guard' | 'fleet' | 'capacityErrors'> {
  readonly anchor: EpochSeconds;
  readonly outcomes: Outcomes;
  readonly queued: number;
  readonly retries: number;
  readonly spilled: number;
  readonly refusals: readonly string[];
  readonly failures: readonly string[];
  readonly training: TrainingReport;
  /** Result lines in S3 that were read, and those of them with the output of a model of the user. */
  readonly results: { readonly lines: number; readonly withOutput: number };
}

const MAX_TRAINING_MS = 90_000;
/** Maximum local time after the last outcome for the fleet to scale in: 15 minutes of the low alarm, and the scaling of about one more. */
const MAX_SETTLE_SECONDS = 1020;
const SETTLE_POLL_MS = 100;

/** Sends the traffic to the deployed platform, observes it, trains once, and collects the outcome of every request. */
export async function runTraffic(options: TrafficOptions): Promise<TrafficResult> {
  const { run, workload, platform, aws, outputs, recorder, signal } = options;
  const drop = run.chaos ? await planCapacityDrop(options) : undefined;
  const anchor = platform.clock.now();
  recorder.setHeader({ firstRequestAt: anchor });
  const trafficSeconds = workload.durationSeconds;
  await writeBudget(aws, outputs, run.budgetUsd, anchor, trafficSeconds);

  const halt = linkedController(signal);
  const onError = once((message) => recorder.event(platform.clock.now() - anchor, 'problem', message));
  const common = { platform, aws, outputs, recorder, anchor, trafficSeconds, onError };
  const load = new Load({
    ...common,
    workload,
    seed: run.seed,
    withMalformedRecords: run.trace === null,
    signal: halt.signal,
  });
  const watch = new TrafficWatch({ ...common, budgetUsd: run.budgetUsd, load, drop, halt, signal });

  const failures: string[] = [];
  let training: TrainingReport = NO_TRAINING;
  let drained = false;
  const trained = trainDuringTraffic({
    ...common,
    results: load.results,
    drained: () => drained,
    signal: halt.signal,
  })
    .then((report) => {
      training = report;
    })
    .catch((error: unknown) => {
      if (!halt.signal.aborted) failures.push(`training could not be run: ${(error as Error).message}`);
    });

  try {
    await sendAndDrain(options, load, watch, halt.signal);
    drained = true;
    recorder.step('settle', 'running', 'until the fleet is back at its minimum');
    await Promise.all([
      Promise.race([trained, pause(MAX_TRAINING_MS, halt.signal)]),
      settle(options, platform.clock.now() + MAX_SETTLE_SECONDS, halt.signal),
    ]);
    const { desired } = watch.fleet.observe();
    recorder.step('settle', 'done', desired === 1 ? '1 instance' : `${desired} instances`);
  } catch (error) {
    // A denied call ends the traffic early and the report has the reason. Any other error is a failure of the run itself.
    if (!(error instanceof DeniedError)) throw error;
    recorder.failRunningStep('stopped');
  } finally {
    watch.stop();
    halt.abort(new Error('the traffic has ended'));
    await watch.stopped();
    await trained;
    await load.close();
  }
  signal.throwIfAborted();
  const queued = await load.finalQueued();
  await watch.recordGuard();
  watch.fleet.sampleEnd(queued);

  return {
    anchor,
    outcomes: load.outcomes,
    queued,
    ...load.totals(),
    refusals: load.refusals,
    failures,
    training,
    results: { lines: load.results.resultRows(), withOutput: load.results.resultOutputs() },
    guard: watch.guard,
    fleet: watch.fleet,
    capacityErrors: watch.capacityErrors,
  };
}

/** Sends all requests and waits for their outcomes: the steps `traffic` and `drain`. */
async function sendAndDrain(
  { recorder, workload }: TrafficOptions,
  load: Load,
  watch: TrafficWatch,
  signal: AbortSignal,
): Promise<void> {
  recorder.step('traffic', 'running', '0 %');
  await load.driver.run(signal);
  watch.setAllSent();
  const sent = load.outcomes.totals().in;
  recorder.step('traffic', 'done', `${sent} requests in ${Math.round(workload.durationSeconds)} local seconds`);
  recorder.step('drain', 'running');
  await load.drain();
  const left = load.outcomes.unresolved();
  recorder.step('drain', 'done', left === 0 ? 'every request has an outcome' : `${left} without an outcome yet`);
}

async function planCapacityDrop({ run, workload, aws, outputs }: TrafficOptions): Promise<TrafficWatchOptions['drop']> {
  const peak = findPeak(planRequests(workload, run.seed));
  const instanceType = await firstPoolType(aws.sageMaker, outputs.EndpointName, outputs.VariantName);
  return { ...capacityDrop(peak, workload.durationSeconds), instanceType };
}

/** Sets the budget of the run, valid from its first request on. */
async function writeBudget(
  { ssm }: AwsClients,
  { BudgetParameterName: Name }: PlatformOutputs,
  amountUsd: number | null,
  anchor: EpochSeconds,
  trafficSeconds: number,
): Promise<void> {
  if (amountUsd === null) return;
  const Value = formatBudget({ amountUsd, periodStart: anchor, periodEnd: anchor + trafficSeconds }, anchor);
  await ssm.send(new PutParameterCommand({ Name, Value, Type: 'String', Overwrite: true }));
}

/** Waits until the fleet is back at its minimum, at most until a local time. */
async function settle({ platform, outputs }: TrafficOptions, until: EpochSeconds, signal: AbortSignal): Promise<void> {
  while (platform.clock.now() < until) {
    const { desired, minCapacity } = platform.fleet(outputs.EndpointName, outputs.VariantName);
    if (minCapacity === null || desired <= minCapacity) return;
    await pause(SETTLE_POLL_MS, signal);
    signal.throwIfAborted();
  }
}

/** Passes each message on only once. */
function once(action: (message: string) => void): (message: string) => void {
  const seen = new Set<string>();
  return (message) => {
    if (!seen.has(message)) action(message);
    seen.add(message);
  };
}

import { setMaxListeners } from 'node:events';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { formatBudget } from '../cost/contract';
import type { EpochSeconds } from '../core/time';
import { Random } from '../simulation/random';
import type { Workload } from '../simulation/workload';
import type { AwsClients } from './aws';
import { capacityDrop, firstPoolType } from './chaos';
import { GuardWatch } from './guard-watch';
import { DirectSender } from './load/direct-sender';
import { LoadDriver } from './load/load-driver';
import { Outcomes } from './load/outcomes';
import { findPeak, planPoison, planRequests } from './load/request-plan';
import { ResultsReader } from './load/results-reader';
import { StreamSender } from './load/stream-sender';
import type { LocalRunOptions } from './options';
import { describeEvent } from './platform-events';
import type { Platform } from './platform';
import { linkedController, pause, repeat } from './repeat';
import type { Recorder } from './report/recorder';
import { deniedText, type RunReport } from './report/run-report';
import type { StackOutputs } from './stack-outputs';
import { NO_TRAINING, runTraining, type TrainingReport } from './training-run';
import { FleetWatch } from './fleet-watch';

export interface TrafficOptions {
  readonly run: LocalRunOptions;
  readonly workload: Workload;
  readonly platform: Platform;
  readonly aws: AwsClients;
  readonly outputs: StackOutputs;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/** What the traffic left behind, for the report. */
export interface TrafficResult {
  readonly anchor: EpochSeconds;
  readonly outcomes: Outcomes;
  readonly queued: number;
  readonly retries: number;
  readonly spilled: number;
  readonly refusals: readonly string[];
  readonly failures: readonly string[];
  readonly training: TrainingReport;
  readonly guard: GuardWatch;
  readonly fleet: FleetWatch;
  readonly capacityErrors: RunReport['capacity']['errors'];
}

/** The share of the traffic after which training starts. */
const TRAINING_SHARE = 0.4;
const READ_RESULTS_MS = 700;
const WATCH_GUARD_MS = 500;
const WATCH_DENIED_MS = 1000;
const WATCH_BACKLOG_MS = 500;
/** After the first refused call, so that others of the same kind are told together. */
const GATHER_DENIED_MS = 3000;
/** The drain ends when so long (real) nothing has moved, or after the longest. */
const DRAIN_STALLED_MS = 12_000;
const DRAIN_LONGEST_MS = 30_000;
const TRAINING_LONGEST_MS = 90_000;
/** After the traffic the fleet may shrink: the low alarm takes 15 minutes, and what it decides about one. */
const SETTLE_SECONDS = 1020;
const KEPT_REFUSALS = 5;

/** Drives the traffic through the deployed platform, watches it, trains once, and counts what came of every request. */
export async function runTraffic(options: TrafficOptions): Promise<TrafficResult> {
  const { run, workload, platform, aws, outputs, recorder, signal } = options;
  const { clock } = platform;
  const peak = findPeak(planRequests(workload, run.seed));
  const drop = run.chaos ? capacityDrop(peak, workload.durationSeconds) : undefined;
  const chaosType = drop && (await firstPoolType(aws.sageMaker, outputs.EndpointName, outputs.VariantName));

  const anchor = clock.now();
  await writeBudget(aws, outputs, run.budgetUsd, anchor, workload.durationSeconds);

  const outcomes = new Outcomes();
  const refusals: string[] = [];
  const failures: string[] = [];
  const trouble = new Set<string>();
  const halt = linkedController(signal);
  const watching = linkedController(signal);
  setMaxListeners(0, halt.signal); // every request that waits for its next try listens
  const random = new Random(run.seed).fork('retries');
  const note = (message: string): void => {
    if (!trouble.has(message)) recorder.event(clock.now() - anchor, 'problem', message);
    trouble.add(message);
  };

  const stream = new StreamSender({
    kinesis: aws.kinesis,
    streamName: outputs.StreamName,
    clock,
    random,
    signal: halt.signal,
    onTrouble: note,
  });
  const connection = platform.connect(outputs.EndpointName);
  const direct: DirectSender = new DirectSender({
    invoke: connection.invoke,
    clock,
    random,
    signal: halt.signal,
    onAnswer: ({ id, sentAt = clock.now() }) => outcomes.answer(id, clock.now() - sentAt, clock.now()),
    onSpill: (request) => driver.sendToStream(request),
    onRefused: ({ id }, { statusCode, body }) => {
      if (refusals.length < KEPT_REFUSALS) refusals.push(`${id}: HTTP ${statusCode} ${body.slice(0, 200)}`);
    },
  });
  const driver: LoadDriver = new LoadDriver({
    clock,
    anchor,
    requests: planRequests(workload, run.seed),
    poison: run.trace === null ? planPoison(workload.durationSeconds) : [],
    direct,
    stream,
    outcomes,
  });
  const results = new ResultsReader({
    s3: aws.s3,
    bucketName: outputs.ResultsBucketName,
    outcomes,
    now: () => clock.now(),
    since: anchor,
  });
  const guard = new GuardWatch(aws.dynamodb, outputs.GuardTableName, anchor);
  const fleet = new FleetWatch({
    platform,
    outputs,
    anchor,
    driver,
    outcomes,
    guard,
    recorder,
    budgetUsd: run.budgetUsd,
  });

  const capacityErrors: RunReport['capacity']['errors'][number][] = [];
  const stopEvents = platform.onEvent((event) => {
    if (event.kind === 'capacity-error') {
      const { atSeconds, instanceType, fallbackInstanceType } = event;
      capacityErrors.push({ atSecond: Math.round(atSeconds - anchor), instanceType, fallbackInstanceType });
    }
    const described = describeEvent(event);
    if (described !== undefined) {
      recorder.event(event.atSeconds - anchor, described.kind, described.title, described.reason);
    }
  });
  const onError = (error: unknown): void => note(error instanceof Error ? error.message : String(error));
  let allSent = false;
  const watchers = [
    fleet.run(
      watching.signal,
      (share) => {
        if (!allSent) recorder.step('traffic', 'running', `${Math.floor(share * 100)} %`);
      },
      workload.durationSeconds,
    ),
    repeat(READ_RESULTS_MS, watching.signal, () => results.poll(), onError),
    repeat(WATCH_GUARD_MS, watching.signal, () => tellGuard(guard, recorder, anchor), onError),
    repeat(
      WATCH_BACKLOG_MS,
      watching.signal,
      async () => fleet.setStreamBacklog((await platform.streamBacklog(outputs.StreamName)) ?? 0),
      onError,
    ),
    repeat(WATCH_DENIED_MS, watching.signal, () => haltOnDenied(platform, recorder, anchor, halt), onError),
  ];
  if (drop !== undefined && chaosType !== undefined) {
    watchers.push(dropCapacity(platform, chaosType, anchor, drop, watching.signal));
  }

  let training: TrainingReport = NO_TRAINING;
  const trained = train({ ...options, anchor, signal: halt.signal, results })
    .then((report) => {
      training = report;
    })
    .catch((error: unknown) => {
      if (!halt.signal.aborted) failures.push(`training could not be run: ${(error as Error).message}`);
    });

  try {
    recorder.step('traffic', 'running', '0 %');
    await driver.run(halt.signal);
    allSent = true;
    recorder.step(
      'traffic',
      'done',
      `${outcomes.counts().in} requests in ${Math.round(workload.durationSeconds)} local seconds`,
    );
    recorder.step('drain', 'running');
    await drain(driver, outcomes, results, halt.signal);
    const left = outcomes.open();
    recorder.step('drain', 'done', left === 0 ? 'every request has its end' : `${left} without an end yet`);
    recorder.step('settle', 'running', 'until the fleet is back at its minimum');
    await Promise.all([
      Promise.race([trained, pause(TRAINING_LONGEST_MS, halt.signal)]),
      settle(options, anchor + workload.durationSeconds + SETTLE_SECONDS, halt.signal),
    ]);
    const { desired } = fleet.look();
    recorder.step('settle', 'done', desired === 1 ? '1 instance' : `${desired} instances`);
  } catch (error) {
    // A refused call ends the traffic early; the report then tells why. Anything else is a failure of the run itself.
    if (!(error instanceof DeniedError)) throw error;
    recorder.failRunningStep('stopped');
  } finally {
    stopEvents();
    watching.abort();
    halt.abort(new Error('the traffic has ended'));
    await Promise.all(watchers);
    await trained;
    connection.close();
  }
  signal.throwIfAborted();
  // What waits is counted before the answers are: whatever is answered in between then counts as answered.
  const waiting = ((await platform.streamBacklog(outputs.StreamName)) ?? 0) + driver.pending();
  await results.poll(true);
  await tellGuard(guard, recorder, anchor);
  fleet.look();

  return {
    anchor,
    outcomes,
    // A record of a batch under way may be answered already, so the engine's count is an upper bound; what has no end
    // and waits nowhere is lost, and shows in the sum.
    queued: Math.min(outcomes.open(), waiting),
    retries: direct.totals().retries + stream.totals().retries,
    spilled: direct.totals().spilled,
    refusals,
    failures,
    training,
    guard,
    fleet,
    capacityErrors,
  };
}

/** A call was refused: the deployed permissions lack something, and going on would only hide it. */
class DeniedError extends Error {}

async function haltOnDenied(
  platform: Platform,
  recorder: Recorder,
  anchor: EpochSeconds,
  halt: AbortController,
): Promise<void> {
  if (halt.signal.aborted) return;
  const [first] = await platform.deniedCalls();
  if (first === undefined) return;
  recorder.event(first.atSeconds - anchor, 'problem', deniedText(first));
  await pause(GATHER_DENIED_MS, halt.signal);
  halt.abort(new DeniedError(deniedText(first)));
}

/** The budget of the run, in force from its first request on. */
async function writeBudget(
  { ssm }: AwsClients,
  { BudgetParameterName: Name }: StackOutputs,
  amountUsd: number | null,
  anchor: EpochSeconds,
  trafficSeconds: number,
): Promise<void> {
  if (amountUsd === null) return;
  const Value = formatBudget({ amountUsd, periodStart: anchor, periodEnd: anchor + trafficSeconds });
  await ssm.send(new PutParameterCommand({ Name, Value, Type: 'String', Overwrite: true }));
}

async function tellGuard(guard: GuardWatch, recorder: Recorder, anchor: EpochSeconds): Promise<void> {
  for (const { atSeconds, level, previousLevel, reason } of await guard.poll()) {
    const title =
      level === previousLevel ? `Cost guard: limits changed at ${level}` : `Cost guard: ${previousLevel} → ${level}`;
    recorder.event(atSeconds - anchor, 'guard', title, reason);
  }
}

async function dropCapacity(
  platform: Platform,
  instanceType: string,
  anchor: EpochSeconds,
  drop: { readonly fromSecond: number; readonly toSecond: number },
  signal: AbortSignal,
): Promise<void> {
  try {
    await platform.clock.sleepUntil(anchor + drop.fromSecond, signal);
    platform.setCapacity(instanceType, 'insufficient');
    await platform.clock.sleepUntil(anchor + drop.toSecond, signal);
    platform.setCapacity(instanceType, 'available');
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function train(
  options: TrafficOptions & { readonly anchor: EpochSeconds; readonly results: ResultsReader },
): Promise<TrainingReport> {
  const { platform, aws, outputs, recorder, workload, anchor, signal, results } = options;
  await platform.clock.sleepUntil(anchor + workload.durationSeconds * TRAINING_SHARE, signal);
  const second = platform.clock.now() - anchor;
  recorder.step('training', 'running', 'execution started');
  recorder.event(
    second,
    'training',
    'Training started',
    `over ${results.resultObjects()} objects of answered requests`,
  );
  const report = await runTraining({
    sfn: aws.sfn,
    stateMachineArn: outputs.TrainingStateMachineArn,
    name: `run-${Math.round(anchor)}`,
    signal,
    trainingJobs: () => platform.trainingJobs(),
  });
  const succeeded = report.status === 'SUCCEEDED';
  recorder.step(
    'training',
    succeeded ? 'done' : 'failed',
    succeeded ? (report.modelArtifact?.split('/').at(-1) ?? 'no model') : (report.cause ?? ''),
  );
  recorder.event(
    platform.clock.now() - anchor,
    succeeded ? 'training' : 'problem',
    `Training ${report.status?.toLowerCase()}`,
    report.modelArtifact ?? report.cause ?? '',
  );
  return report;
}

/** Waits until every request has its end, as long as something moves. */
async function drain(
  driver: LoadDriver,
  outcomes: Outcomes,
  results: ResultsReader,
  signal: AbortSignal,
): Promise<void> {
  const started = Date.now();
  let moved = started;
  let open = outcomes.open();
  while (driver.pending() + open > 0) {
    signal.throwIfAborted();
    await pause(100, signal);
    const now = outcomes.open();
    if (now !== open) moved = Date.now();
    open = now;
    if (Date.now() - moved > DRAIN_STALLED_MS || Date.now() - started > DRAIN_LONGEST_MS) break;
  }
  await results.poll();
  signal.throwIfAborted();
}

/** Waits without traffic until the fleet is back at its minimum, so that its way back shows; or until a local moment. */
async function settle({ platform, outputs }: TrafficOptions, until: EpochSeconds, signal: AbortSignal): Promise<void> {
  while (platform.clock.now() < until) {
    const { desired, minCapacity } = platform.fleet(outputs.EndpointName, outputs.VariantName);
    if (minCapacity === null || desired <= minCapacity) return;
    await pause(100, signal);
    signal.throwIfAborted();
  }
}

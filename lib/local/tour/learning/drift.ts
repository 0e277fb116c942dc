import { DescribeExecutionCommand, ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { pause } from '../../../emulator/repeat';
import { recordAlarms } from '../alarms';
import { until, type TourResults } from '../context';
import { land } from './landed';
import { trainingMetricsOf } from './models';
import { type LearningContext, type LearningProgress, type MadeModel, requireNoDenials } from './progress';
import { generateRows, LATER_LABELS, percent, points } from './rows';

const LATER_REQUESTS = 600;
const LIVE_ROWS = 400;
/** Part of the name of the alarm on drift. */
const ALARM = 'TrafficDrifted';
/** Interval of looks at executions, real milliseconds. */
const LOOK_MS = 500;
const HOUR = 3600;

/** Output of an evaluation of an hour. */
interface Evaluation {
  readonly Status: string;
  readonly Hour: string;
  readonly Rows: number;
  readonly Drifted?: string;
}

/**
 * Waits until an hour without a drift was found stable, then sends traffic of labels that the model has not seen. The alarm has to go off, and start a
 * training that learns these labels from their requests alone.
 */
export async function driftStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  const { platform, outputs, seed } = context;
  const traffic = progress.get('traffic');
  const alarms = recordAlarms(context);
  const evaluations = () => endedExecutions<Evaluation>(context, outputs.DriftStateMachineArn);
  let stable: readonly Evaluation[] = [];
  await until(context, 'an hour without a drift is compared with the first', 5 * HOUR, async () => {
    stable = (await evaluations()).filter(({ Status }) => Status === 'stable');
    return stable.length > 0;
  });
  if (alarms.has(ALARM)) throw new Error('the alarm went off before the traffic drifted');

  const driftedAt = platform.clock.now();
  const later = (count: number, prefix: string) => generateRows(seed, LATER_LABELS, { count, prefix });
  traffic.changeTo(later(LIVE_ROWS, 'later-live'));
  const landed = await land(context, later(LATER_REQUESTS, 'later'));
  await until(context, 'the alarm on drift goes off', 3 * HOUR, () => alarms.has(ALARM));
  const alarmAfter = platform.clock.now() - driftedAt;
  alarms.end();
  const drifted = (await evaluations()).find(({ Status }) => Status === 'drifted');
  if (drifted === undefined) throw new Error('the alarm went off, and no hour had drifted');

  let runs: readonly MadeModel[] = [];
  await until(context, 'the training that the alarm started', 4 * HOUR, async () => {
    runs = await endedExecutions<MadeModel>(context, outputs.IncrementalStateMachineArn);
    return runs.length > 0;
  });
  const [failure] = traffic.failures;
  if (failure !== undefined) throw new Error(`${traffic.failures.length} requests failed, the first with ${failure}`);
  await requireNoDenials(context);
  const metrics = await trainingMetricsOf(context, runs[0]!);
  progress.set('incremental', runs[0]!);
  const { steps: fullSteps } = progress.get('trained');
  const learned = LATER_LABELS.map((label) => metrics.accuracyByLabel[label] ?? 0);
  const knows = Math.min(...learned);
  const forgotten = Math.max(...Object.values(metrics.forgetting).map(({ lost }) => lost));
  const minutes = Math.round(alarmAfter / 60);
  const columns = drifted.Drifted!.split(', ').length;
  return {
    summary:
      `no alarm in ${stable.length} h without a drift; alarm ${minutes} min after it began; the training it started learned ` +
      `${LATER_LABELS.join(' and ')} in ${metrics.steps} steps, ${percent(metrics.steps / fullSteps)} of the ${fullSteps} of the full one, and forgot at most ` +
      `${points(forgotten)} of the earlier ones`,
    hoursWithoutDrift: stable.length,
    alarmAfterMinutes: minutes,
    rowsOfTheDriftedHour: drifted.Rows,
    driftedColumns: columns,
    requestsWithNewLabels: landed.requests,
    rightBefore: landed.accuracy,
    steps: metrics.steps,
    stepsOfTheFullTraining: fullSteps,
    replayedRows: metrics.replayedRows,
    accuracyOfNewLabels: knows,
    forgottenOfEarlierLabels: forgotten,
  };
}

/** Outputs of the ended executions of a state machine; throws with the cause of one that failed. */
async function endedExecutions<Output>({ aws, signal }: LearningContext, stateMachineArn: string): Promise<Output[]> {
  await pause(LOOK_MS, signal);
  const { executions = [] } = await aws.sfn.send(new ListExecutionsCommand({ stateMachineArn }));
  const ended = executions.filter(({ status }) => status !== 'RUNNING');
  return Promise.all(
    ended.map(async ({ executionArn }) => {
      const { status, output, error, cause } = await aws.sfn.send(new DescribeExecutionCommand({ executionArn }));
      if (status !== 'SUCCEEDED') throw new Error(`an execution ended as ${status}: ${error ?? ''} ${cause ?? ''}`);
      return JSON.parse(output!) as Output;
    }),
  );
}

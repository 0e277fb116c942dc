import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { TourResults } from '../context';
import { LEARNING_TOUR } from '../../../platform/contract';
import { readJsonOf } from './artifact';
import { execute } from './executions';
import { putRows } from './landed';
import type { LearningContext, LearningProgress, MadeModel } from './progress';
import { generateRows, LATER_LABELS, percent } from './rows';

/** Rows of the labels that come later; as many of each label as of the first ones. */
const FROZEN_LATER_ROWS = 400;
const CALIBRATION_LATER_ROWS = 800;

/** Numbers of a training, from `metrics.json` of its artifact. */
export interface TrainingMetrics {
  readonly accuracy: number;
  readonly accuracyByLabel: { readonly [label: string]: number };
  readonly forgetting: { readonly [run: string]: { readonly lost: number } };
  readonly steps: number;
  readonly stepsOfThisAttempt: number;
  readonly processes: number;
  readonly newRows: number;
  readonly replayedRows: number;
  readonly heldOutRows: number;
}

/** Measures of a compression, from `report.json` of its artifact. */
interface CompressionReport {
  readonly chosen: string;
  readonly models: { readonly [name: string]: { readonly bytes: number; readonly accuracy: number } };
}

/** Trains on two instances on what has landed, takes them away in the middle, and sees the job go on from its checkpoint. */
export async function trainingStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  const { aws, outputs, platform } = context;
  context.note('two processes train, until their instances are taken away');
  const checkpoints = async (): Promise<number> => {
    const listed = new ListObjectsV2Command({ Bucket: outputs.ModelsBucketName, Prefix: 'checkpoints/' });
    return (await aws.s3.send(listed)).Contents?.length ?? 0;
  };
  let interruptions = 0;
  const model = await execute<MadeModel>(context, outputs.TrainingStateMachineArn, {}, async () => {
    const job = platform.trainingJobs().find(({ secondaryStatus }) => secondaryStatus === 'Training');
    if (interruptions > 0 || job === undefined || (await checkpoints()) === 0) return;
    if (platform.interruptTraining(job.name)) interruptions++;
    context.note('interrupted; two other instances go on from the checkpoint');
  });
  const metrics = await trainingMetricsOf(context, model);
  if (interruptions !== 1) throw new Error('the training ended before its instances could be taken away');
  const resumedAt = metrics.steps - metrics.stepsOfThisAttempt;
  if (resumedAt <= 0) throw new Error('the training began anew in place of going on from its checkpoint');
  progress.set('trained', { ...model, steps: metrics.steps });
  return {
    summary:
      `${metrics.processes} processes on ${metrics.newRows} captured requests; interrupted, resumed at step ${resumedAt} of ${metrics.steps}; ` +
      `accuracy ${percent(metrics.accuracy)}`,
    processes: metrics.processes,
    rowsToLearn: metrics.newRows,
    rowsHeldOut: metrics.heldOutRows,
    interruptions,
    resumedAtStep: resumedAt,
    steps: metrics.steps,
    accuracy: metrics.accuracy,
  };
}

export const trainingMetricsOf = (context: LearningContext, { ModelDataUrl }: MadeModel): Promise<TrainingMetrics> =>
  readJsonOf<TrainingMetrics>(context, ModelDataUrl, 'metrics.json');

/** Compresses the trained model with care, and meanwhile without: to a student that is too small for its task. */
export async function compressionStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  const { outputs } = context;
  context.note('quantising the model, and distilling a student that is too small');
  const trained = progress.get('trained');
  const [careful, careless] = await Promise.all([
    compress(context, outputs.CompressionStateMachineArn, trained),
    compress(context, outputs.CarelessStateMachineArn, trained),
  ]);
  progress.set('compressed', careful.model);
  progress.set('careless', careless.model);
  return { ...compressionResults(careful), accuracyOfTheStudent: careless.after.accuracy };
}

/** Freezes rows of the labels that came with the drift beside the others, and compresses the model that learned them. */
export async function driftCompressionStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  const { outputs, seed } = context;
  const later = (count: number, prefix: string) => generateRows(seed, LATER_LABELS, { count, prefix });
  await putRows(context, `${LEARNING_TOUR.frozenPrefix}later.jsonl`, later(FROZEN_LATER_ROWS, 'frozen-later'));
  await putRows(
    context,
    `${LEARNING_TOUR.calibrationPrefix}later.jsonl`,
    later(CALIBRATION_LATER_ROWS, 'calibration-later'),
  );
  context.note('quantising the model that learned the new labels');
  const careful = await compress(context, outputs.CompressionStateMachineArn, progress.get('incremental'));
  progress.set('incrementalCompressed', careful.model);
  return compressionResults(careful);
}

function compressionResults({ chosen, before, after }: Awaited<ReturnType<typeof compress>>): TourResults {
  return {
    summary:
      `${chosen}: ${(before.bytes / after.bytes).toFixed(1)} times smaller, accuracy ${percent(before.accuracy)} before, ` +
      `${percent(after.accuracy)} after`,
    technique: chosen,
    bytesBefore: before.bytes,
    bytesAfter: after.bytes,
    accuracyBefore: before.accuracy,
    accuracyAfter: after.accuracy,
  };
}

/** Compresses a model with a pipeline; returns the new one with the measures of both. */
async function compress(context: LearningContext, stateMachineArn: string, { ModelDataUrl }: MadeModel) {
  const model = await execute<MadeModel>(context, stateMachineArn, { ModelDataUrl });
  const { chosen, models } = await readJsonOf<CompressionReport>(context, model.ModelDataUrl, 'report.json');
  return { model, chosen, before: models['parent']!, after: models[chosen]! };
}

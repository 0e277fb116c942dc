import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { LEARNING_TOUR_PREFIXES } from '../../../platform/contract';
import type { TourResults } from '../context';
import { readJsonOf } from './artifact';
import { execute } from './executions';
import type { LearningContext, LearningProgress, MadeModel } from './progress';
import { FIRST_LABELS, generateRows, LATER_LABELS, linesOf, type LearningRow } from './rows';

const { train: TRAIN, frozen: FROZEN } = LEARNING_TOUR_PREFIXES;
const ALL_LABELS = [...FIRST_LABELS, ...LATER_LABELS];
const FIRST_ROWS = 2400;
const LATER_ROWS = 1200;
const FROZEN_ROWS = 1200;

/** Numbers of a training, from `metrics.json` of its artifact. */
interface TrainingMetrics {
  readonly accuracy: number;
  readonly steps: number;
  readonly stepsOfThisAttempt: number;
  readonly processes: number;
}

/** Measures of a compression, from `report.json` of its artifact. */
interface CompressionReport {
  readonly chosen: string;
  readonly models: { readonly [name: string]: { readonly bytes: number; readonly accuracy: number } };
}

/** Trains on two instances, takes them away in the middle, and sees the job go on from its checkpoint. */
export async function trainingStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  const { seed } = context;
  const first = generateRows(seed, FIRST_LABELS, { count: FIRST_ROWS, prefix: 'first', time: 1 });
  await put(context, `${TRAIN}first.jsonl`, first);
  const frozen = generateRows(seed, ALL_LABELS, { count: FROZEN_ROWS, prefix: 'frozen', time: 0 });
  await put(context, `${FROZEN}rows.jsonl`, frozen);
  context.note('two processes train, until their instances are taken away');
  const { model, metrics, interruptions } = await train(context, 1);
  if (interruptions !== 1) throw new Error('the training ended before its instances could be taken away');
  const resumedAt = metrics.steps - metrics.stepsOfThisAttempt;
  if (resumedAt <= 0) throw new Error('the training began anew in place of going on from its checkpoint');
  progress.trained = model;
  return {
    summary: `${metrics.processes} processes; interrupted, resumed at step ${resumedAt} of ${metrics.steps}; accuracy ${share(metrics.accuracy)}`,
    processes: metrics.processes,
    interruptions,
    resumedAtStep: resumedAt,
    steps: metrics.steps,
    accuracy: metrics.accuracy,
  };
}

/** Compresses the trained model. */
export async function compressionStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  const compressed = await compress(context, context.outputs.CompressionStateMachineArn, progress.trained);
  progress.compressed = compressed.model;
  const { before, after } = compressed;
  return {
    summary: `${compressed.chosen}: ${(before.bytes / after.bytes).toFixed(1)} times smaller, accuracy ${share(before.accuracy)} before, ${share(after.accuracy)} after`,
    technique: compressed.chosen,
    bytesBefore: before.bytes,
    bytesAfter: after.bytes,
    accuracyBefore: before.accuracy,
    accuracyAfter: after.accuracy,
  };
}

/** Adds rows with labels that the live model does not know, then trains and compresses on all rows. */
export async function learnMore(context: LearningContext): Promise<MadeModel> {
  const later = generateRows(context.seed, LATER_LABELS, { count: LATER_ROWS, prefix: 'later', time: 2 });
  await put(context, `${TRAIN}later.jsonl`, later);
  context.note('training with the labels that came later');
  const { model } = await train(context, 0);
  context.note('compressing');
  return (await compress(context, context.outputs.CompressionStateMachineArn, model)).model;
}

/** Trains, and takes the instances away a number of times, each time once there is a new checkpoint. */
async function train(context: LearningContext, interruptions: number) {
  const { aws, outputs, platform } = context;
  let taken = 0;
  const checkpoints = async (): Promise<number> => {
    const listed = new ListObjectsV2Command({ Bucket: outputs.ModelsBucketName, Prefix: 'checkpoints/' });
    return (await aws.s3.send(listed)).Contents?.length ?? 0;
  };
  const before = await checkpoints();
  const model = await execute<MadeModel>(context, outputs.TrainingStateMachineArn, {}, async () => {
    const job = platform.trainingJobs().find(({ secondaryStatus }) => secondaryStatus === 'Training');
    if (taken >= interruptions || job === undefined || (await checkpoints()) <= before) return;
    if (platform.interruptTraining(job.name)) taken++;
  });
  const metrics = await readJsonOf<TrainingMetrics>(context, model.ModelDataUrl, 'metrics.json');
  return { model, metrics, interruptions: taken };
}

/** Compresses a model with a pipeline; returns the new one with the measures of both. */
export async function compress(context: LearningContext, stateMachineArn: string, { ModelDataUrl }: MadeModel) {
  const model = await execute<MadeModel>(context, stateMachineArn, { ModelDataUrl });
  const { chosen, models } = await readJsonOf<CompressionReport>(context, model.ModelDataUrl, 'report.json');
  return { model, chosen, before: models['parent']!, after: models[chosen]! };
}

async function put({ aws, outputs }: LearningContext, Key: string, rows: readonly LearningRow[]): Promise<void> {
  await aws.s3.send(new PutObjectCommand({ Bucket: outputs.RowsBucketName, Key, Body: linesOf(rows) }));
}

const share = (accuracy: number): string => `${(100 * accuracy).toFixed(1)} %`;

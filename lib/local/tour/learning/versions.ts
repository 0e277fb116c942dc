import type { TourResults } from '../context';
import { readJson } from './artifact';
import { execute } from './executions';
import { type LearningContext, type LearningProgress, type MadeModel, requireNoDenials } from './progress';
import { ALL_LABELS, FIRST_LABELS, generateRows, percent, points } from './rows';

/** Number of rows that measure the endpoint's accuracy. */
const ASKED_ROWS = 200;

/** Output of the state machine of a rollout. */
interface RolloutOutput {
  readonly Outcome: string;
  readonly Reasons: readonly string[];
  readonly NextStep: string;
  /** Report of the evaluation in S3. */
  readonly ReportUri: string;
}

/** Measures of both models on the frozen set; its labels are slices, `label=NAME`. */
interface EvaluationReport {
  readonly models: { readonly [Model in 'live' | 'candidate']: Measures };
}

interface Measures {
  readonly accuracy: number;
  readonly slices: { readonly [slice: string]: { readonly accuracy: number } };
}

/** Gives the rollout a version that is too small for its task, and sees the gate refuse it. */
export async function gateStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  context.note('trying the student beside the live model');
  const { Outcome, Reasons, NextStep } = await rollOut(context, progress.get('careless'));
  if (Outcome !== 'REFUSED') throw new Error(`the version was not refused; the rollout ended as ${Outcome}`);
  return { summary: `refused: ${Reasons[0]}`, reasons: Reasons.join('; '), nextStep: NextStep };
}

/** Rolls the compressed version out over live traffic. */
export async function rolloutStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  const { requests, accuracy } = await rollOutOverTraffic(context, progress, 'compressed', FIRST_LABELS);
  return {
    summary: `accepted, and rolled out under ${requests} requests, of which none failed; ${percent(accuracy)} of the labels are right now`,
    requestsDuringTheRollout: requests,
    failed: 0,
    accuracy,
  };
}

/** Rolls the version out that learned the labels of the drift: the gate compares every label with the live model. */
export async function driftRolloutStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  const { requests, accuracy, reportUri } = await rollOutOverTraffic(
    context,
    progress,
    'incrementalCompressed',
    ALL_LABELS,
  );
  const { live, candidate } = (await readJson<EvaluationReport>(context, reportUri)).models;
  const lost = FIRST_LABELS.map((label) => {
    const slice = `label=${label}`;
    return live.slices[slice]!.accuracy - candidate.slices[slice]!.accuracy;
  });
  return {
    summary:
      `accepted (${percent(live.accuracy)} of all labels right before, ${percent(candidate.accuracy)} after, at most ${points(Math.max(...lost))} lost of an earlier one), ` +
      `and rolled out under ${requests} requests, of which none failed; ${percent(accuracy)} are right now`,
    requestsDuringTheRollout: requests,
    failed: 0,
    accuracyOfTheLiveModelBefore: live.accuracy,
    accuracyInTheGate: candidate.accuracy,
    lostOfAnEarlierLabel: Math.max(...lost),
    accuracy,
  };
}

/** Rolls a version out while the traffic goes on, and asks the endpoint afterwards; throws where a request failed. */
async function rollOutOverTraffic(
  context: LearningContext,
  progress: LearningProgress,
  version: 'compressed' | 'incrementalCompressed',
  labels: readonly string[],
): Promise<{ readonly requests: number; readonly accuracy: number; readonly reportUri: string }> {
  const traffic = progress.get('traffic');
  const before = traffic.answered;
  context.note('trying the compressed model beside the live one, then rolling it out');
  const { Outcome, Reasons, ReportUri: reportUri } = await rollOut(context, progress.get(version));
  if (Outcome !== 'ROLLED_OUT') throw new Error(`the rollout ended as ${Outcome}: ${Reasons.join('; ')}`);
  const requests = traffic.answered - before;
  const accuracy = await traffic.accuracy(
    generateRows(context.seed, labels, { count: ASKED_ROWS, prefix: `asked-${version}` }),
  );
  const [failure] = traffic.failures;
  if (failure !== undefined) throw new Error(`${traffic.failures.length} requests failed, the first with ${failure}`);
  await requireNoDenials(context);
  return { requests, accuracy, reportUri };
}

function rollOut(context: LearningContext, { ModelPackageArn }: MadeModel): Promise<RolloutOutput> {
  if (ModelPackageArn === undefined) throw new Error('the compression has registered no version');
  return execute<RolloutOutput>(context, context.outputs.RolloutStateMachineArn, { ModelPackageArn });
}

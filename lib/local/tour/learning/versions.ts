import type { TourResults } from '../context';
import { execute } from './executions';
import { type LearningContext, type LearningProgress, type MadeModel, requireNoDenials } from './progress';
import { FIRST_LABELS, generateRows, percent } from './rows';

/** Number of rows that measure the endpoint's accuracy. */
const ASKED_ROWS = 200;

/** Output of the state machine of a rollout. */
interface RolloutOutput {
  readonly Outcome: string;
  readonly Reasons: readonly string[];
  readonly NextStep: string;
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
  const traffic = progress.get('traffic');
  const before = traffic.answered;
  context.note('trying the compressed model beside the live one, then rolling it out');
  const { Outcome, Reasons } = await rollOut(context, progress.get('compressed'));
  if (Outcome !== 'ROLLED_OUT') throw new Error(`the rollout ended as ${Outcome}: ${Reasons.join('; ')}`);
  const requests = traffic.answered - before;
  const accuracy = await traffic.accuracy(
    generateRows(context.seed, FIRST_LABELS, { count: ASKED_ROWS, prefix: 'asked' }),
  );
  const [failure] = traffic.failures;
  if (failure !== undefined) throw new Error(`${traffic.failures.length} requests failed, the first with ${failure}`);
  await requireNoDenials(context);
  return {
    summary: `accepted, and rolled out under ${requests} requests, of which none failed; ${percent(accuracy)} of the labels are right now`,
    requestsDuringTheRollout: requests,
    failed: 0,
    accuracy,
  };
}

function rollOut(context: LearningContext, { ModelPackageArn }: MadeModel): Promise<RolloutOutput> {
  if (ModelPackageArn === undefined) throw new Error('the compression has registered no version');
  return execute<RolloutOutput>(context, context.outputs.RolloutStateMachineArn, { ModelPackageArn });
}

import { LEARNING_TOUR_FIRST_MODEL } from '../../../platform/contract';
import { InvokeConnection } from '../../deploy/invoke';
import { readOutputs } from '../../deploy/stack-outputs';
import { endpointOf, until, type TourResults } from '../context';
import { copyTo } from './artifact';
import { execute } from './executions';
import { LiveTraffic } from './live-traffic';
import { compress, learnMore } from './models';
import type { LearningContext, LearningProgress } from './progress';
import { FIRST_LABELS, generateRows, LATER_LABELS } from './rows';

const INVOKE_TIMEOUT_MS = 30_000;
/** Number of rows that measure the endpoint's accuracy. */
const ASKED_ROWS = 200;

/** Output of the state machine of a rollout. */
interface RolloutOutput {
  readonly Outcome: string;
  readonly Reasons: readonly string[];
  readonly NextStep: string;
}

const asked = (seed: number, labels: readonly string[]) =>
  generateRows(seed, labels, { count: ASKED_ROWS, prefix: 'asked', time: 0 });

/** Deploys an endpoint with the compressed model, and starts the traffic that goes on until the end of the tour. */
export async function servingStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  const { aws, outputs, stackNames, platform, seed, note } = context;
  await copyTo(context, progress.compressed.ModelDataUrl, outputs.ModelsBucketName, LEARNING_TOUR_FIRST_MODEL);
  note('deploying the endpoint and its rollout');
  await context.deploy('learning-and-serving');
  await platform.enforceIam();
  const deployed = await readOutputs(aws, stackNames, ['EndpointName', 'RolloutStateMachineArn']);
  await until(context, 'the endpoint is in service', 3600, () => {
    return endpointOf(context, deployed.EndpointName).status === 'InService';
  });
  const connection = new InvokeConnection(platform.invokeUrl, deployed.EndpointName, INVOKE_TIMEOUT_MS);
  const traffic = new LiveTraffic(connection, asked(seed, FIRST_LABELS));
  progress.serving = { traffic, rolloutStateMachineArn: deployed.RolloutStateMachineArn };
  const known = await traffic.accuracy(asked(seed, FIRST_LABELS));
  const later = await traffic.accuracy(asked(seed, LATER_LABELS));
  if (later > 0) throw new Error('the first model knows labels that it has not seen');
  return {
    summary: `${percent(known)} of the rows with known labels answered right, ${percent(later)} of those with later ones`,
    endpoint: deployed.EndpointName,
    accuracyOfKnownLabels: known,
    accuracyOfLaterLabels: later,
  };
}

/** Registers a version that is too small for its task, and sees the gate refuse it. */
export async function gateStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  context.note('distilling a student that is too small');
  const { model } = await compress(context, context.outputs.CarelessStateMachineArn, progress.trained);
  context.note('trying it beside the live model');
  const { Outcome, Reasons, NextStep } = await rollOut(context, progress, model.ModelPackageArn);
  if (Outcome !== 'REFUSED') throw new Error(`the version was not refused; the rollout ended as ${Outcome}`);
  return { summary: `refused: ${Reasons[0]}`, reasons: Reasons.join('; '), nextStep: NextStep };
}

/** Learns the later labels, and rolls the version out over live traffic. */
export async function rolloutStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  const { seed } = context;
  const { traffic } = progress.serving;
  const version = await learnMore(context);
  const before = traffic.answered;
  context.note('trying it beside the live model, then rolling it out');
  const { Outcome, Reasons } = await rollOut(context, progress, version.ModelPackageArn);
  if (Outcome !== 'ROLLED_OUT') throw new Error(`the rollout ended as ${Outcome}: ${Reasons.join('; ')}`);
  const known = await traffic.accuracy(asked(seed, FIRST_LABELS));
  const later = await traffic.accuracy(asked(seed, LATER_LABELS));
  const requests = traffic.answered - before;
  await traffic.stop();
  const [failure] = traffic.failures;
  if (failure !== undefined) throw new Error(`${traffic.failures.length} requests failed, the first with ${failure}`);
  const denied = await context.platform.deniedCalls();
  if (denied.length > 0) throw new Error(`IAM refused ${denied.length} calls, the first: ${JSON.stringify(denied[0])}`);
  return {
    summary: `${requests} requests during the rollout, none failed; later labels ${percent(later)} right`,
    requestsDuringTheRollout: requests,
    requests: traffic.answered,
    failed: 0,
    accuracyOfKnownLabels: known,
    accuracyOfLaterLabels: later,
  };
}

function rollOut(
  context: LearningContext,
  { serving }: LearningProgress,
  ModelPackageArn: string | undefined,
): Promise<RolloutOutput> {
  if (ModelPackageArn === undefined) throw new Error('the compression has registered no version');
  return execute<RolloutOutput>(context, serving.rolloutStateMachineArn, { ModelPackageArn });
}

const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;

import { Token } from 'aws-cdk-lib';
import { findInstanceType, unknownInstanceType } from '../catalog/instance-types';
import { gibibytesOf, secondsOf } from '../runtime/whole-amounts';
import type { ShadowSettings } from './contract';
import type { GateLimits } from './decide/gate';
import { languageModelSettings } from './evaluation-job';
import { AnswerMatch, PromptSchema } from './language-model-evaluation';
import type { ModelRolloutProps, RolloutGate, RolloutShadow } from './model-rollout-props';

/** Longest wait of a Step Functions state that a shadow may take: a week. */
const MAX_SHADOW_SECONDS = 7 * 86_400;

/** Shortest shadow of which a minute of metrics tells anything. */
const MIN_SHADOW_SECONDS = 120;

/** Limits of the gate with their defaults. */
export function gateLimits(gate: RolloutGate = {}): GateLimits {
  return {
    maxAccuracyLoss: gate.maxAccuracyLoss ?? 0.005,
    maxSliceLoss: gate.maxSliceLoss ?? 0.05,
    minSliceRows: gate.minSliceRows ?? 20,
    maxLatencyGrowth: gate.maxLatencyGrowth ?? 0.2,
    maxCostGrowth: gate.maxCostGrowth ?? 0.2,
    maxSizeGrowth: gate.maxSizeGrowth,
  };
}

/** Settings of the shadow with their defaults. */
export function shadowSettings(shadow: RolloutShadow | undefined): ShadowSettings | undefined {
  return (
    shadow && {
      samplingPercent: shadow.samplingPercent ?? 100,
      instanceCount: shadow.instanceCount ?? 1,
      minRequests: shadow.minRequests ?? 100,
      maxErrorRatio: shadow.maxErrorRatio ?? 0.01,
      maxLatencyGrowth: shadow.maxLatencyGrowth ?? 0.2,
    }
  );
}

/** Most concurrent requests with which a throughput is measured: each is a thread of the job. */
const MAX_CONCURRENCY = 256;

/** Longest values of a hyperparameter. Source: API reference, CreateTrainingJob. */
const MAX_HYPERPARAMETER_LENGTH = 2500;

function checkLanguageModel({ languageModel, image }: ModelRolloutProps): string[] {
  if (languageModel === undefined) {
    return image === undefined
      ? ["image is missing; give an image in ECR with SageMaker's script mode, or languageModel for language models"]
      : [];
  }
  const settings = languageModelSettings(languageModel);
  const { concurrencies, serverCommand, promptSchema, maxTokens, match } = settings;
  const problems: string[] = [];
  const within = (name: string, value: number, lowest: number, highest: number): void => {
    if (Number.isInteger(value) && value >= lowest && value <= highest) return;
    problems.push(
      `languageModel.${name} (${value}) is out of range; a whole number from ${lowest} to ${highest} is allowed`,
    );
  };
  within('maxTokens', maxTokens, 1, 1e6);
  if (concurrencies.length === 0)
    problems.push('languageModel.concurrencies is empty; name at least one number, as [1, 4, 16]');
  for (const value of concurrencies) within('concurrencies', value, 1, MAX_CONCURRENCY);
  const { startupTimeout, requestTimeout, loadDuration } = settings;
  const seconds = { startupTimeout, requestTimeout, loadDuration };
  for (const [name, duration] of Object.entries(seconds)) within(`${name} in seconds`, secondsOf(duration), 1, 86_400);
  within('volumeSize in GiB', gibibytesOf(settings.volumeSize), 1, 16_384);
  const known: readonly string[] = Object.values(AnswerMatch);
  if (!known.includes(match)) {
    problems.push(
      `languageModel.match ('${match}') is not known; use AnswerMatch.${Object.keys(AnswerMatch).join(', AnswerMatch.')}`,
    );
  }
  const schemas: readonly string[] = Object.values(PromptSchema);
  if (promptSchema !== undefined && !schemas.includes(promptSchema)) {
    problems.push(
      `languageModel.promptSchema ('${promptSchema}') is not known; use PromptSchema.LMI or PromptSchema.OPENAI`,
    );
  }
  const length = JSON.stringify(serverCommand ?? []).length;
  if (serverCommand !== undefined && (serverCommand.length === 0 || length > MAX_HYPERPARAMETER_LENGTH)) {
    problems.push(
      `languageModel.serverCommand has ${serverCommand.length} parts of ${length} characters; at least one part is needed, and ${MAX_HYPERPARAMETER_LENGTH} characters are allowed`,
    );
  }
  return problems;
}

/** Returns every setting of a rollout that cannot be right. */
export function checkRolloutProps(props: ModelRolloutProps, instanceTypes: readonly string[]): string[] {
  const problems: string[] = [];
  const within = (name: string, value: number | undefined, lowest: number, highest: number): void => {
    if (value === undefined || Token.isUnresolved(value) || (value >= lowest && value <= highest)) return;
    problems.push(`${name} (${value}) is out of range; ${lowest} to ${highest} is allowed`);
  };
  const whole = (name: string, value: number | undefined, lowest: number, highest: number): void => {
    within(name, value, lowest, highest);
    if (value !== undefined && !Token.isUnresolved(value) && !Number.isInteger(value)) {
      problems.push(`${name} (${value}) must be a whole number`);
    }
  };
  const { gate = {}, shadow } = props;
  within('gate.maxAccuracyLoss', gate.maxAccuracyLoss, 0, 1);
  within('gate.maxSliceLoss', gate.maxSliceLoss, 0, 1);
  whole('gate.minSliceRows', gate.minSliceRows, 1, 1e9);
  within('gate.maxLatencyGrowth', gate.maxLatencyGrowth, 0, 1000);
  within('gate.maxCostGrowth', gate.maxCostGrowth, 0, 1000);
  within('gate.maxSizeGrowth', gate.maxSizeGrowth, 0, 1000);
  if (shadow !== undefined) {
    within('shadow.duration in seconds', shadow.duration.toSeconds(), MIN_SHADOW_SECONDS, MAX_SHADOW_SECONDS);
    within('shadow.samplingPercent', shadow.samplingPercent, 1, 100);
    whole('shadow.instanceCount', shadow.instanceCount, 1, 1000);
    whole('shadow.minRequests', shadow.minRequests, 0, 1e9);
    within('shadow.maxErrorRatio', shadow.maxErrorRatio, 0, 1);
    within('shadow.maxLatencyGrowth', shadow.maxLatencyGrowth, 0, 1000);
  }
  within('pricePerHourUsd', props.pricePerHourUsd, 1e-6, 1e6);
  if (props.models.length === 0) {
    problems.push('models is empty; give the modelBucket of the pipelines whose versions are rolled out');
  }
  if (instanceTypes.length === 0) {
    problems.push('instanceTypes is empty and the endpoint names none; name at least one type for the evaluation');
  }
  for (const name of instanceTypes) {
    if (!Token.isUnresolved(name) && findInstanceType(name) === undefined) {
      problems.push(`instanceTypes: ${unknownInstanceType(name)}`);
    }
  }
  const unusable = (props.sliceBy ?? []).filter(
    (field) => field.includes(',') || field.trim() !== field || field === '',
  );
  if (unusable.length > 0) {
    problems.push(
      `sliceBy has ${unusable.map((field) => `'${field}'`).join(', ')}; a field has no comma and no space around it`,
    );
  }
  if (props.jobNamePrefix !== undefined && !/^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$/.test(props.jobNamePrefix)) {
    problems.push(`jobNamePrefix ('${props.jobNamePrefix}') is not allowed; use letters, digits and single hyphens`);
  }
  if (props.jobNamePrefix !== undefined && props.jobNamePrefix.length > 21) {
    problems.push(`jobNamePrefix ('${props.jobNamePrefix}') is longer than 21 characters; shorten it`);
  }
  problems.push(...checkLanguageModel(props));
  const runtime = props.maxRuntime.toSeconds();
  within('maxRuntime in seconds', runtime, 60, 28 * 86_400);
  return problems;
}

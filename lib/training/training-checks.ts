import * as fs from 'node:fs';
import * as path from 'node:path';
import { Token } from 'aws-cdk-lib';
import { findInstanceType, unknownInstanceType } from '../catalog/instance-types';
import type { TrainingPipelineProps, TrainingSettings } from './training-pipeline-props';
import { LONGEST_JOB_NAME_PREFIX } from './training-states';

/** `StoppingCondition.MaxRuntimeInSeconds` ends at 28 days (API reference of CreateTrainingJob). */
const LONGEST_RUNTIME_SECONDS = 28 * 86_400;
const SHORTEST_RUNTIME_SECONDS = 60;
/** Hyperparameters of one job, less the three of script mode (API reference of CreateTrainingJob). */
const MOST_HYPERPARAMETERS = 97;
const LONGEST_HYPERPARAMETER = { name: 256, value: 2500 };
/** General purpose volumes end here. */
const LARGEST_VOLUME_GB = 16_384;

/** Everything that SageMaker would refuse, or that would lose money or work. */
export function checkProps(props: TrainingPipelineProps, settings: TrainingSettings): string[] {
  return [
    ...checkInstanceTypes(props.instanceTypes),
    ...checkJobNamePrefix(props.jobNamePrefix),
    ...checkTime(props, settings),
    ...checkSource(settings),
    ...checkHyperparameters(settings.hyperparameters),
    ...checkVolume(settings.volumeSizeInGb),
    ...(props.modelBucket !== undefined && props.accessLogsBucket !== undefined
      ? ['accessLogsBucket has no effect on a given modelBucket; turn its access logs on where it is made']
      : []),
  ];
}

function checkInstanceTypes(types: readonly string[]): string[] {
  if (types.length === 0) return ['instanceTypes is empty; name at least one type, the most wanted first'];
  const problems = types
    .filter((name) => !Token.isUnresolved(name) && findInstanceType(name) === undefined)
    .map((name) => `instanceTypes: ${unknownInstanceType(name)}`);
  const repeated = types.filter((name, index) => types.indexOf(name) !== index);
  if (repeated.length > 0) problems.push(`instanceTypes names ${repeated.join(', ')} twice; name every type once`);
  return problems;
}

function checkJobNamePrefix(prefix: string | undefined): string[] {
  if (prefix === undefined || Token.isUnresolved(prefix)) return [];
  if (prefix.length <= LONGEST_JOB_NAME_PREFIX && /^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$/.test(prefix)) return [];
  return [
    `jobNamePrefix ('${prefix}') is not allowed; use 1 to ${LONGEST_JOB_NAME_PREFIX} letters, digits and single hyphens`,
  ];
}

function checkTime(props: TrainingPipelineProps, settings: TrainingSettings): string[] {
  const problems: string[] = [];
  const runtime = props.maxRuntime.toSeconds();
  if (runtime < SHORTEST_RUNTIME_SECONDS || runtime > LONGEST_RUNTIME_SECONDS) {
    problems.push(
      `maxRuntime (${runtime} s) is out of range; ${SHORTEST_RUNTIME_SECONDS} to ${LONGEST_RUNTIME_SECONDS} s (28 days) is allowed`,
    );
  }
  if (settings.spot && !settings.checkpoints) {
    problems.push(
      'spot is on and checkpoints is off: an interruption would throw away all work so far and pay for it again; ' +
        'turn checkpoints on or spot off',
    );
  }
  if (!settings.spot && props.maxWait !== undefined) {
    problems.push(
      'maxWait is given and spot is off; maxWait counts for spot capacity alone, so leave it out or turn spot on',
    );
  }
  if (settings.maxWait !== undefined && settings.maxWait.toSeconds() < runtime) {
    problems.push(
      `maxWait (${settings.maxWait.toSeconds()} s) is below maxRuntime (${runtime} s), which it includes; ` +
        'raise maxWait or lower maxRuntime',
    );
  }
  return problems;
}

function checkSource({ sourceDirectory, entryPoint }: TrainingSettings): string[] {
  if (fs.existsSync(path.join(sourceDirectory, entryPoint))) return [];
  return [`entryPoint '${entryPoint}' is not in the folder ${sourceDirectory}; check entryPoint and sourceDirectory`];
}

function checkHyperparameters(hyperparameters: { readonly [name: string]: string }): string[] {
  const problems: string[] = [];
  const names = Object.keys(hyperparameters);
  const reserved = names.filter((name) => name.startsWith('sagemaker_'));
  if (reserved.length > 0) {
    problems.push(
      `hyperparameters ${reserved.join(', ')} begin with sagemaker_, which script mode keeps for itself; rename them`,
    );
  }
  if (names.length > MOST_HYPERPARAMETERS) {
    problems.push(`there are ${names.length} hyperparameters; at most ${MOST_HYPERPARAMETERS} are allowed`);
  }
  for (const [name, value] of Object.entries(hyperparameters)) {
    if (name.length <= LONGEST_HYPERPARAMETER.name && value.length <= LONGEST_HYPERPARAMETER.value) continue;
    problems.push(
      `hyperparameter ${name.slice(0, 40)} is too long; names have at most ${LONGEST_HYPERPARAMETER.name} characters, ` +
        `values ${LONGEST_HYPERPARAMETER.value}`,
    );
  }
  return problems;
}

function checkVolume(volumeSizeInGb: number): string[] {
  if (Token.isUnresolved(volumeSizeInGb)) return [];
  if (Number.isInteger(volumeSizeInGb) && volumeSizeInGb >= 1 && volumeSizeInGb <= LARGEST_VOLUME_GB) return [];
  return [`volumeSizeInGb (${volumeSizeInGb}) must be a whole number from 1 to ${LARGEST_VOLUME_GB}`];
}

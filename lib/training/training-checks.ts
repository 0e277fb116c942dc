import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Size, SizeRoundingBehavior, Token } from 'aws-cdk-lib';
import { findInstanceType, unknownInstanceType } from '../catalog/instance-types';
import type { TrainingPipelineProps, TrainingSettings } from './training-pipeline-props';
import { MAX_JOB_NAME_PREFIX_LENGTH } from './training-states';

/** Range of `StoppingCondition.MaxRuntimeInSeconds`, at most 28 days (API reference of CreateTrainingJob). */
const MAX_RUNTIME_SECONDS = 28 * 86_400;
const MIN_RUNTIME_SECONDS = 60;
/** Maximum number of hyperparameters, without the three of script mode (API reference of CreateTrainingJob). */
const MAX_HYPERPARAMETERS = 97;
const MAX_HYPERPARAMETER_LENGTH = { name: 256, value: 2500 };
/** Maximum size of general purpose volumes. */
const MAX_VOLUME_GIB = 16_384;

/** Returns every setting that SageMaker refuses, or that loses money or work. */
export function checkTrainingProps(props: TrainingPipelineProps, settings: TrainingSettings): string[] {
  return [
    ...checkInstanceTypes(props.instanceTypes),
    ...checkJobNamePrefix(props.jobNamePrefix),
    ...checkTime(props, settings),
    ...checkSource(settings),
    ...checkHyperparameters(settings.hyperparameters),
    ...checkVolume(settings.volumeSize),
    ...(props.modelBucket !== undefined && props.accessLogsBucket !== undefined
      ? ['accessLogsBucket has no effect on an existing modelBucket; enable access logs where that bucket is created']
      : []),
  ];
}

function checkInstanceTypes(types: readonly string[]): string[] {
  if (types.length === 0) return ['instanceTypes is empty; name at least one type'];
  const problems = types
    .filter((name) => !Token.isUnresolved(name) && findInstanceType(name) === undefined)
    .map((name) => `instanceTypes: ${unknownInstanceType(name)}`);
  const repeated = types.filter((name, index) => types.indexOf(name) !== index);
  if (repeated.length > 0) problems.push(`instanceTypes names ${repeated.join(', ')} twice; name every type once`);
  return problems;
}

function checkJobNamePrefix(prefix: string | undefined): string[] {
  if (prefix === undefined || Token.isUnresolved(prefix)) return [];
  if (prefix.length <= MAX_JOB_NAME_PREFIX_LENGTH && /^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$/.test(prefix)) return [];
  return [
    `jobNamePrefix ('${prefix}') is not allowed; use 1 to ${MAX_JOB_NAME_PREFIX_LENGTH} letters, digits and single hyphens`,
  ];
}

function checkTime(props: TrainingPipelineProps, settings: TrainingSettings): string[] {
  const problems: string[] = [];
  const runtime = props.maxRuntime.toSeconds();
  if (runtime < MIN_RUNTIME_SECONDS || runtime > MAX_RUNTIME_SECONDS) {
    problems.push(
      `maxRuntime (${runtime} s) is out of range; ${MIN_RUNTIME_SECONDS} to ${MAX_RUNTIME_SECONDS} s (28 days) is allowed`,
    );
  }
  if (settings.spot && !settings.checkpoints) {
    problems.push(
      'spot requires checkpoints: an interruption would discard the work so far, which is then paid for again; ' +
        'turn checkpoints on or spot off',
    );
  }
  if (!settings.spot && props.maxWait !== undefined) {
    problems.push('maxWait applies to spot capacity only, and spot is off; leave maxWait out or turn spot on');
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
      `hyperparameters ${reserved.join(', ')} begin with sagemaker_, which is reserved for script mode; rename them`,
    );
  }
  if (names.length > MAX_HYPERPARAMETERS) {
    problems.push(`there are ${names.length} hyperparameters; at most ${MAX_HYPERPARAMETERS} are allowed`);
  }
  for (const [name, value] of Object.entries(hyperparameters)) {
    if (name.length <= MAX_HYPERPARAMETER_LENGTH.name && value.length <= MAX_HYPERPARAMETER_LENGTH.value) continue;
    problems.push(
      `hyperparameter ${name.slice(0, 40)} is too long; names have at most ${MAX_HYPERPARAMETER_LENGTH.name} characters, ` +
        `values ${MAX_HYPERPARAMETER_LENGTH.value}`,
    );
  }
  return problems;
}

function checkVolume(volumeSize: Size): string[] {
  if (volumeSize.isUnresolved()) return [];
  const gib = volumeSize.toGibibytes({ rounding: SizeRoundingBehavior.NONE });
  if (Number.isInteger(gib) && gib >= 1 && gib <= MAX_VOLUME_GIB) return [];
  return [`volumeSize (${gib} GiB) must be a whole number of GiB from 1 to ${MAX_VOLUME_GIB}`];
}

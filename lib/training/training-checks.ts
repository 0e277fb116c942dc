import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Size, SizeRoundingBehavior, Token } from 'aws-cdk-lib';
import { findInstanceType, unknownInstanceType } from '../catalog/instance-types';
import { checkAutoDeleteObjects } from '../runtime/emptied-bucket';
import { checkKeyPrefix } from '../runtime/key-prefix';
import type { TrainingPipelineProps, TrainingSettings } from './training-pipeline-props';
import { WINDOW_HYPERPARAMETER } from './kept-data';
import { checkInstanceGroups, checkJobOptions, type TrainingJobSetting } from './training-job-extras';
import { checkNetwork } from './training-network';
import { MAX_JOB_NAME_PREFIX_LENGTH, MODEL_DATA_URL_VARIABLE, SOURCE_CHANNEL } from './training-states';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';

/** Range of `StoppingCondition.MaxRuntimeInSeconds`, at most 28 days (API reference of CreateTrainingJob). */
const MAX_RUNTIME_SECONDS = 28 * 86_400;
const MIN_RUNTIME_SECONDS = 60;
/** Maximum number of hyperparameters, without the four of script mode (API reference of CreateTrainingJob). */
const MAX_HYPERPARAMETERS = 96;
const MAX_HYPERPARAMETER_LENGTH = { name: 256, value: 2500 };
/** Range of `KeepAlivePeriodInSeconds` (API reference of ResourceConfig; 0 keeps nothing). */
const KEEP_ALIVE_SECONDS = { min: 60, max: 21_600 };
/** Limits of CreateTrainingJob: channels, environment variables, metric definitions. */
const MAX_CHANNELS = 20;
const MAX_ENVIRONMENT = 100;
const MAX_ENVIRONMENT_LENGTH = 512;
/** Limit of a variable of the serving container (API reference of ContainerDefinition). */
const MAX_CONTAINER_VALUE_LENGTH = 1024;
const MAX_METRICS = 40;
const MAX_PATTERN_LENGTH = 500;
/** Maximum size of general purpose volumes. */
const MAX_VOLUME_GIB = 16_384;

/** Returns every setting that SageMaker refuses, or that loses money or work. */
export function checkTrainingProps(props: TrainingPipelineProps, settings: TrainingSettings): string[] {
  return [
    ...checkInstances(props, settings),
    ...checkCluster(props, settings),
    ...checkJobOptions(props, jobSetting(props, settings)),
    ...checkChannels(props, settings),
    ...checkNetwork(settings.network),
    ...checkScript(settings),
    ...checkJobNamePrefix(props.jobNamePrefix),
    ...checkTime(props, settings),
    ...checkSource(settings),
    ...checkHyperparameters(settings.hyperparameters),
    ...checkVariables('inferenceEnvironment', settings.inferenceEnvironment, MAX_CONTAINER_VALUE_LENGTH),
    ...checkWindow(props),
    ...checkVolume(settings.volumeSize),
    ...(props.modelBucket !== undefined && props.accessLogsBucket !== undefined
      ? ['accessLogsBucket has no effect on an existing modelBucket; enable access logs where that bucket is created']
      : []),
    ...checkAutoDeleteObjects(props, props.modelBucket && 'modelBucket'),
  ];
}

function jobSetting(props: TrainingPipelineProps, { isolation, checkpoints }: TrainingSettings): TrainingJobSetting {
  return {
    instanceCount: props.instanceCount,
    instanceTypes: props.instanceTypes,
    keepsAlive: props.keepAlive !== undefined,
    hasTrainingPlan: props.trainingPlanArn !== undefined,
    isIsolated: isolation,
    hasCheckpoints: checkpoints,
  };
}

function checkInstances(props: TrainingPipelineProps, settings: TrainingSettings): string[] {
  const { instanceTypes, instanceGroups } = props;
  if (instanceGroups === undefined) return checkInstanceTypes(instanceTypes ?? []);
  const types = [...new Set(instanceGroups.map(({ instanceType }) => instanceType))];
  const known = types.map((type) => findInstanceType(type)).filter((type) => type !== undefined);
  return [
    ...checkInstanceGroups(instanceGroups, jobSetting(props, settings)),
    ...(types.length === 0 ? [] : checkInstanceTypes(types, 'instanceGroups')),
    ...(props.volumeKey !== undefined && new Set(known.map(({ localNvme }) => localNvme)).size > 1
      ? ['volumeKey is refused for types with NVMe disks, and instanceGroups have both; leave volumeKey out']
      : []),
  ];
}

function checkInstanceTypes(types: readonly string[], property = 'instanceTypes'): string[] {
  if (types.length === 0) return ['instanceTypes is empty; name at least one type'];
  const problems = types
    .filter((name) => !Token.isUnresolved(name) && findInstanceType(name) === undefined)
    .map((name) => `${property}: ${unknownInstanceType(name)}`);
  const repeated = types.filter((name, index) => types.indexOf(name) !== index);
  if (repeated.length > 0) problems.push(`instanceTypes names ${repeated.join(', ')} twice; name every type once`);
  return problems;
}

function checkCluster(props: TrainingPipelineProps, { instanceCount, spot }: TrainingSettings): string[] {
  const problems: string[] = [];
  if (!Token.isUnresolved(instanceCount) && !(Number.isInteger(instanceCount) && instanceCount >= 1)) {
    problems.push(`instanceCount (${instanceCount}) must be a whole number from 1`);
  }
  const { keepAlive, trainingPlanArn, retryAttempts } = props;
  if (keepAlive !== undefined) {
    const seconds = secondsOf(keepAlive);
    if (spot)
      problems.push('keepAlive holds instances on demand, and spot is on; turn spot off or leave keepAlive out');
    if (seconds < KEEP_ALIVE_SECONDS.min || seconds > KEEP_ALIVE_SECONDS.max) {
      problems.push(
        `keepAlive (${seconds} s) is out of range; ${KEEP_ALIVE_SECONDS.min} to ${KEEP_ALIVE_SECONDS.max} s is allowed`,
      );
    }
  }
  if (trainingPlanArn !== undefined) {
    if (spot) problems.push('a training plan has reserved capacity, and spot is on; turn spot off');
    if (
      !Token.isUnresolved(trainingPlanArn) &&
      !/^arn:[^:]+:sagemaker:[^:]*:\d{12}:training-plan\/./.test(trainingPlanArn)
    ) {
      problems.push(
        `trainingPlanArn ('${trainingPlanArn}') is no training plan; expected is arn:aws:sagemaker:REGION:ACCOUNT:training-plan/NAME`,
      );
    }
  }
  if (retryAttempts !== undefined && !(Number.isInteger(retryAttempts) && retryAttempts >= 1 && retryAttempts <= 30)) {
    problems.push(`retryAttempts (${retryAttempts}) must be a whole number from 1 to 30`);
  }
  return problems;
}

function checkChannels(
  { trainingData, trainingDataPrefix, network, instanceGroups }: TrainingPipelineProps,
  { channels }: TrainingSettings,
): string[] {
  const problems: string[] = [];
  const names = Object.keys(channels);
  if (trainingData === undefined && names.length === 0) {
    problems.push('there is no data; give trainingData, or channels');
  }
  if (trainingData !== undefined && names.includes('train')) {
    problems.push('channels.train is the channel of trainingData already; give one of both');
  }
  const count = names.length + (trainingData === undefined ? 0 : 1);
  if (count > MAX_CHANNELS) problems.push(`there are ${count} channels; at most ${MAX_CHANNELS} are allowed`);
  problems.push(...checkKeyPrefix('trainingDataPrefix', trainingDataPrefix));
  const groupNames = instanceGroups?.map(({ name }) => name) ?? [];
  for (const name of names) {
    problems.push(...channels[name]!._problems(`channels.${name}`, groupNames));
    problems.push(...checkKeyPrefix(`prefix of channels.${name}`, channels[name]!._bucket?.prefix));
    if (name === SOURCE_CHANNEL || !/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
      problems.push(
        `channels.${name}: the name is not allowed; use 1 to 64 letters, digits, dots, underscores and hyphens, and not '${SOURCE_CHANNEL}'`,
      );
    }
    if (channels[name]!._fileSystem !== undefined && network?.vpc === undefined) {
      problems.push(`channels.${name} is a file system, which is reached from a VPC only; give network.vpc`);
    }
  }
  return problems;
}

function checkScript({ environment, metricDefinitions }: TrainingSettings): string[] {
  const problems: string[] = [];
  const tooMany = (what: string, map: { readonly [name: string]: string }, most: number): void => {
    const count = Object.keys(map).length;
    if (count > most) problems.push(`there are ${count} ${what}; at most ${most} are allowed`);
  };
  tooMany('environment variables', environment, MAX_ENVIRONMENT);
  tooMany('metricDefinitions', metricDefinitions, MAX_METRICS);
  if (MODEL_DATA_URL_VARIABLE in environment) {
    problems.push(
      `environment.${MODEL_DATA_URL_VARIABLE} is that of the artifact in the input of the execution; rename yours`,
    );
  }
  problems.push(...checkVariables('environment', environment, MAX_ENVIRONMENT_LENGTH));
  for (const [name, pattern] of Object.entries(metricDefinitions)) {
    const groups = groupsOf(pattern);
    if (groups === 1 && pattern.length <= MAX_PATTERN_LENGTH && name.length >= 1 && name.length <= 255) continue;
    if (name.length < 1 || name.length > 255) {
      problems.push(
        `metricDefinitions has a name of ${name.length} characters ('${name.slice(0, 40)}'); 1 to 255 are allowed`,
      );
      continue;
    }
    problems.push(
      groups === undefined
        ? `metricDefinitions.${name} ('${pattern}') is no regular expression`
        : `metricDefinitions.${name} ('${pattern}') has ${groups} groups and ${pattern.length} characters; ` +
            `one group, which is the number, and at most ${MAX_PATTERN_LENGTH} characters are allowed`,
    );
  }
  return problems;
}

function checkVariables(property: string, variables: { readonly [name: string]: string }, longest: number): string[] {
  return Object.entries(variables)
    .filter(([name, value]) => !/^[a-zA-Z_]\w*$/.test(name) || (!Token.isUnresolved(value) && value.length > longest))
    .map(
      ([name]) =>
        `${property}.${name} is not allowed; a name has letters, digits and underscores and begins with no digit, a value has at most ${longest} characters`,
    );
}

/** Number of capturing groups; undefined for text that is no regular expression. */
function groupsOf(pattern: string): number | undefined {
  try {
    return new RegExp(`${pattern}|`).exec('')!.length - 1;
  } catch {
    return undefined;
  }
}

/** Returns the problem of the beginning of names of jobs. */
export function checkJobNamePrefix(prefix: string | undefined): string[] {
  if (prefix === undefined || Token.isUnresolved(prefix)) return [];
  if (prefix.length <= MAX_JOB_NAME_PREFIX_LENGTH && /^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$/.test(prefix)) return [];
  return [
    `jobNamePrefix ('${prefix}') is not allowed; use 1 to ${MAX_JOB_NAME_PREFIX_LENGTH} letters, digits and single hyphens`,
  ];
}

function checkTime(props: TrainingPipelineProps, settings: TrainingSettings): string[] {
  const problems: string[] = [];
  const runtime = secondsOf(props.maxRuntime);
  const { maxRuntime, maxWait, keepAlive } = props;
  problems.push(...checkWholeDurations('seconds', { maxRuntime, maxWait, keepAlive }));
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
  if (settings.maxWait !== undefined && secondsOf(settings.maxWait) < runtime) {
    problems.push(
      `maxWait (${secondsOf(settings.maxWait)} s) is below maxRuntime (${runtime} s), which it includes; ` +
        'raise maxWait or lower maxRuntime',
    );
  }
  return problems;
}

function checkSource({ sourceDirectory, entryPoint }: TrainingSettings): string[] {
  const isInside = !path.relative(sourceDirectory, path.join(sourceDirectory, entryPoint)).startsWith('..');
  if (isInside && fs.existsSync(path.join(sourceDirectory, entryPoint))) return [];
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
    if (!/^\S+$/.test(name)) {
      problems.push(`hyperparameters has the name '${name.slice(0, 40)}', which is no argument --NAME; use no blanks`);
    }
    if (name.length <= MAX_HYPERPARAMETER_LENGTH.name && value.length <= MAX_HYPERPARAMETER_LENGTH.value) continue;
    problems.push(
      `hyperparameter ${name.slice(0, 40)} is too long; names have at most ${MAX_HYPERPARAMETER_LENGTH.name} characters, ` +
        `values ${MAX_HYPERPARAMETER_LENGTH.value}`,
    );
  }
  return problems;
}

function checkWindow({ window, hyperparameters = {} }: TrainingPipelineProps): string[] {
  if (window === undefined) return [];
  const problems = checkWholeDurations('seconds', { window });
  if (!window.isUnresolved() && window.toMilliseconds() === 0) problems.push('window (0 s) has no rows; raise it');
  if (WINDOW_HYPERPARAMETER in hyperparameters)
    problems.push(
      `window and the hyperparameter ${WINDOW_HYPERPARAMETER} are the same setting; leave out the hyperparameter`,
    );
  return problems;
}

function checkVolume(volumeSize: Size): string[] {
  if (volumeSize.isUnresolved()) return [];
  const gib = volumeSize.toGibibytes({ rounding: SizeRoundingBehavior.NONE });
  if (Number.isInteger(gib) && gib >= 1 && gib <= MAX_VOLUME_GIB) return [];
  return [`volumeSize (${gib} GiB) must be a whole number of GiB from 1 to ${MAX_VOLUME_GIB}`];
}

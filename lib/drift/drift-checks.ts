import { Token } from 'aws-cdk-lib';
import { findInstanceType, unknownInstanceType } from '../catalog/instance-types';
import { checkAutoDeleteObjects } from '../runtime/emptied-bucket';
import { checkKeyPrefix } from '../runtime/key-prefix';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';
import type { DriftMonitorProps, DriftSettings } from './drift-monitor-props';

/** Maximum length of the name of a monitor, with two hyphens, a hash and a random part within the 63 characters of a job's name. */
export const MAX_MONITOR_NAME_LENGTH = 21;
/** Maximum length of an argument of a container (API reference of AppSpecification). */
const MAX_ARGUMENT_LENGTH = 256;

/** Returns every setting that SageMaker refuses or that makes no sense. */
export function checkDriftProps(props: DriftMonitorProps, settings: DriftSettings): string[] {
  return [
    ...checkColumns(settings),
    ...checkPrefix('capturedDataPrefix', props.capturedDataPrefix),
    ...(props.baselineDataPrefix === undefined ? [] : checkPrefix('baselineDataPrefix', props.baselineDataPrefix)),
    ...(props.baselineDataPrefix !== undefined && props.baselineData === undefined
      ? ['baselineDataPrefix is in a bucket; give baselineData, or leave both out']
      : []),
    ...checkLimits(props, settings),
    ...checkTimes(settings),
    ...checkInstanceType(settings.instanceType),
    ...checkName(props.monitorName),
    ...checkAutoDeleteObjects(props, undefined),
  ];
}

function checkColumns({ columns, confidenceColumn }: DriftSettings): string[] {
  if (columns.length === 0) return ['columns is empty; name the columns to compare, as input.age'];
  const problems: string[] = [];
  for (const name of [...columns, ...(confidenceColumn === undefined ? [] : [confidenceColumn])]) {
    if (!/^[^\s,]{1,100}$/.test(name)) {
      problems.push(`columns: '${name}' is not allowed; a name has 1 to 100 characters, no spaces and no commas`);
    }
  }
  const repeated = columns.filter((name, index) => columns.indexOf(name) !== index);
  if (repeated.length > 0) problems.push(`columns names ${repeated.join(', ')} twice; name every column once`);
  const { length } = columns.join(',');
  if (length > MAX_ARGUMENT_LENGTH) {
    problems.push(
      `columns has ${length} characters; at most ${MAX_ARGUMENT_LENGTH} fit an argument of the job: watch fewer columns, or in two monitors`,
    );
  }
  return problems;
}

function checkPrefix(name: string, prefix: string): string[] {
  if (Token.isUnresolved(prefix)) return [];
  return [
    ...checkKeyPrefix(name, prefix),
    ...(prefix.endsWith('/') ? [] : [`${name} ('${prefix}') must end with a slash`]),
  ];
}

function checkLimits({ limits, confidenceColumn }: DriftMonitorProps, settings: DriftSettings): string[] {
  const problems: string[] = [];
  const { maxPsi, significance, maxConfidenceLoss, minRows } = settings;
  if (!(maxPsi > 0)) problems.push(`limits.maxPsi (${maxPsi}) must be above 0`);
  if (!(significance > 0 && significance < 1)) {
    problems.push(`limits.significance (${significance}) must be above 0 and below 1`);
  }
  if (!(maxConfidenceLoss > 0 && maxConfidenceLoss <= 1)) {
    problems.push(`limits.maxConfidenceLoss (${maxConfidenceLoss}) must be above 0 and at most 1`);
  }
  if (limits?.maxConfidenceLoss !== undefined && confidenceColumn === undefined) {
    problems.push('limits.maxConfidenceLoss has no effect without confidenceColumn; give it, or leave the limit out');
  }
  if (!(Number.isInteger(minRows) && minRows >= 30)) {
    problems.push(`limits.minRows (${minRows}) must be a whole number from 30, below which the tests say nothing`);
  }
  return problems;
}

function checkTimes({ minute, maxTimeUnevaluated, maxRuntime }: DriftSettings): string[] {
  const problems: string[] = [];
  if (!(Number.isInteger(minute) && minute >= 0 && minute <= 59)) {
    problems.push(`minute (${minute}) must be a whole number from 0 to 59`);
  }
  const hours = maxTimeUnevaluated.toHours({ integral: false });
  if (!(Number.isInteger(hours) && hours >= 1 && hours <= 24)) {
    problems.push(`maxTimeUnevaluated (${hours} h) must be whole hours from 1 to 24`);
  }
  problems.push(...checkWholeDurations('seconds', { maxRuntime }));
  const seconds = secondsOf(maxRuntime);
  if (seconds < 60 || seconds > 55 * 60) {
    problems.push(`maxRuntime (${seconds} s) is out of range; 60 to ${55 * 60} s is allowed`);
  }
  return problems;
}

function checkInstanceType(type: string): string[] {
  if (Token.isUnresolved(type) || findInstanceType(type) !== undefined) return [];
  return [`instanceType: ${unknownInstanceType(type)}`];
}

function checkName(name: string | undefined): string[] {
  if (name === undefined || Token.isUnresolved(name)) return [];
  if (name.length <= MAX_MONITOR_NAME_LENGTH && /^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$/.test(name)) return [];
  return [
    `monitorName ('${name}') is not allowed; use 1 to ${MAX_MONITOR_NAME_LENGTH} letters, digits and single hyphens`,
  ];
}

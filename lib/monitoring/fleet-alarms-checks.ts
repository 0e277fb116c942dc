import { Token } from 'aws-cdk-lib';
import { checkWholeDurations } from '../runtime/whole-amounts';
import type { AsyncEndpointAlarmsProps, InferenceComponentAlarmsProps } from './fleet-alarms-props';

/**
 * Maximum time that an alarm with periods of minutes looks at: a day (EvaluationPeriods in
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html).
 */
const MAX_MINUTES = 1440;

/** Returns every setting of a fleet's alarms that CloudWatch refuses, or with which an alarm never goes off. */
export function checkFleetAlarms(props: AsyncEndpointAlarmsProps & InferenceComponentAlarmsProps): string[] {
  const { maxErrorRatio, maxFailures, maxModelLatency, maxWait, maxOverload, maxTimeWithoutCapacity } = props;
  const problems = [
    ...checkWholeDurations('milliseconds', { maxModelLatency }),
    ...checkWholeDurations('seconds', { maxWait }),
    ...checkWholeDurations('minutes', { maxOverload, maxTimeWithoutCapacity }),
  ];
  if (problems.length > 0) return problems;
  for (const [name, duration] of Object.entries({ maxModelLatency, maxWait }))
    if (duration !== undefined && !duration.isUnresolved() && !(duration.toSeconds({ integral: false }) > 0))
      problems.push(`${name} (0 s) must be above 0`);
  for (const [name, duration] of Object.entries({ maxOverload, maxTimeWithoutCapacity })) {
    if (duration === undefined || duration.isUnresolved()) continue;
    const minutes = duration.toMinutes();
    if (minutes < 1 || minutes > MAX_MINUTES)
      problems.push(`${name} (${minutes} minutes) must be 1 to ${MAX_MINUTES} minutes, a day`);
  }
  if (known(maxErrorRatio) && !(maxErrorRatio > 0 && maxErrorRatio <= 1))
    problems.push(`maxErrorRatio (${maxErrorRatio}) must be above 0 and at most 1`);
  if (known(maxFailures) && !(Number.isFinite(maxFailures) && maxFailures > 0))
    problems.push(`maxFailures (${maxFailures}) must be above 0`);
  return problems;
}

function known(value: number | undefined): value is number {
  return value !== undefined && !Token.isUnresolved(value);
}

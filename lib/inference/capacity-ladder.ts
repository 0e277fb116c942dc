import { Duration, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { nearestNames } from '../core/nearest';
import { acknowledgeControl } from '../runtime/acknowledge';
import { tagValue } from './endpoint-names';
import type { CapacityGapAlarm, CapacityLadder, InstancePool } from './capacity-ladder-props';
import type { ScalableFleetBase } from './scalable-fleet-base';

/** The properties that say where instances come from. */
export interface CapacityProps {
  readonly pools?: InstancePool[];
  readonly capacity?: CapacityLadder;
  readonly provisionTimeout?: Duration;
  readonly capacityReservationArn?: string;
}

/** What they come to. */
export interface ResolvedCapacity {
  readonly instanceTypes: string[];
  readonly provisionTimeout: Duration | undefined;
  readonly reservationArn: string | undefined;
  /** The most instances that the quotas allow; undefined where they are not given for every pool. */
  readonly quota: number | undefined;
  readonly gapAlarm: CapacityGapAlarm | undefined;
  readonly problems: readonly string[];
}

/**
 * The ladder of an endpoint or a variant, in whichever way it was told.
 *
 * @param inherited instance types where none are given; without them they are required
 */
export function resolveCapacity(props: CapacityProps, inherited?: readonly string[]): ResolvedCapacity {
  const { capacity } = props;
  const pools = capacity?.pools ?? props.pools;
  const instanceTypes = pools?.map(({ instanceType }) => instanceType) ?? [...(inherited ?? [])];
  const counts = instanceTypes.map((instanceType) => capacity?.quotas?.[instanceType]);
  const known = counts.filter((count) => count !== undefined);
  return {
    instanceTypes,
    provisionTimeout: capacity?.provisionTimeout ?? props.provisionTimeout,
    reservationArn: capacity?.reservationArn ?? props.capacityReservationArn,
    quota:
      known.length === 0 || known.length < counts.length ? undefined : known.reduce((sum, count) => sum + count, 0),
    gapAlarm: capacity?.gapAlarm,
    problems: [
      ...saidTwice(props),
      ...(pools === undefined && inherited === undefined
        ? [
            "pools or capacity is needed: set pools: [{ instanceType: 'ml.g5.xlarge' }], or capacity with pools, quotas and an alarm",
          ]
        : []),
      ...checkQuotas(capacity?.quotas, instanceTypes),
      ...checkGapAlarm(capacity?.gapAlarm),
    ],
  };
}

function saidTwice({ capacity, pools, provisionTimeout, capacityReservationArn }: CapacityProps): string[] {
  if (capacity === undefined) return [];
  return Object.entries({
    pools: [pools, 'capacity.pools'],
    provisionTimeout: [provisionTimeout, 'capacity.provisionTimeout'],
    capacityReservationArn: [capacityReservationArn, 'capacity.reservationArn'],
  }).flatMap(([name, [value, inside]]) =>
    value === undefined ? [] : [`${name} is set beside capacity, which says the same; set ${inside as string} only`],
  );
}

function checkQuotas(quotas: CapacityLadder['quotas'], instanceTypes: readonly string[]): string[] {
  return Object.entries(quotas ?? {}).flatMap(([instanceType, count]) => {
    if (!instanceTypes.includes(instanceType)) {
      const [near] = nearestNames(instanceType, instanceTypes, 1);
      return [
        `capacity.quotas names ${instanceType}, which is in no pool (${instanceTypes.join(', ')})` +
          (near === undefined ? '' : `; did you mean ${near}?`),
      ];
    }
    if (Token.isUnresolved(count)) return [];
    if (!Number.isInteger(count) || count < 0) {
      return [`capacity.quotas of ${instanceType} (${count}) must be a whole number, 0 or more`];
    }
    if (count > 0) return [];
    return [
      `capacity.quotas of ${instanceType} is 0, so that this pool can never give an instance; ask for quota in Service Quotas ` +
        `('${instanceType} for endpoint usage'), or take the pool out`,
    ];
  });
}

function checkGapAlarm(alarm: CapacityGapAlarm | undefined): string[] {
  const seconds = alarm?.after?.toSeconds({ integral: false }) ?? 60;
  if (seconds >= 60 && seconds <= 7200 && seconds % 60 === 0) return [];
  return [`capacity.gapAlarm.after (${seconds} s) must be whole minutes, 1 to 120`];
}

/** Declares the alarm of a fleet's ladder; undefined where the ladder has none. */
export function capacityGapAlarm(
  fleet: ScalableFleetBase,
  { gapAlarm }: Pick<ResolvedCapacity, 'gapAlarm'>,
): cloudwatch.Alarm | undefined {
  if (gapAlarm === undefined) return undefined;
  const { maxConcurrencyPerInstance } = fleet;
  const { topic, after = Duration.minutes(15) } = gapAlarm;
  const minutes = after.toMinutes();
  const alarm = new cloudwatch.Alarm(fleet, 'CapacityGap', {
    alarmDescription:
      `For ${minutes} minutes more has been asked of the instances than they were tested with (${maxConcurrencyPerInstance} requests at ` +
      'a time), and no further ones came: no capacity in any pool, no quota, or the maximum is reached. Add a pool, ask for quota or ' +
      'raise the maximum.',
    metric: askedOf(fleet),
    threshold: maxConcurrencyPerInstance,
    comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: minutes,
    treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
  });
  if (topic === undefined) {
    acknowledgeControl(alarm, 'CloudWatchAlarmAction', 'Nobody is to be told: capacity.gapAlarm names no topic.');
    return alarm;
  }
  alarm.addAlarmAction(new SnsAction(topic));
  alarm.addOkAction(new SnsAction(topic));
  return alarm;
}

/**
 * What is asked of one replica. A fleet at zero has none, and publishes nothing of it: there, work that waits without capacity counts as
 * one request more than a replica was tested with.
 */
function askedOf(fleet: ScalableFleetBase): cloudwatch.IMetric {
  const period = Duration.minutes(1);
  const asked = fleet.metricConcurrencyPerInstance({ statistic: cloudwatch.Stats.MAXIMUM, period });
  const waiting = fleet.signals?.workWithoutCapacity;
  if (waiting === undefined) return asked;
  return new cloudwatch.MathExpression({
    label: 'Asked of one replica',
    expression: `FILL(asked, 0) + FILL(waiting, 0) * (1 + ${tagValue(fleet.maxConcurrencyPerInstance)})`,
    usingMetrics: { asked, waiting: waiting as cloudwatch.Metric },
    period,
  });
}

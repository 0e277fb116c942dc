import { Duration, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { findInstanceType, unknownInstanceType } from '../../catalog/instance-types';
import { nearestNames } from '../../core/nearest';
import { acknowledgeControl } from '../../runtime/acknowledge';
import type { IScalableFleet } from '../../scaling';
import { loadPerInstance } from '../../scaling/fleet-load';
import { checkWhole, type Resolved } from '../value-checks';
import { tagValue } from './endpoint-names';

/** Instances of one type. */
export interface InstancePool {
  /** Instance type, for example `ml.g5.xlarge`. */
  readonly instanceType: string;
}

/** An alarm that fires when the demand exceeds the tested concurrency of the instances and no further instance starts. */
export interface CapacityGapAlarmProps {
  /**
   * SNS topic that is notified when the alarm fires and when it is over.
   *
   * @default - no action; the alarm can be viewed and given actions
   */
  readonly topic?: sns.ITopic;

  /**
   * Time that the gap has to last: longer than an instance takes to start, 1 minute to 2 hours.
   *
   * @default Duration.minutes(15)
   */
  readonly after?: Duration;
}

/** The instance types of a fleet in order of preference, and what happens when SageMaker finds no capacity of them. */
export interface InstanceCapacityProps {
  /**
   * One to five instance types in order of preference. Where SageMaker finds no capacity of one it takes the next; when the fleet shrinks,
   * the instances of the last one go first.
   */
  readonly pools: InstancePool[];

  /**
   * Time to look for capacity of one pool before the next is tried, 5 to 60 minutes.
   *
   * @default Duration.minutes(10)
   */
  readonly provisionTimeout?: Duration;

  /**
   * ARN of an ML capacity reservation (a training plan made for endpoints); instances are launched only inside it. One pool only.
   *
   * @default - on-demand capacity
   */
  readonly reservationArn?: string;

  /**
   * Alarm on the gap between the demand and the tested concurrency.
   *
   * @default - none
   */
  readonly gapAlarm?: CapacityGapAlarmProps;

  /**
   * Instances of each type that the account may have for endpoints (Service Quotas, "TYPE for endpoint usage"). The maximum capacity of the
   * fleet is checked against their sum when the stack is synthesized.
   *
   * @default - quotas are not checked
   */
  readonly quotas?: { [instanceType: string]: number };
}

/** Limits of the SageMaker API reference, ProductionVariant. */
const MAX_POOLS = 5;
const MIN_PROVISION_SECONDS = 300;
const MAX_PROVISION_SECONDS = 3600;

const DEFAULT_PROVISION_SECONDS = 600;
const DEFAULT_GAP = Duration.minutes(15);

/**
 * Capacity settings with their defaults.
 *
 * @internal
 */
export interface InstanceCapacity {
  readonly instanceTypes: string[];
  readonly provisionTimeoutSeconds: number;
  readonly reservationArn: string | undefined;
  /** Maximum number of instances that the quotas allow; undefined where they are not given for every pool. */
  readonly quota: number | undefined;
  readonly gapAlarm: CapacityGapAlarmProps | undefined;
}

/**
 * Resolves the capacity of an endpoint or a variant.
 *
 * @param inherited supplies instance types and the timeout where the props leave them out: those of the endpoint's first variant
 *
 * @internal
 */
export function resolveCapacity(
  props: InstanceCapacityProps | undefined,
  inherited?: Pick<InstanceCapacity, 'instanceTypes' | 'provisionTimeoutSeconds'>,
): Resolved<InstanceCapacity> {
  const instanceTypes = props?.pools.map(({ instanceType }) => instanceType) ?? [...(inherited?.instanceTypes ?? [])];
  const provisionTimeoutSeconds =
    props?.provisionTimeout?.toSeconds({ integral: false }) ??
    inherited?.provisionTimeoutSeconds ??
    DEFAULT_PROVISION_SECONDS;
  const counts = instanceTypes.map((instanceType) => props?.quotas?.[instanceType]);
  const known = counts.filter((count) => count !== undefined);
  return {
    value: {
      instanceTypes,
      provisionTimeoutSeconds,
      reservationArn: props?.reservationArn,
      quota:
        known.length === 0 || known.length < counts.length ? undefined : known.reduce((sum, count) => sum + count, 0),
      gapAlarm: props?.gapAlarm,
    },
    problems: [
      ...checkInstanceTypes('capacity.pools', instanceTypes),
      ...checkReservation(props),
      ...checkWhole(
        'capacity.provisionTimeout',
        provisionTimeoutSeconds,
        MIN_PROVISION_SECONDS,
        MAX_PROVISION_SECONDS,
        's',
      ),
      ...checkQuotas(props?.quotas, instanceTypes),
      ...checkGapAlarm(props?.gapAlarm),
    ],
  };
}

/**
 * Problems of an ordered list of accelerated instance types.
 *
 * @internal
 */
export function checkInstanceTypes(property: string, instanceTypes: readonly string[]): string[] {
  const problems: string[] = [];
  if (instanceTypes.length < 1 || instanceTypes.length > MAX_POOLS) {
    problems.push(
      `${property} has ${instanceTypes.length} instance types; give 1 to ${MAX_POOLS} in order of preference`,
    );
  }
  for (const name of new Set(instanceTypes.filter((type, index) => instanceTypes.indexOf(type) !== index))) {
    problems.push(`${property} names ${name} twice; one pool of it is enough`);
  }
  const kinds = new Set<string>();
  for (const name of new Set(instanceTypes)) {
    if (Token.isUnresolved(name)) continue;
    const type = findInstanceType(name);
    if (type === undefined) problems.push(unknownInstanceType(name));
    else if (type.burstable)
      problems.push(`${name} is burstable, which endpoint autoscaling refuses; choose a GPU type`);
    else if (type.accelerator === undefined)
      problems.push(`${name} has no accelerator; choose a GPU type, for example ml.g5.xlarge`);
    else kinds.add(type.accelerator.kind);
  }
  if (kinds.size > 1)
    problems.push(`${property} mixes GPU and Neuron types, which need different images; make two endpoints`);
  return problems;
}

function checkReservation(props: InstanceCapacityProps | undefined): string[] {
  if (props?.reservationArn === undefined || props.pools.length <= 1) return [];
  return [
    `capacity.reservationArn reserves one instance type, but capacity.pools has ${props.pools.length}; keep the reserved one`,
  ];
}

function checkQuotas(quotas: InstanceCapacityProps['quotas'], instanceTypes: readonly string[]): string[] {
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
      `capacity.quotas of ${instanceType} is 0, so this pool can never provide an instance; request quota in Service Quotas ` +
        `('${instanceType} for endpoint usage'), or remove the pool`,
    ];
  });
}

function checkGapAlarm(alarm: CapacityGapAlarmProps | undefined): string[] {
  const seconds = (alarm?.after ?? DEFAULT_GAP).toSeconds({ integral: false });
  if (seconds >= 60 && seconds <= 7200 && seconds % 60 === 0) return [];
  return [`capacity.gapAlarm.after (${seconds} s) must be whole minutes, 1 to 120`];
}

/**
 * Problems of the number of instances that an endpoint or a variant starts with.
 *
 * @internal
 */
export function checkInitialInstanceCount(initialInstanceCount: number, { quota }: InstanceCapacity): string[] {
  const problems = checkWhole('initialInstanceCount', initialInstanceCount, 1, Infinity);
  if (quota === undefined || Token.isUnresolved(initialInstanceCount) || initialInstanceCount <= quota) return problems;
  return [
    ...problems,
    `initialInstanceCount (${initialInstanceCount}) is above ${quota}, all instances that capacity.quotas allow; lower it, add a pool, or ` +
      'request quota in Service Quotas',
  ];
}

/**
 * Renders the capacity for a production variant: pools in order, or a reservation of one type.
 *
 * @internal
 */
export function capacityConfig({
  instanceTypes,
  provisionTimeoutSeconds,
  reservationArn,
}: {
  readonly instanceTypes: readonly string[];
  readonly provisionTimeoutSeconds: number;
  readonly reservationArn?: string;
}): Partial<sagemaker.CfnEndpointConfig.ProductionVariantProperty> {
  if (reservationArn === undefined) {
    return {
      instancePools: instanceTypes.map((instanceType, index) => ({ instanceType, priority: index + 1 })),
      variantInstanceProvisionTimeoutInSeconds: provisionTimeoutSeconds,
    };
  }
  return {
    instanceType: instanceTypes[0],
    capacityReservationConfig: {
      capacityReservationPreference: 'capacity-reservations-only',
      mlReservationArn: reservationArn,
    },
  };
}

/**
 * Declares the alarm on the capacity gap of a fleet; undefined where none is configured.
 *
 * @internal
 */
export function capacityGapAlarm(
  fleet: IScalableFleet,
  { gapAlarm }: { readonly gapAlarm?: CapacityGapAlarmProps },
): cloudwatch.Alarm | undefined {
  if (gapAlarm === undefined) return undefined;
  const { maxConcurrencyPerInstance } = fleet;
  const { topic, after = DEFAULT_GAP } = gapAlarm;
  const minutes = after.toMinutes();
  const alarm = new cloudwatch.Alarm(fleet, 'CapacityGap', {
    alarmDescription:
      `For ${minutes} minutes the demand has exceeded what the instances are declared for (maxConcurrencyPerInstance, ` +
      `${maxConcurrencyPerInstance} requests each), and no further instance started: no capacity in any pool, no quota, or the maximum is reached. Add a pool, request quota or raise ` +
      'the maximum.',
    metric: demandPerReplica(fleet),
    threshold: maxConcurrencyPerInstance,
    comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: minutes,
    treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
  });
  if (topic === undefined) {
    acknowledgeControl(alarm, 'CloudWatchAlarmAction', 'No action by design: capacity.gapAlarm has no topic.');
    return alarm;
  }
  alarm.addAlarmAction(new SnsAction(topic));
  alarm.addOkAction(new SnsAction(topic));
  return alarm;
}

/**
 * Demand per replica. A fleet at zero has no replica and publishes no such metric: there, work that waits without capacity counts as one
 * request more than the tested concurrency.
 */
function demandPerReplica(fleet: IScalableFleet): cloudwatch.IMetric {
  const period = Duration.minutes(1);
  const demand = loadPerInstance(fleet, { statistic: cloudwatch.Stats.MAXIMUM, period })!;
  const waiting = fleet.signals?.workWithoutCapacity;
  if (waiting === undefined) return demand;
  return new cloudwatch.MathExpression({
    label: 'Demand per replica',
    expression: `FILL(demand, 0) + FILL(waiting, 0) * (1 + ${tagValue(fleet.maxConcurrencyPerInstance)})`,
    usingMetrics: { demand, waiting: waiting as cloudwatch.Metric },
    period,
  });
}

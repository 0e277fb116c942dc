import { quantile } from '../core/statistics';
import { setsCapacity, wantedCapacity } from '../scaling/decide/scale-events';
import type { ScalingActivity, ScalingActivityStatus } from '../scaling/contract';
import type { Json } from '../core/parse';
import type { InspectionWindow, RecordedSeries } from './contract';
import { periodCount } from './metrics';
import { timeOf, textOf } from './reading';

/** Facts from which the number of instances in the past follows. */
export interface InstanceFacts {
  readonly window: InspectionWindow;
  readonly invocations: RecordedSeries;
  readonly invocationsPerInstance: RecordedSeries;
  /** Number of values that the instances published of their memory. */
  readonly memorySamples: RecordedSeries;
  readonly activities: readonly ScalingActivity[];
  /** Instances at the time of the inspection; null where unknown. */
  readonly presentCapacity: number | null;
}

/** Instances in service per period, and the origin of the values in words. */
export interface RecordedInstances {
  readonly series: RecordedSeries;
  readonly from: string;
}

/** Minimum number of periods that tell how many values an instance publishes in one. */
const MIN_CALIBRATION_PERIODS = 5;

/**
 * Instances in service. SageMaker publishes no such metric, but each request counts 1/N in `InvocationsPerInstance`, with N instances in
 * service (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ScalingPolicyMetric.html), so `Invocations` divided by it is N.
 * Periods without requests have N from the number of values that the instances published of their memory, and from scaling activities.
 */
export function recordedInstances(facts: InstanceFacts): RecordedInstances {
  const { window, invocations, invocationsPerInstance, memorySamples } = facts;
  const count = periodCount(window);
  const scaled = scaledCapacity(facts);
  const series: (number | null)[] = new Array<number | null>(count).fill(null);
  const ratios: { readonly byRequests: number[]; readonly byActivities: number[] } = {
    byRequests: [],
    byActivities: [],
  };
  for (let index = 0; index < count; index++) {
    const [requests, share] = [invocations[index] ?? 0, invocationsPerInstance[index] ?? 0];
    if (requests > 0 && share > 0) series[index] = rounded(requests / share);
    const samples = memorySamples[index] ?? 0;
    if (samples > 0 && series[index] !== null) ratios.byRequests.push(samples / series[index]!);
    if (samples > 0 && (scaled[index] ?? 0) > 0) ratios.byActivities.push(samples / scaled[index]!);
  }
  const byRequests = known(series);

  const best = ratios.byRequests.length >= MIN_CALIBRATION_PERIODS ? ratios.byRequests : ratios.byActivities;
  if (best.length >= MIN_CALIBRATION_PERIODS) {
    const perInstance = quantile(best, 0.5);
    for (let index = 0; index < count; index++) {
      const samples = memorySamples[index] ?? null;
      if (samples !== null) series[index] ??= rounded(samples / perInstance);
    }
  }
  const bySamples = known(series) - byRequests;

  for (let index = 0; index < count; index++) series[index] ??= scaled[index] ?? null;
  const byActivities = known(series) - byRequests - bySamples;

  const parts = [
    [byRequests, 'Invocations ÷ InvocationsPerInstance'],
    [bySamples, 'the number of values of MemoryUtilization'],
    [byActivities, 'scaling activities'],
    [count - known(series), 'nothing: unknown'],
  ] as const;
  const from = parts
    .filter(([periods]) => periods > 0)
    .map(([periods, source]) => `${periods} periods from ${source}`)
    .join(', ');
  return known(series) === 0 ? { series: [], from: 'nothing: unknown' } : { series, from };
}

const known = (series: RecordedSeries): number => series.filter((value) => value !== null).length;

/** A value next to a whole number is that number, apart from rounding in the metrics. */
function rounded(value: number): number {
  const whole = Math.round(value);
  return Math.abs(value - whole) <= 0.02 * Math.max(1, whole) ? whole : Math.round(value * 1000) / 1000;
}

/** Capacity per period by the activities that set it; null before the first, and the present one where nothing ever set it. */
function scaledCapacity({ window, activities, presentCapacity }: InstanceFacts): RecordedSeries {
  const changes = activities
    .filter(setsCapacity)
    .map((activity) => ({
      at: activity.endedAt ?? activity.startedAt,
      capacity: wantedCapacity(activity.description)!,
    }))
    .sort((a, b) => a.at - b.at);
  let capacity = changes.length === 0 ? presentCapacity : null;
  let next = 0;
  return Array.from({ length: periodCount(window) }, (_, index) => {
    const at = window.start + index * window.periodSeconds;
    while (next < changes.length && changes[next]!.at <= at) capacity = changes[next++]!.capacity;
    return capacity;
  });
}

/** Reads scaling activities as DescribeScalingActivities returns them. Those without id or start are left out. */
export function readActivities(activities: readonly Json[]): ScalingActivity[] {
  return activities.flatMap((activity) => {
    const activityId = textOf(activity['ActivityId']);
    const startedAt = timeOf(activity['StartTime']);
    const endedAt = timeOf(activity['EndTime']);
    const statusMessage = textOf(activity['StatusMessage']);
    if (activityId === undefined || startedAt === undefined) return [];
    return [
      {
        activityId,
        resourceId: textOf(activity['ResourceId']) ?? '',
        description: textOf(activity['Description']) ?? '',
        cause: textOf(activity['Cause']) ?? '',
        startedAt,
        ...(endedAt !== undefined && { endedAt }),
        status: (textOf(activity['StatusCode']) ?? 'Pending') as ScalingActivityStatus,
        ...(statusMessage !== undefined && { statusMessage }),
      },
    ];
  });
}

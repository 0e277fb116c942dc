import type { EndpointKind } from '../catalog/hosting-metrics';
import { InputError } from '../core/errors';
import type { Json } from '../core/parse';
import type { EpochSeconds } from '../core/time';
import { METRIC_IDS, metricNameOf, type MetricQueryId } from './calls';
import type { InspectionWindow, RecordedSeries } from './contract';
import { timeOf, objectsOf, textOf } from './reading';

/** Values of a metric by the starts of their periods. */
export type MetricPoints = ReadonlyMap<EpochSeconds, number>;

/** Metrics of a fleet as read, and why they may be incomplete. */
export interface ReadMetrics {
  readonly points: { readonly [id in MetricQueryId]: MetricPoints };
  /** Reasons, a sentence each; none for complete ones. */
  readonly problems: readonly string[];
}

const NO_POINTS: MetricPoints = new Map();

/**
 * Reads responses of GetMetricData. Results of several pages, which have the same id, are joined; results with other ids count for the
 * metric of their label.
 *
 * @throws InputError when a response has no results, or one whose values and times do not match
 */
export function readMetrics(document: Json, kind: EndpointKind, name: string): ReadMetrics {
  if (!Array.isArray(document['MetricDataResults'])) {
    throw new InputError(`${name} has no MetricDataResults; save the output of aws cloudwatch get-metric-data`);
  }
  const points: { [id in MetricQueryId]?: Map<EpochSeconds, number> } = {};
  const problems: string[] = [];
  for (const result of objectsOf(document['MetricDataResults'])) {
    const id = idOf(result, kind);
    if (id === undefined) continue;
    const { Timestamps: times, Values: values, StatusCode: status } = result;
    if (!Array.isArray(times) || !Array.isArray(values) || times.length !== values.length) {
      throw new InputError(`${name}: result ${id} needs as many Timestamps as Values; save it again`);
    }
    const into = (points[id] ??= new Map());
    times.forEach((time: unknown, index) => {
      const at = timeOf(time);
      const value: unknown = values[index];
      if (at === undefined || typeof value !== 'number' || !Number.isFinite(value)) {
        throw new InputError(
          `${name}: result ${id} has ${JSON.stringify(value)} at ${JSON.stringify(time)}; expected a number and a time`,
        );
      }
      into.set(at, value);
    });
    if (status !== undefined && status !== 'Complete' && !isContinued(document, result)) {
      problems.push(
        `${name}: ${id} is incomplete (${textOf(status) ?? 'its status is unknown'}): CloudWatch had more values than it returned`,
      );
    }
  }
  if (textOf(document['NextToken']) !== undefined) {
    problems.push(`${name} ends with a NextToken: it is the first page of several, and the rest is missing`);
  }
  return {
    points: Object.fromEntries(
      METRIC_IDS.map((id) => [id, points[id] ?? NO_POINTS]),
    ) as unknown as ReadMetrics['points'],
    problems,
  };
}

/** True if a later page has the rest of a result, as it is after the AWS CLI joined the pages. */
function isContinued(document: Json, result: Json): boolean {
  const same = objectsOf(document['MetricDataResults']).filter(({ Id }) => Id === result['Id']);
  return same.indexOf(result) < same.length - 1 && same[same.length - 1]!['StatusCode'] === 'Complete';
}

function idOf(result: Json, kind: EndpointKind): MetricQueryId | undefined {
  const own = METRIC_IDS.find((id) => id === result['Id']);
  if (own !== undefined) return own;
  // A label names the metric and not its statistic: the first id of a metric has its usual one.
  return METRIC_IDS.find((id) => metricNameOf(id, kind) === result['Label']);
}

/** Window that metrics were recorded in: their first and last values, in periods of the shortest distance between two. */
export function windowOf(read: readonly ReadMetrics[]): InspectionWindow | null {
  const times = [...new Set(read.flatMap(({ points }) => METRIC_IDS.flatMap((id) => [...points[id].keys()])))].sort(
    (a, b) => a - b,
  );
  if (times.length === 0) return null;
  const distances = times.slice(1).map((time, index) => time - times[index]!);
  const periodSeconds = distances.length === 0 ? 60 : distances.reduce((least, one) => Math.min(least, one));
  return { start: times[0]!, end: times[times.length - 1]! + periodSeconds, periodSeconds };
}

/** Maximum number of periods of a window: 15 months of minutes. */
const MAX_PERIODS = 700_000;

/**
 * Number of periods of a window.
 *
 * @throws InputError for more than any recording of CloudWatch has
 */
export function periodCount({ start, end, periodSeconds }: InspectionWindow): number {
  const count = Math.max(0, Math.round((end - start) / periodSeconds));
  if (count <= MAX_PERIODS) return count;
  throw new InputError(
    `the metrics span ${end - start} s in periods of ${periodSeconds} s, more than ${MAX_PERIODS} periods; save all of them with one --period`,
  );
}

/** Values of each period of a window, null where there is none; an empty series without any value. */
export function seriesOf(points: MetricPoints, window: InspectionWindow, scale = 1): RecordedSeries {
  if (points.size === 0) return [];
  const series: (number | null)[] = new Array<number | null>(periodCount(window)).fill(null);
  for (const [at, value] of points) {
    const index = Math.floor((at - window.start) / window.periodSeconds);
    if (index >= 0 && index < series.length) series[index] = value * scale;
  }
  return series;
}

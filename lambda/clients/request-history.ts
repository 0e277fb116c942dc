import { CloudWatchClient, GetMetricDataCommand, type MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { livenessMetric, type HostingMetricId } from '../../lib/catalog/hosting-metrics';
import { PermanentError, RetryableError } from '../../lib/core/errors';
import { SECONDS_PER_MINUTE } from '../../lib/core/time';
import type { ForecasterConfiguration } from '../../lib/scaling/contract';
import { awsClient } from './aws-client';

/** One minute of a fleet. */
export interface CountedMinute {
  /** Minutes since 1970. */
  readonly minute: number;
  /** Number of requests; undefined where only another metric shows that the fleet was running. */
  readonly requests: number | undefined;
}

/** Number of requests of a fleet, minute by minute. */
export interface RequestHistory {
  /** Yields pages of the minutes in [from, to) that have a count, or in which the fleet is known to have been running, in order. */
  read(fromMinute: number, toMinute: number, signal?: AbortSignal): AsyncIterable<readonly CountedMinute[]>;
}

/** Number of minutes in one page, half a week: bounds the memory for a history of any length. */
const PAGE_SIZE = 5040;

const REQUESTS = 'requests';
const LIVENESS = 'liveness';

/** {@link RequestHistory} of a metric in CloudWatch. */
export function createRequestHistory(
  metric: ForecasterConfiguration['demand'],
  cloudWatch = awsClient(CloudWatchClient),
): RequestHistory {
  const liveness = livenessMetric(metric);
  const queries = [
    query(REQUESTS, metric, metric.statistic),
    ...(liveness === undefined ? [] : [query(LIVENESS, liveness, 'SampleCount')]),
  ];
  /** Reads both metrics over a range; the pages of a response need not have the same minutes of both. */
  async function readRange(from: number, to: number, signal?: AbortSignal): Promise<readonly CountedMinute[]> {
    const minutes = new Map<number, number | undefined>();
    let nextToken: string | undefined;
    do {
      const response = await cloudWatch.send(
        new GetMetricDataCommand({
          MetricDataQueries: queries,
          StartTime: new Date(from * SECONDS_PER_MINUTE * 1000),
          EndTime: new Date(to * SECONDS_PER_MINUTE * 1000),
          ScanBy: 'TimestampAscending',
          NextToken: nextToken,
        }),
        { abortSignal: signal },
      );
      for (const { Id, StatusCode, Messages = [], Timestamps = [], Values = [] } of response.MetricDataResults ?? []) {
        if (Id !== REQUESTS && Id !== LIVENESS) continue;
        throwFailure(metric, StatusCode, Messages.map(({ Code, Value }) => `${Code}: ${Value}`).join('; '));
        Timestamps.forEach((at, index) => {
          const minute = Math.floor(at.getTime() / 1000 / SECONDS_PER_MINUTE);
          if (Id === REQUESTS && Values[index] !== undefined) minutes.set(minute, Values[index]);
          else if (!minutes.has(minute)) minutes.set(minute, undefined);
        });
      }
      nextToken = response.NextToken;
    } while (nextToken !== undefined);
    return [...minutes].map(([minute, requests]) => ({ minute, requests })).sort((a, b) => a.minute - b.minute);
  }
  return {
    async *read(fromMinute, toMinute, signal) {
      for (let from = fromMinute; from < toMinute; from += PAGE_SIZE)
        yield await readRange(from, Math.min(toMinute, from + PAGE_SIZE), signal);
    },
  };
}

function query(id: string, { namespace, metricName, dimensions }: HostingMetricId, statistic: string): MetricDataQuery {
  return {
    Id: id,
    MetricStat: {
      Metric: {
        Namespace: namespace,
        MetricName: metricName,
        Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      },
      Period: SECONDS_PER_MINUTE,
      Stat: statistic,
    },
  };
}

/** Throws for statuses without usable data; `PartialData` means that more pages follow. */
function throwFailure(metric: ForecasterConfiguration['demand'], status: string | undefined, messages: string): void {
  const what = `${metric.namespace} ${metric.metricName} cannot be read (${status}${messages === '' ? '' : `, ${messages}`})`;
  if (status === 'Forbidden') throw new PermanentError(what);
  if (status === 'InternalError') throw new RetryableError(what);
}

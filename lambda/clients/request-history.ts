import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { PermanentError, RetryableError } from '../../lib/core/errors';
import { SECONDS_PER_MINUTE } from '../../lib/core/time';
import type { ForecasterConfiguration } from '../../lib/scaling/contract';

/** The requests of one minute. */
export interface CountedMinute {
  /** Minutes since 1970. */
  readonly minute: number;
  readonly requests: number;
}

/** How many requests a fleet got, minute by minute. */
export interface RequestHistory {
  /** The minutes in [from, to) that were counted, in order, a page at a time; minutes without a count are left out. */
  read(fromMinute: number, toMinute: number): AsyncIterable<readonly CountedMinute[]>;
}

/** Counts in one page: half a week of minutes, so that memory stays bounded however far back the history goes. */
const PAGE_SIZE = 5040;

const QUERY_ID = 'requests';

/** {@link RequestHistory} from a metric in CloudWatch. */
export function createRequestHistory(
  metric: ForecasterConfiguration['demand'],
  cloudWatch = new CloudWatchClient({}),
): RequestHistory {
  const query = {
    Id: QUERY_ID,
    MetricStat: {
      Metric: {
        Namespace: metric.namespace,
        MetricName: metric.metricName,
        Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
      },
      Period: SECONDS_PER_MINUTE,
      Stat: metric.statistic,
    },
  };
  return {
    async *read(fromMinute, toMinute) {
      let nextToken: string | undefined;
      do {
        const answer = await cloudWatch.send(
          new GetMetricDataCommand({
            MetricDataQueries: [query],
            StartTime: new Date(fromMinute * SECONDS_PER_MINUTE * 1000),
            EndTime: new Date(toMinute * SECONDS_PER_MINUTE * 1000),
            ScanBy: 'TimestampAscending',
            MaxDatapoints: PAGE_SIZE,
            NextToken: nextToken,
          }),
        );
        const page: CountedMinute[] = [];
        for (const { Id, StatusCode, Messages = [], Timestamps = [], Values = [] } of answer.MetricDataResults ?? []) {
          if (Id !== QUERY_ID) continue;
          refuseFailure(metric, StatusCode, Messages.map(({ Code, Value }) => `${Code}: ${Value}`).join('; '));
          Timestamps.forEach((at, index) => {
            const requests = Values[index];
            if (requests !== undefined)
              page.push({ minute: Math.floor(at.getTime() / 1000 / SECONDS_PER_MINUTE), requests });
          });
        }
        yield page.sort((a, b) => a.minute - b.minute);
        nextToken = answer.NextToken;
      } while (nextToken !== undefined);
    },
  };
}

/** `PartialData` is a page with more to come; the other answers tell nothing that could be counted on. */
function refuseFailure(metric: ForecasterConfiguration['demand'], status: string | undefined, messages: string): void {
  const what = `${metric.namespace} ${metric.metricName} cannot be read (${status}${messages === '' ? '' : `, ${messages}`})`;
  if (status === 'Forbidden') throw new PermanentError(what);
  if (status === 'InternalError') throw new RetryableError(what);
}

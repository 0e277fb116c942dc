import { GetMetricStatisticsCommand, type CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { EpochSeconds } from '../../core/time';

/** Counts failed invocations of the deployed handlers by Lambda's metric `Errors`. */
export class HandlerErrors {
  private readonly counts = new Map<string, number>();

  public constructor(
    private readonly cloudWatch: Pick<CloudWatchClient, 'send'>,
    private readonly functionNames: readonly string[],
    private countedUntil: EpochSeconds,
  ) {}

  /** Adds the errors since the last call. */
  public async poll(until: EpochSeconds): Promise<void> {
    const from = this.countedUntil;
    if (until <= from) return;
    await Promise.all(
      this.functionNames.map(async (name) => {
        const { Datapoints = [] } = await this.cloudWatch.send(
          new GetMetricStatisticsCommand({
            Namespace: 'AWS/Lambda',
            MetricName: 'Errors',
            Dimensions: [{ Name: 'FunctionName', Value: name }],
            StartTime: new Date(from * 1000),
            EndTime: new Date(until * 1000),
            Period: 60,
            Statistics: ['Sum'],
          }),
        );
        const errors = Datapoints.reduce((sum, { Sum = 0 }) => sum + Sum, 0);
        if (errors > 0) this.counts.set(name, (this.counts.get(name) ?? 0) + errors);
      }),
    );
    this.countedUntil = until;
  }

  /** Number of failed invocations by function. */
  public totals(): { readonly [functionName: string]: number } {
    return Object.fromEntries(this.counts);
  }
}

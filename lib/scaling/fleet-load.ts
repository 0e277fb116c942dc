import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IScalableFleet } from './scalable-fleet';

/** Metric of the requests on one instance: its concurrency, or the backlog of a fleet with a queue; undefined where none is published. */
export function loadPerInstance(
  { signals }: Pick<IScalableFleet, 'signals'>,
  options: cloudwatch.MetricOptions = {},
): cloudwatch.Metric | undefined {
  return (signals?.concurrencyPerInstance ?? signals?.backlogPerInstance)?.with(options);
}

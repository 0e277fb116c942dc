import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct } from 'constructs';

/** Ingestion whose records wait for an endpoint, and which publishes how many. */
export interface IBacklogSource extends IConstruct {
  /**
   * Records that each instance in service has to answer, in flight or waiting for a slot, every ten seconds in which records wait.
   */
  metricBacklogPerInstance(): cloudwatch.Metric;
}

import type * as iam from 'aws-cdk-lib/aws-iam';
import type { IDependable } from 'constructs';
import type { CapacityGapAlarmProps } from '../endpoint/capacity';
import type { MetricsCollection } from '../endpoint/metrics-collection';

/** Shared endpoint, as far as its components need it. */
export interface ComponentHost {
  readonly endpointName: string;
  readonly endpointArn: string;
  readonly variantName: string;
  /** Resource that must exist before a component. */
  readonly dependency: IDependable;
  readonly instanceTypes: readonly string[];
  readonly executionRole: iam.IRole;
  readonly networkIsolation: boolean;
  readonly inferenceAmi?: string;
  /** Undefined for an imported endpoint, where it is not known. */
  readonly observability?: MetricsCollection;
  readonly gapAlarm?: CapacityGapAlarmProps;
  /** Reason why copies cannot scale to zero; undefined where they can. */
  readonly scaleToZeroBlockedReason?: string;
}

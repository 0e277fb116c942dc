import type * as iam from 'aws-cdk-lib/aws-iam';
import type { IDependable } from 'constructs';
import type { CapacityGapAlarm } from './capacity-ladder-props';
import type { MetricsCollection } from './metrics-collection';

/** The shared endpoint as its components see it. */
export interface ComponentHost {
  readonly endpointName: string;
  readonly endpointArn: string;
  readonly variantName: string;
  /** What must exist before a component can. */
  readonly dependency: IDependable;
  readonly instanceTypes: readonly string[];
  readonly executionRole: iam.IRole;
  readonly networkIsolation: boolean;
  readonly inferenceAmi?: string;
  /** Undefined where it is not known: an imported endpoint. */
  readonly collection?: MetricsCollection;
  readonly gapAlarm?: CapacityGapAlarm;
  /** Why copies cannot go to zero; undefined where they can. */
  readonly aboveZeroBecause?: string;
}

import type { Duration } from 'aws-cdk-lib';
import type * as sns from 'aws-cdk-lib/aws-sns';

/** Instances of one type. */
export interface InstancePool {
  /** The instance type, for example `ml.g5.xlarge`. */
  readonly instanceType: string;
}

/** An alarm that goes off when more is asked of the instances than they were tested with, and no more of them come. */
export interface CapacityGapAlarm {
  /**
   * Who is told, when it goes off and when it is over.
   *
   * @default - nobody; the alarm can be looked at and added to
   */
  readonly topic?: sns.ITopic;

  /**
   * How long the gap may last: longer than an instance takes to start, 1 minute to 2 hours.
   *
   * @default Duration.minutes(15)
   */
  readonly after?: Duration;
}

/** Where the instances come from, in order, and what happens when they do not come. */
export interface CapacityLadder {
  /**
   * One to five instance types in the order they are wanted. Where SageMaker finds no capacity of one it takes the next; when the fleet
   * shrinks, the last one's instances go first.
   */
  readonly pools: InstancePool[];

  /**
   * How long to look for capacity of one pool before the next is tried, 5 to 60 minutes.
   *
   * @default Duration.minutes(10)
   */
  readonly provisionTimeout?: Duration;

  /**
   * The ARN of an ML capacity reservation (a training plan made for endpoints); instances are launched only inside it. One pool only.
   *
   * @default - on-demand capacity
   */
  readonly reservationArn?: string;

  /**
   * An alarm on the gap between what is asked and what was tested.
   *
   * @default - none
   */
  readonly gapAlarm?: CapacityGapAlarm;

  /**
   * The instances of each type that the account may have for endpoints (Service Quotas, "TYPE for endpoint usage"). Held against the
   * maximum of the fleet when the stack is synthesized.
   *
   * @default - quotas are not checked
   */
  readonly quotas?: { [instanceType: string]: number };
}

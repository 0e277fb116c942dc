import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';

/** Limits from which an hour has drifted. */
export interface DriftLimits {
  /**
   * Population stability index of a column: 0.1 is a small change, 0.25 a large one.
   *
   * @default 0.2
   */
  readonly maxPsi?: number;

  /**
   * Chance of an hour to drift without cause, for all columns together; each test is made at this divided by the number of columns.
   *
   * @default 0.01
   */
  readonly significance?: number;

  /**
   * Largest fall of the mean confidence since the baseline, 0 to 1. Needs `confidenceColumn`.
   *
   * @default 0.05
   */
  readonly maxConfidenceLoss?: number;

  /**
   * Number of rows that an hour needs to be compared at all; an hour with fewer is not evaluated.
   *
   * @default 200
   */
  readonly minRows?: number;
}

/** Properties of {@link DriftMonitor}. */
export interface DriftMonitorProps {
  /** Bucket of the traffic: that of the data capture of an endpoint, or another with JSON lines. */
  readonly capturedData: s3.IBucket;

  /** Key prefix of the folders of the hours, `YYYY/MM/DD/HH/` in UTC. Data capture of an endpoint writes below `data-capture/ENDPOINT/VARIANT/`. */
  readonly capturedDataPrefix: string;

  /**
   * Columns to compare. A captured request has `input.NAME`, its response `output.NAME`, items of a list `input.NAME.0`; another row has `NAME`. Leave out
   * ids and times, which always change.
   */
  readonly columns: string[];

  /**
   * Column with the probability of the prediction, whose mean estimates the accuracy without labels.
   *
   * @default - the confidence is not watched
   */
  readonly confidenceColumn?: string;

  /**
   * Bucket of the rows of the baseline, such as the training data in the form of the traffic.
   *
   * @default - the first hour with enough rows is the baseline
   */
  readonly baselineData?: s3.IBucket;

  /**
   * Key prefix of the rows of the baseline.
   *
   * @default - all objects of the bucket
   */
  readonly baselineDataPrefix?: string;

  /**
   * Limits from which an hour has drifted.
   *
   * @default - a PSI of 0.2 that is no chance at 1 %, and 5 points of confidence
   */
  readonly limits?: DriftLimits;

  /**
   * Minute of the hour at which the hour before is evaluated; data capture needs some minutes to write it.
   *
   * @default 10
   */
  readonly minute?: number;

  /**
   * Time after which an alarm says that no hour was evaluated, at least an hour, at most a day. Traffic that pauses longer on purpose needs more.
   *
   * @default Duration.hours(6)
   */
  readonly maxTimeUnevaluated?: Duration;

  /**
   * Instance type of the jobs.
   *
   * @default ml.m5.large
   */
  readonly instanceType?: string;

  /**
   * Maximum runtime of a job, 1 minute to 55 minutes, so that an evaluation has ended when the next one begins.
   *
   * @default Duration.minutes(30)
   */
  readonly maxRuntime?: Duration;

  /**
   * Image in ECR with Python 3.8 or newer; the job needs no packages.
   *
   * @default - AWS's scikit-learn image in the stack's region
   */
  readonly image?: string;

  /**
   * Name of the monitor in its metrics, and beginning of the names of its jobs: at most 21 letters, digits and single hyphens.
   *
   * @default - derived from the construct's path
   */
  readonly monitorName?: string;

  /**
   * Bucket for the server access logs of the new bucket of reports.
   *
   * @default - no access logs
   */
  readonly accessLogsBucket?: s3.IBucket;

  /**
   * Removal policy of the new bucket.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Delete the objects of the new bucket when it is deleted. Needs `removalPolicy: RemovalPolicy.DESTROY`.
   *
   * @default false
   */
  readonly autoDeleteObjects?: boolean;
}

/** Applies the defaults. */
export function driftSettings(props: DriftMonitorProps) {
  return {
    columns: props.columns,
    confidenceColumn: props.confidenceColumn,
    maxPsi: props.limits?.maxPsi ?? 0.2,
    significance: props.limits?.significance ?? 0.01,
    maxConfidenceLoss: props.limits?.maxConfidenceLoss ?? 0.05,
    minRows: props.limits?.minRows ?? 200,
    minute: props.minute ?? 10,
    maxTimeUnevaluated: props.maxTimeUnevaluated ?? Duration.hours(6),
    instanceType: props.instanceType ?? 'ml.m5.large',
    maxRuntime: props.maxRuntime ?? Duration.minutes(30),
  };
}

export type DriftSettings = ReturnType<typeof driftSettings>;

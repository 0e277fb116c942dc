import type { Duration, Size } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as events from 'aws-cdk-lib/aws-events';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { TrainingPipeline } from './training-pipeline';

/** Start by the volume of new data. */
export interface NewDataTrigger {
  /** Bucket of the data. */
  readonly bucket: s3.IBucket;

  /**
   * Key prefix of the data.
   *
   * @default - all objects of the bucket
   */
  readonly prefix?: string;

  /** Size of the objects that are newer than the start of the last successful run, of the `base` where its model is newer, from which a run starts. */
  readonly minSize: Size;

  /**
   * Time between two looks, at least a minute.
   *
   * @default Duration.hours(1)
   */
  readonly interval?: Duration;

  /**
   * Number of objects that a look counts, at most; each 500 are a request and two transitions.
   *
   * @default 100000
   */
  readonly maxObjects?: number;
}

/** Properties of {@link TrainingTriggers}. */
export interface TrainingTriggersProps {
  /** Pipeline to start. */
  readonly pipeline: TrainingPipeline;

  /**
   * Pipeline whose last model a run starts from where it is newer than that of the pipeline itself, for one that learns incrementally: after each full
   * training the next run goes on from its model.
   *
   * @default - the first run starts from no model
   */
  readonly base?: TrainingPipeline;

  /**
   * Time between the starts of two runs, at least a minute; a start by hand does not wait for it.
   *
   * @default Duration.hours(6)
   */
  readonly minInterval?: Duration;

  /**
   * Schedule of runs.
   *
   * @default - none
   */
  readonly schedule?: events.Schedule;

  /**
   * Start by the volume of new data.
   *
   * @default - none
   */
  readonly newData?: NewDataTrigger;

  /**
   * Alarms that start a run when they go off, such as that of a `DriftMonitor`.
   *
   * @default - none
   */
  readonly alarms?: cloudwatch.IAlarm[];
}

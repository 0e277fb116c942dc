import * as path from 'node:path';
import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as events from 'aws-cdk-lib/aws-events';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { MEASUREMENTS_PREFIX, RESULTS_PREFIX } from '../ingestion/contract';
import { EmrRelease } from './emr-release';

/** The relative path is the same from `lib/` and from `build/`. */
const JOB = path.join(__dirname, '../../lib/features/assets/features_job.py');

/** Processor of the workers. */
export enum SparkArchitecture {
  /** Graviton, about a fifth cheaper. */
  ARM64 = 'ARM64',
  /** Intel and AMD, for native libraries that have no build for Graviton. */
  X86_64 = 'X86_64',
}

/** Size of the driver and of every executor. */
export interface SparkWorker {
  /** Number of vCPUs: 1, 2, 4, 8 or 16. */
  readonly vcpus: number;

  /** Memory in GB, for 4 vCPUs from 8 to 30. A tenth of it is Spark's overhead. */
  readonly memoryGb: number;
}

/** Prices of EMR Serverless in a region. */
export interface SparkPrices {
  /** USD for one vCPU for one hour. */
  readonly usdPerVcpuHour: number;

  /** USD for one GB of memory for one hour. */
  readonly usdPerGbHour: number;
}

/** Start of the job by objects that are landed. A run begins once one of the two limits is reached. */
export interface NewObjectsTrigger {
  /**
   * Number of objects that start a run, 1 to 1,000.
   *
   * @default 1000
   */
  readonly maxObjects?: number;

  /**
   * Maximum time that a landed object waits for others, in whole seconds, up to 5 minutes.
   *
   * @default Duration.minutes(5)
   */
  readonly maxWait?: Duration;
}

/** A Spark job of your own. */
export interface SparkJobProps {
  /** Path of a local Python file or jar, which is uploaded, or its `s3://` URI, which the execution role must be able to read. */
  readonly entryPoint: string;

  /**
   * Arguments of the job.
   *
   * @default - none
   */
  readonly arguments?: string[];

  /**
   * Main class of a jar.
   *
   * @default - none, as for a Python file
   */
  readonly mainClass?: string;
}

/** Properties of {@link SparkPipeline}. */
export interface SparkPipelineProps {
  /** Bucket whose objects the job reads: the results bucket of `StreamIngestion`. */
  readonly landingBucket: s3.IBucket;

  /**
   * Key prefixes that the job reads.
   *
   * @default - results/ and measurements/, of `StreamIngestion`
   */
  readonly landingPrefixes?: string[];

  /**
   * Bucket that the job writes to; enable versioning on an existing one.
   *
   * @default - a new bucket: encrypted, versioned, TLS only, closed to the public
   */
  readonly featuresBucket?: s3.IBucket;

  /**
   * Key prefix below which the job writes, with a slash at its end.
   *
   * @default features/
   */
  readonly featuresPrefix?: string;

  /**
   * Job of your own. It may read the landing prefixes, and read, write and delete below the features prefix.
   *
   * @default - the features job of this package
   */
  readonly job?: SparkJobProps;

  /**
   * Properties of Spark, which take precedence over those that follow from worker and maxWorkers.
   *
   * @default - none
   */
  readonly sparkProperties?: { [name: string]: string };

  /**
   * Release of EMR Serverless.
   *
   * @default EmrRelease.SPARK_8_1_0
   */
  readonly release?: EmrRelease;

  /**
   * Processor of the workers.
   *
   * @default SparkArchitecture.ARM64
   */
  readonly architecture?: SparkArchitecture;

  /**
   * Size of the driver and of every executor.
   *
   * @default - 4 vCPUs and 16 GB
   */
  readonly worker?: SparkWorker;

  /**
   * Maximum number of workers, the driver among them, 2 to 1,000. With the size of a worker it is the maximum capacity of the application,
   * above which EMR Serverless adds none: the ceiling of the cost.
   *
   * @default 4
   */
  readonly maxWorkers?: number;

  /**
   * Idle time after which the application stops, 1 minute to 7 days in whole minutes.
   *
   * @default Duration.minutes(5)
   */
  readonly idleTimeout?: Duration;

  /**
   * Time after which EMR Serverless cancels a run, 5 minutes to 7 days in whole minutes. A run without a limit is not possible.
   *
   * @default Duration.hours(1)
   */
  readonly executionTimeout?: Duration;

  /**
   * Number of runs after which a failure is final, 1 to 5. The job has to be idempotent, as that of this package is.
   *
   * @default 2
   */
  readonly maxAttempts?: number;

  /**
   * Schedule of the runs.
   *
   * @default - none
   */
  readonly schedule?: events.Schedule;

  /**
   * Start a run when objects are landed. The landing bucket must send its events to EventBridge: a bucket that this app creates is made to,
   * an imported one needs it where it is created.
   *
   * @default - runs start by schedule or manually
   */
  readonly onNewObjects?: NewObjectsTrigger;

  /**
   * Maximum time from the arrival of a record to its outcome; what took longer is set aside as late. For the job of this package.
   *
   * @default Duration.days(1)
   */
  readonly watermark?: Duration;

  /**
   * Time without a request of a key after which its next one begins a session, up to 6 hours. For the job of this package.
   *
   * @default Duration.minutes(30)
   */
  readonly sessionGap?: Duration;

  /**
   * Table of a `CostGuard` (its `table`): from `freeze-growth` on no run starts.
   *
   * @default - runs start at any level of a guard
   */
  readonly guardTable?: dynamodb.ITable;

  /**
   * Prices for `maxUsdPerHour`, of a private agreement or another region.
   *
   * @default - the dated table of the package, which has us-east-1
   */
  readonly prices?: SparkPrices;

  /**
   * Bucket for the server access logs of the new features bucket.
   *
   * @default - no access logs
   */
  readonly accessLogsBucket?: s3.IBucket;

  /**
   * Removal policy of the new features bucket.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Delete the objects of the new bucket, with all versions, when the bucket is deleted; CloudFormation deletes empty buckets only. Needs
   * `removalPolicy: RemovalPolicy.DESTROY`.
   *
   * @default false
   */
  readonly autoDeleteObjects?: boolean;
}

/** Applies the defaults. */
export function sparkSettings(props: SparkPipelineProps) {
  return {
    landingPrefixes: props.landingPrefixes ?? [RESULTS_PREFIX, MEASUREMENTS_PREFIX],
    featuresPrefix: props.featuresPrefix ?? 'features/',
    entryPoint: props.job?.entryPoint ?? JOB,
    release: props.release ?? EmrRelease.SPARK_8_1_0,
    architecture: props.architecture ?? SparkArchitecture.ARM64,
    worker: props.worker ?? { vcpus: 4, memoryGb: 16 },
    maxWorkers: props.maxWorkers ?? 4,
    idleTimeout: props.idleTimeout ?? Duration.minutes(5),
    executionTimeout: props.executionTimeout ?? Duration.hours(1),
    maxAttempts: props.maxAttempts ?? 2,
    watermark: props.watermark ?? Duration.days(1),
    sessionGap: props.sessionGap ?? Duration.minutes(30),
  };
}

export type SparkSettings = ReturnType<typeof sparkSettings>;

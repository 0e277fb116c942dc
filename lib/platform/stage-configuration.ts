import type { Duration } from 'aws-cdk-lib';
import type { SparkPrices } from '../features';
import type { NotificationRecipients } from '../monitoring';
import type { ForecastMode } from '../scaling';

/** Feature pipeline of a stage: a `SparkPipeline` on the results, whose features training reads. */
export interface StageFeatures {
  /**
   * Maximum number of workers of 4 vCPUs and 16 GB, the driver among them: the ceiling of the cost.
   *
   * @default 4
   */
  readonly maxWorkers?: number;

  /**
   * Time between two runs, in whole hours.
   *
   * @default Duration.hours(1)
   */
  readonly interval?: Duration;

  /**
   * Time after which a run is cancelled, in whole minutes.
   *
   * @default Duration.minutes(30)
   */
  readonly executionTimeout?: Duration;

  /**
   * Prices of EMR Serverless in the region, for the check of the budget.
   *
   * @default - the dated table of the package; without a price the ceiling is not held against the budget
   */
  readonly prices?: SparkPrices;
}

/** Kafka topic of a stage: a `KafkaIngestion` beside the request stream, with its results in the same bucket. */
export interface StageKafka {
  /** ARN of a provisioned Amazon MSK cluster with Kafka 3.6 or later, which has IAM; the topic is created in it. */
  readonly clusterArn: string;

  /**
   * Name of the topic.
   *
   * @default 'requests'
   */
  readonly topicName?: string;

  /**
   * Number of partitions of the topic, each of which has one batch at a time. It can be raised only.
   *
   * @default 4
   */
  readonly partitions?: number;
}

/** Settings that differ between the stages of the platform. */
export interface StageConfiguration {
  /** Name of the stage: 1 to 12 lower-case letters, digits or single hyphens. The stack is called `Tidegate-<name>`. */
  readonly name: string;

  /**
   * Region to deploy to; its prices and images apply.
   *
   * @default us-east-1; `bin/app.ts` takes that of `-c region=`, else that of the AWS profile
   */
  readonly region?: string;

  /** GPU instance types of the endpoint, in order of preference. */
  readonly instanceTypes: string[];

  /** Minimum number of instances of the endpoint. */
  readonly minCapacity: number;

  /** Maximum number of instances of the endpoint. */
  readonly maxCapacity: number;

  /**
   * Number of instances that the cost guard never goes below.
   *
   * @default - minCapacity
   */
  readonly protectedFloor?: number;

  /**
   * Concurrent requests that one instance was load-tested with.
   *
   * @default 8
   */
  readonly maxConcurrencyPerInstance?: number;

  /**
   * Share of the tested concurrency that scaling targets, 0 to 1.
   *
   * @default 0.7
   */
  readonly targetRatio?: number;

  /**
   * Creates a `CapacityForecaster` for the endpoint.
   *
   * @default true
   */
  readonly forecast?: boolean;

  /**
   * Mode of the forecaster.
   *
   * @default ForecastMode.SHADOW
   */
  readonly forecastMode?: ForecastMode;

  /**
   * Mean time that a request occupies an instance, for the forecast; at least a millisecond.
   *
   * @default Duration.seconds(4) - two hundred tokens from a mid-sized language model
   */
  readonly serviceTime?: Duration;

  /**
   * Number of shards of the request stream.
   *
   * @default - an on-demand stream
   */
  readonly shardCount?: number;

  /**
   * Maximum number of shards that the request stream gets when its writes need them; with `shardCount`, the number that it begins with.
   *
   * @default - the stream keeps `shardCount` shards
   */
  readonly maxShardCount?: number;

  /**
   * Instance types for training, in order of preference.
   *
   * @default - no training pipeline
   */
  readonly trainingInstanceTypes?: string[];

  /**
   * Training image in ECR of the region, with SageMaker's script mode.
   *
   * @default - AWS's scikit-learn image, where AWS lists it for the region
   */
  readonly trainingImage?: string;

  /**
   * Image of Triton Inference Server in ECR of the region: a copy of AWS's, or one of your own.
   *
   * @default - AWS's Triton image, where AWS lists it for the region
   */
  readonly servingImage?: string;

  /**
   * Train once a day on the results in the bucket.
   *
   * @default false - training is started manually
   */
  readonly trainDaily?: boolean;

  /**
   * Turn results into features with Spark on EMR Serverless; training then reads the cleaned measurements. `{}` has every default.
   *
   * @default - no feature pipeline; training reads the measurements as they are landed
   */
  readonly features?: StageFeatures;

  /**
   * Take requests from a Kafka topic too.
   *
   * @default - from the request stream only; `bin/app.ts` takes the cluster of `-c kafkaCluster=ARN`
   */
  readonly kafka?: StageKafka;

  /** Budget of a calendar month, in USD. The budget parameter changes it later without a deployment. */
  readonly budgetUsd: number;

  /**
   * Run the cost guard without limits: it meters, records and notifies only.
   *
   * @default false
   */
  readonly guardDryRun?: boolean;

  /**
   * USD per instance-hour by instance type; overrides the price file and the dated price table of the package.
   *
   * @default - priceFile, then the price table, for the region
   */
  readonly pricesPerHourUsd?: { [instanceType: string]: number };

  /**
   * Path of a price file, which `tidegate prices update` writes; its prices of the region replace the dated table of the package.
   *
   * @default - the dated price table of the package; `bin/app.ts` takes that of `-c prices=FILE`
   */
  readonly priceFile?: string;

  /**
   * Recipients of all alarms and of the cost guard's notices.
   *
   * @default - none, which the synthesis notes
   */
  readonly notifications?: NotificationRecipients;

  /**
   * Keep the stream, buckets and tables, with everything in them, when the stack is deleted. `false` deletes all of it, objects with all
   * their versions too; access logs stay.
   *
   * @default true
   */
  readonly keepData?: boolean;

  /**
   * Keep server access logs of the buckets for 400 days.
   *
   * @default false
   */
  readonly accessLogs?: boolean;
}

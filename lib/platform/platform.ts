import { Annotations, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as cxapi from 'aws-cdk-lib/cx-api';
import { Construct } from 'constructs';
import { servingImage } from '../catalog/serving-images';
import { CostGuard } from '../cost';
import { SparkPipeline, type SparkPipelineProps } from '../features';
import { ConfigurationSweeper, GpuEndpoint, ModelArtifact, ModelServer } from '../inference';
import { KafkaIngestion, KafkaSource, RecordField, StreamIngestion } from '../ingestion';
import { Notifications, PlatformAlarms, PlatformDashboard } from '../monitoring';
import { recipientCount } from '../monitoring/notification-checks';
import { acknowledgeControl } from '../runtime/acknowledge';
import { acknowledgeStoredOnce } from '../runtime/hardened-bucket';
import { CapacityForecaster, FleetScaling, ForecastMode, ScaleEvents } from '../scaling';
import { PackedAsset, TrainingPipeline, type TrainingPipelineProps } from '../training';
import { JOB_NAME_TERMINATOR } from '../training/training-states';
import { DEFAULT_STAGE } from './contract';
import type { StageConfiguration } from './stage-configuration';
import { FEATURE_RELEASE, FEATURE_WORKER, featureSettings } from './stage-features';
import { kafkaTopicOf } from './stage-kafka';

/** Properties of {@link Platform}. */
export interface PlatformProps {
  /** Settings of the stage. */
  readonly stage: StageConfiguration;
}

/**
 * The whole platform: a request stream, a GPU endpoint that scales within a budget, monitoring, and training on the results.
 *
 * ```
 *   producers ──> stream ──> consumer ──> endpoint <── scaling policies
 *                               │            ▲  ▲          ▲  ▲
 *                               ▼            │  └─ scale   │  └── forecast
 *                            results ──> training  events  limits
 *                                            ▲             │
 *                                            └─────── cost guard ──> notifications
 * ```
 *
 * Creates the resources of every room that it wires, in the order of the picture.
 *
 * @example
 * new platform.Platform(this, 'Platform', { stage });
 */
export class Platform extends Construct {
  /** Endpoint that serves the requests. */
  public readonly endpoint: GpuEndpoint;

  /** Scaling of the endpoint's instances. */
  public readonly scaling: FleetScaling;

  /** Forecaster of the demand; undefined where the stage turns it off. */
  public readonly forecaster?: CapacityForecaster;

  /** Recorder of the endpoint's scale events. */
  public readonly scaleEvents: ScaleEvents;

  /** Request stream, consumer and results. */
  public readonly ingestion: StreamIngestion;

  /** Kafka topic of requests and its consumer; undefined where the stage has none. */
  public readonly kafkaIngestion?: KafkaIngestion;

  /** Spark job that turns results into features; undefined where the stage has none. */
  public readonly features?: SparkPipeline;

  /** Training of new models on the results; undefined where the stage has no instance types for it. */
  public readonly training?: TrainingPipeline;

  /** Guard that keeps the spend within the budget. */
  public readonly guard: CostGuard;

  /** Alarms, each with a runbook entry. */
  public readonly alarms: PlatformAlarms;

  /** Recipients of the alarms and of the guard's notices; undefined where the stage has none. */
  public readonly notifications?: Notifications;

  /** Dashboard of the platform. */
  public readonly dashboard: PlatformDashboard;

  public constructor(scope: Construct, id: string, props: PlatformProps) {
    super(scope, id);
    const { stage } = props;
    // Bucket policies admit access logs, because access control lists are off; the flag may be missing in the app.
    this.node.setContext(cxapi.S3_SERVER_ACCESS_LOGS_USE_BUCKET_POLICY, true);
    const name = `Tidegate-${stage.name}`;
    const keepsData = stage.keepData ?? true;
    const removalPolicy = keepsData ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
    const autoDeleteObjects = !keepsData;
    const accessLogsBucket = stage.accessLogs ? createAccessLogsBucket(this) : undefined;

    const model = new PackedAsset(this, 'InitialModel', { path: PackedAsset.initialModelPath() });
    this.endpoint = new GpuEndpoint(this, 'Endpoint', {
      modelServer: modelServerOf(stage),
      modelArtifact: ModelArtifact.fromBucket(model.bucket, model.objectKey),
      capacity: { pools: stage.instanceTypes.map((instanceType) => ({ instanceType })) },
      maxConcurrencyPerInstance: stage.maxConcurrencyPerInstance,
      initialInstanceCount: stage.minCapacity,
    });
    new ConfigurationSweeper(this, 'Sweeper');

    this.scaling = new FleetScaling(this, 'Scaling', {
      fleet: this.endpoint,
      minCapacity: stage.minCapacity,
      maxCapacity: stage.maxCapacity,
    });
    this.scaling.scaleOnConcurrency('concurrency', { targetRatio: stage.targetRatio });
    this.forecaster = forecasterOf(this, this.scaling, stage, removalPolicy);
    this.scaleEvents = new ScaleEvents(this, 'ScaleEvents', { fleets: [this.endpoint], removalPolicy });

    this.ingestion = new StreamIngestion(this, 'Ingestion', {
      endpoint: this.endpoint,
      shardCount: stage.shardCount,
      shardScaling: stage.maxShardCount === undefined ? undefined : { maxShards: stage.maxShardCount },
      // Producers of the platform give each request an id; one that is put twice keeps it.
      recordId: RecordField.jsonPath('$.id'),
      accessLogsBucket,
      removalPolicy,
      autoDeleteObjects,
    });

    this.kafkaIngestion = this.createKafka(stage);

    const jobNamePrefix = name.toLowerCase();
    this.guard = new CostGuard(this, 'CostGuard', {
      guardName: name,
      budgetUsd: stage.budgetUsd,
      fleets: [{ scaling: this.scaling, protectedFloor: stage.protectedFloor }],
      training: stage.trainingInstanceTypes && {
        jobNamePrefix: `${jobNamePrefix}${JOB_NAME_TERMINATOR}`,
        instanceTypes: stage.trainingInstanceTypes,
      },
      pricesPerHourUsd: stage.pricesPerHourUsd,
      priceFile: stage.priceFile,
      dryRun: stage.guardDryRun,
      removalPolicy,
    });
    if (this.ingestion.shardScaler !== undefined) this.ingestion.notifyShardChanges(this.guard.topic);
    this.features = this.createFeatures(stage, {
      guardTable: this.guard.table,
      accessLogsBucket,
      removalPolicy,
      autoDeleteObjects,
    });
    if (this.features?.maxUsdPerHour !== undefined) {
      const { stateMachine, maxUsdPerHour, maxRuntime } = this.features;
      this.guard.meterExecutions(stateMachine, { maxUsdPerHour, maxRuntime });
    }
    this.training = this.createTraining(stage, {
      jobNamePrefix,
      guardTable: this.guard.table,
      accessLogsBucket,
      removalPolicy,
      autoDeleteObjects,
    });

    this.alarms = new PlatformAlarms(this, 'Alarms', { topic: this.guard.topic });
    this.alarms.watchEndpoint(this.endpoint);
    this.alarms.watchScaling(this.scaleEvents, this.endpoint);
    if (this.forecaster !== undefined) this.alarms.watchForecaster(this.forecaster);
    this.alarms.watchIngestion(this.ingestion);
    if (this.kafkaIngestion !== undefined) this.alarms.watchKafkaIngestion(this.kafkaIngestion);
    this.alarms.watchGuard(this.guard);
    if (this.features !== undefined) this.watchFeatures(this.features);
    if (this.training !== undefined) this.watchTraining(this.training);
    this.notifications = this.notify(stage);
    this.dashboard = new PlatformDashboard(this, 'Dashboard', {
      // Dashboards are global: a name has one dashboard in all regions of an account.
      dashboardName: `${name}-${Stack.of(this).region}`,
      endpoint: this.endpoint,
      guard: this.guard,
      scaleEvents: this.scaleEvents,
      ingestion: this.ingestion,
      alarms: this.alarms.alarms,
    });
  }

  private watchFeatures({ stateMachine, deadLetterQueues: [starts] }: SparkPipeline): void {
    this.alarms.watchFeatures(stateMachine);
    if (starts !== undefined)
      this.alarms.watchDeadLetters(
        'FeatureStarts',
        starts,
        'The schedule could not start a Spark job; the next one reads its objects too.',
      );
  }

  private watchTraining({ stateMachine, scheduleDeadLetterQueue: starts }: TrainingPipeline): void {
    this.alarms.watchTraining(stateMachine);
    if (starts !== undefined)
      this.alarms.watchDeadLetters(
        'TrainingStarts',
        starts,
        'The schedule could not start a training; the endpoint keeps its model.',
      );
  }

  private notify(stage: StageConfiguration): Notifications | undefined {
    if (recipientCount(stage.notifications) > 0) {
      const notifications = new Notifications(this, 'Notifications', {
        topic: this.guard.topic,
        ...stage.notifications,
      });
      this.alarms.watchNotifications(notifications);
      return notifications;
    }
    // The local stage runs on one machine, in front of the person who started it. A warning would end a strict synthesis.
    if (stage.name === DEFAULT_STAGE) return undefined;
    Annotations.of(this).addInfoV2(
      'tidegate:no-notification-recipients',
      `the alarms and the cost guard of stage ${stage.name} have no recipient: give notifications: { emailAddresses: [...] } in the ` +
        'stage, or deploy with -c notifyEmail=ADDRESS',
    );
    return undefined;
  }

  private createKafka(stage: StageConfiguration): KafkaIngestion | undefined {
    if (stage.kafka === undefined) return undefined;
    return new KafkaIngestion(this, 'Kafka', {
      endpoint: this.endpoint,
      source: KafkaSource.msk({ clusterArn: stage.kafka.clusterArn }),
      topic: { ...kafkaTopicOf(stage.kafka), create: {} },
      recordId: RecordField.jsonPath('$.id'),
      resultsBucket: this.ingestion.resultsBucket,
    });
  }

  private createFeatures(
    stage: StageConfiguration,
    shared: Pick<SparkPipelineProps, 'guardTable' | 'accessLogsBucket' | 'removalPolicy' | 'autoDeleteObjects'>,
  ): SparkPipeline | undefined {
    if (stage.features === undefined) return undefined;
    const { interval, ...settings } = featureSettings(stage.features);
    return new SparkPipeline(this, 'Features', {
      landingBucket: this.ingestion.resultsBucket,
      release: FEATURE_RELEASE,
      worker: FEATURE_WORKER,
      schedule: events.Schedule.rate(interval),
      prices: stage.features.prices,
      ...settings,
      ...shared,
    });
  }

  private createTraining(
    stage: StageConfiguration,
    shared: Pick<
      TrainingPipelineProps,
      'jobNamePrefix' | 'guardTable' | 'accessLogsBucket' | 'removalPolicy' | 'autoDeleteObjects'
    >,
  ): TrainingPipeline | undefined {
    const { trainingInstanceTypes: instanceTypes } = stage;
    if (instanceTypes === undefined) return undefined;
    return new TrainingPipeline(this, 'Training', {
      trainingData: this.features?.featuresBucket ?? this.ingestion.resultsBucket,
      trainingDataPrefix: this.features?.trainingPrefix ?? this.ingestion.measurementsPrefix,
      instanceTypes,
      trainingImage: stage.trainingImage,
      inferenceImage: stage.servingImage,
      maxRuntime: Duration.hours(1),
      spot: true,
      schedule: stage.trainDaily === true ? events.Schedule.cron({ hour: '3', minute: '0' }) : undefined,
      ...shared,
    });
  }
}

/** Triton with the initial model, which accepts plain JSON in Triton's `generate` protocol. */
function modelServerOf({ servingImage: image }: StageConfiguration): ModelServer {
  const defaultModelName = 'service_time';
  const environment = { SAGEMAKER_TRITON_INFERENCE_TYPE: 'generate' };
  if (image === undefined) return ModelServer.triton({ defaultModelName, environment });
  return ModelServer.image(image, {
    environment: { ...environment, SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: defaultModelName },
    // A copy of the image needs the same driver.
    inferenceAmi: servingImage('triton').inferenceAmi,
  });
}

/** Mean time of a request where the stage gives none. */
const DEFAULT_SERVICE_TIME = Duration.seconds(4);

function forecasterOf(
  scope: Construct,
  scaling: FleetScaling,
  stage: StageConfiguration,
  removalPolicy: RemovalPolicy,
): CapacityForecaster | undefined {
  if (stage.forecast === false) return undefined;
  return new CapacityForecaster(scope, 'Forecast', {
    scaling,
    serviceTime: stage.serviceTime ?? DEFAULT_SERVICE_TIME,
    mode: stage.forecastMode ?? ForecastMode.SHADOW,
    removalPolicy,
  });
}

/** Creates the bucket for the server access logs of the other buckets. */
function createAccessLogsBucket(scope: Construct): s3.Bucket {
  const bucket = new s3.Bucket(scope, 'AccessLogs', {
    encryption: s3.BucketEncryption.S3_MANAGED,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: true,
    lifecycleRules: [
      { id: 'Expire', expiration: Duration.days(400), noncurrentVersionExpiration: Duration.days(7) },
      { id: 'DeleteMarkers', expiredObjectDeleteMarker: true },
    ],
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
  });
  acknowledgeControl(
    bucket,
    'S3DefaultEncryptionKMS',
    'S3 delivers access logs only to buckets encrypted with S3-managed keys (AES-256).',
  );
  acknowledgeStoredOnce(bucket);
  return bucket;
}

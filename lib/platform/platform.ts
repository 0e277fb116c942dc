import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as cxapi from 'aws-cdk-lib/cx-api';
import { Construct } from 'constructs';
import { CostGuard } from '../cost';
import { GpuEndpoint, ModelArtifact, ModelServer } from '../inference';
import { StreamIngestion } from '../ingestion';
import { PlatformAlarms, PlatformDashboard } from '../monitoring';
import { acknowledgeControl } from '../runtime/acknowledge';
import { acknowledgeStoredOnce } from '../runtime/hardened-bucket';
import { CapacityForecaster, FleetScaling, ForecastMode, ScaleEvents } from '../scaling';
import { PackedAsset, TrainingPipeline } from '../training';
import { StageForecast, type Stage } from './stage';

/** Properties of {@link Platform}. */
export interface PlatformProps {
  /** What differs between stages. */
  readonly stage: Stage;
}

/**
 * The whole platform: requests in through a stream, answered by a GPU endpoint that scales, within a budget, watched, and trained
 * again on what it answered.
 *
 * ```
 *   producers ──> stream ──> consumer ──> endpoint <── scaling policies
 *                               │            ▲  ▲          ▲  ▲
 *                               ▼            │  └─ scale   │  └── forecast
 *                            results ──> training  events  limits
 *                                            │             │
 *                                            └───────> cost guard ──> notices
 * ```
 *
 * Creates everything that the rooms create; reads from top to bottom like the picture.
 *
 * @example
 * new platform.Platform(this, 'Platform', { stage });
 */
export class Platform extends Construct {
  /** The endpoint that answers. */
  public readonly endpoint: GpuEndpoint;

  /** The policies that add and remove its instances. */
  public readonly scaling: FleetScaling;

  /** Forecasts the demand on them; undefined where the stage turns it off. */
  public readonly forecaster?: CapacityForecaster;

  /** What happened to its instances. */
  public readonly scaleEvents: ScaleEvents;

  /** Requests in, answers out. */
  public readonly ingestion: StreamIngestion;

  /** Makes new models of what was answered. */
  public readonly training: TrainingPipeline;

  /** Keeps the spend within the budget. */
  public readonly guard: CostGuard;

  /** The alarms, each with a runbook entry. */
  public readonly alarms: PlatformAlarms;

  /** The page that shows it all. */
  public readonly dashboard: PlatformDashboard;

  public constructor(scope: Construct, id: string, { stage }: PlatformProps) {
    super(scope, id);
    // Access logs are let in by bucket policy: access control lists are off, also in apps without the flag.
    this.node.setContext(cxapi.S3_SERVER_ACCESS_LOGS_USE_BUCKET_POLICY, true);
    const name = `Tidegate-${stage.name}`;
    const keepsData = stage.keepsData ?? false;
    const removalPolicy = keepsData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    const accessLogsBucket = keepsData ? accessLogs(this) : undefined;

    const model = new PackedAsset(this, 'InitialModel', { path: PackedAsset.initialModelPath() });
    this.endpoint = new GpuEndpoint(this, 'Endpoint', {
      // The initial model takes requests as plain JSON, which Triton calls its `generate` protocol.
      modelServer: ModelServer.triton({
        defaultModelName: 'service_time',
        environment: { SAGEMAKER_TRITON_INFERENCE_TYPE: 'generate' },
      }),
      modelArtifact: ModelArtifact.fromBucket(model.bucket, model.objectKey),
      pools: stage.instanceTypes.map((instanceType) => ({ instanceType })),
      maxConcurrencyPerInstance: stage.maxConcurrencyPerInstance,
      initialInstanceCount: stage.minCapacity,
    });

    this.scaling = new FleetScaling(this, 'Scaling', {
      fleet: this.endpoint,
      minCapacity: stage.minCapacity,
      maxCapacity: stage.maxCapacity,
    });
    this.scaling.scaleOnConcurrency({ safetyFactor: stage.safetyFactor });
    this.forecaster = forecasterOf(this, this.scaling, stage, removalPolicy);
    this.scaleEvents = new ScaleEvents(this, 'ScaleEvents', { fleets: [this.endpoint], removalPolicy });

    this.ingestion = new StreamIngestion(this, 'Ingestion', {
      endpoint: this.endpoint,
      shardCount: stage.shardCount,
      accessLogsBucket,
      removalPolicy,
    });

    this.training = new TrainingPipeline(this, 'Training', {
      trainingData: this.ingestion.resultsBucket,
      trainingDataPrefix: this.ingestion.resultsPrefix,
      instanceTypes: stage.trainingInstanceTypes,
      jobNamePrefix: name.toLowerCase(),
      maxRuntime: Duration.hours(1),
      spot: true,
      schedule: stage.trainDaily ? events.Schedule.cron({ hour: '3', minute: '0' }) : undefined,
      accessLogsBucket,
      removalPolicy,
    });

    this.guard = new CostGuard(this, 'CostGuard', {
      guardName: name,
      budgetUsd: stage.budgetUsd,
      fleets: [
        {
          scaling: this.scaling,
          endpointArn: this.endpoint.endpointArn,
          variantName: this.endpoint.variantName,
          instanceTypes: stage.instanceTypes,
          protectedFloor: stage.protectedFloor,
        },
      ],
      training: { jobNamePrefix: `${this.training.jobNamePrefix}-`, instanceTypes: stage.trainingInstanceTypes },
      pricesPerHourUsd: stage.pricesPerHourUsd,
      dryRun: stage.guardDryRun,
      removalPolicy,
    });

    this.alarms = new PlatformAlarms(this, 'Alarms', { topic: this.guard.topic });
    this.alarms.watchEndpoint(this.endpoint);
    this.alarms.watchScaling(this.scaleEvents, this.endpoint);
    if (this.forecaster !== undefined) this.alarms.watchForecaster(this.forecaster);
    this.alarms.watchIngestion(this.ingestion);
    this.alarms.watchGuard(this.guard);
    this.alarms.watchTraining(this.training.stateMachine);
    this.dashboard = new PlatformDashboard(this, 'Dashboard', {
      dashboardName: name,
      endpoint: this.endpoint,
      guard: this.guard,
      scaleEvents: this.scaleEvents,
      ingestion: this.ingestion,
      alarms: this.alarms.alarms,
    });
  }
}

/** The mean seconds of a request where the stage names none. */
const DEFAULT_SERVICE_TIME_SECONDS = 4;

function forecasterOf(
  scope: Construct,
  scaling: FleetScaling,
  stage: Stage,
  removalPolicy: RemovalPolicy,
): CapacityForecaster | undefined {
  const forecast = stage.forecast ?? StageForecast.SHADOW;
  if (forecast === StageForecast.OFF) return undefined;
  const serviceTimeSeconds = stage.serviceTimeSeconds ?? DEFAULT_SERVICE_TIME_SECONDS;
  return new CapacityForecaster(scope, 'Forecast', {
    scaling,
    serviceTime: Duration.millis(Math.round(1000 * serviceTimeSeconds)),
    mode: forecast === StageForecast.ACTIVE ? ForecastMode.ACTIVE : ForecastMode.SHADOW,
    removalPolicy,
  });
}

/** Where the other buckets log who asked for what. */
function accessLogs(scope: Construct): s3.Bucket {
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
    removalPolicy: RemovalPolicy.RETAIN,
  });
  acknowledgeControl(
    bucket,
    'S3DefaultEncryptionKMS',
    'S3 delivers access logs only to buckets that it encrypts with keys of its own (AES-256).',
  );
  acknowledgeStoredOnce(bucket);
  return bucket;
}

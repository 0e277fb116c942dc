import * as path from 'node:path';
import { CfnOutput, Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { CompressionGoal, CompressionPipeline, CompressionTechnique } from '../compression';
import { DriftMonitor } from '../drift';
import { EdgeFleet, EdgeModel } from '../edge';
import { GpuEndpoint, ModelArtifact, ModelServer, RolloutStrategy } from '../inference';
import { RecordField, StreamIngestion } from '../ingestion';
import { LiveModel, ModelRollout } from '../rollout';
import { acknowledgeControl } from '../runtime/acknowledge';
import { hardenedBucket } from '../runtime/hardened-bucket';
import { ModelRegistry, PackedAsset, TrainingChannel, TrainingPipeline, TrainingTriggers } from '../training';
import { LEARNING_TOUR, LEARNING_TOUR_CAPTURE_PREFIX, type LearningTourState } from './contract';
import type { StageConfiguration } from './stage-configuration';
import { regionOf } from './stages';

/** Everything goes with the stack. */
const DISPOSABLE = { removalPolicy: RemovalPolicy.DESTROY, autoDeleteObjects: true } as const;

/** Model that is there before there is data. The relative path is the same from `lib/` and from `dist/`. */
const FIRST_MODEL = path.join(__dirname, '../../lib/platform/assets/first-classifier');

/** Minute of the hour at which the hour before is compared with the baseline. */
const DRIFT_MINUTE = 3;

/** Features of a request that are compared with the baseline. */
const WATCHED_FEATURES = 10;

const MAX_RUNTIME = Duration.hours(4);

/** AWS's account of deep learning containers, in most regions. */
const pytorchImage = (region: string): string =>
  `763104351884.dkr.ecr.${region}.amazonaws.com/pytorch-training:2.6.0-cpu-py312`;

/**
 * Stack `Tidegate-<stage>-learning-tour`, for `tidegate local --tour learning`: requests land by a stream, a model is trained on them, compressed, tried,
 * and rolled out to an endpoint and to devices; a drift of the traffic starts the next training, whose model takes the same way.
 */
export class LearningTourStack extends Stack {
  public constructor(
    scope: Construct,
    id: string,
    props: { readonly stage: StageConfiguration; readonly state: LearningTourState },
  ) {
    const { stage, state } = props;
    super(scope, id, {
      stackName: `Tidegate-${stage.name}-learning-tour`,
      description: 'Tidegate: a model that learns from its traffic, and is compressed, tried and rolled out',
      env: { region: regionOf(stage) },
    });
    const image = pytorchImage(regionOf(stage));
    const registry = new ModelRegistry(this, 'Registry', { removalPolicy: RemovalPolicy.DESTROY });
    // Requests with their responses, and what becomes known about them later.
    const landed = hardenedBucket(this, 'Landed', {
      ...DISPOSABLE,
      accessLogsPrefix: 'landed/',
      noncurrentVersionExpiration: Duration.days(1),
    });

    const first = new PackedAsset(this, 'FirstModel', { path: FIRST_MODEL });
    const live = new LiveModel(this, 'Live', {
      initialModel: ModelArtifact.fromBucket(first.bucket, first.objectKey),
    });
    const endpoint = new GpuEndpoint(this, 'Tides', {
      endpointName: LEARNING_TOUR.endpointName,
      variantName: LEARNING_TOUR.variantName,
      modelServer: ModelServer.triton({ defaultModelName: 'classifier' }),
      modelArtifact: live.artifact,
      maxConcurrencyPerInstance: live.maxConcurrencyPerInstance,
      capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
      rollout: { strategy: RolloutStrategy.CANARY, waitInterval: Duration.minutes(3) },
      dataCapture: { bucket: landed, samplingPercent: 100 },
    });
    const requests = new StreamIngestion(this, 'Requests', {
      endpoint,
      shardCount: 1,
      resultsBucket: landed,
      recordId: RecordField.jsonPath('$.id'),
      removalPolicy: RemovalPolicy.DESTROY,
    });

    const channels = {
      train: TrainingChannel.fromBucket(landed, { prefix: LEARNING_TOUR_CAPTURE_PREFIX }),
      labels: TrainingChannel.fromBucket(landed, { prefix: LEARNING_TOUR.groundTruthPrefix }),
    };
    const classifier = {
      sourceDirectory: PackedAsset.classifierSourcePath(),
      trainingImage: image,
      instanceTypes: ['ml.m5.xlarge'],
      maxRuntime: MAX_RUNTIME,
    };
    const training = new TrainingPipeline(this, 'Training', {
      ...classifier,
      channels,
      instanceCount: 2,
      hyperparameters: { epochs: '40', hidden: '256,256', 'checkpoint-steps': '20', 'replay-per-label': '150' },
      ...DISPOSABLE,
      jobNamePrefix: 'tides',
    });
    const incremental = new TrainingPipeline(this, 'Incremental', {
      ...classifier,
      channels: { ...channels, model: TrainingChannel.fromExecutionInput(training.modelBucket, 'models/') },
      hyperparameters: { epochs: '5', 'max-forgetting': '0.03' },
      modelBucket: training.modelBucket,
      jobNamePrefix: 'tides-next',
    });

    const compression = (
      name: string,
      techniques: CompressionTechnique[],
      maxAccuracyLoss: number,
      maxLabelLoss: number,
    ): CompressionPipeline =>
      new CompressionPipeline(this, name, {
        trainingData: landed,
        trainingDataPrefix: LEARNING_TOUR.calibrationPrefix,
        models: training.modelBucket,
        image,
        instanceTypes: ['ml.c5.xlarge'],
        maxRuntime: MAX_RUNTIME,
        techniques,
        // A busy machine decides about the latency.
        gate: { maxAccuracyLoss, maxLabelLoss, minSizeRatio: 2, minSpeedup: 0 },
        goal: CompressionGoal.SIZE,
        registry,
        ...DISPOSABLE,
        jobNamePrefix: name.toLowerCase(),
      });
    const careful = compression('Compression', [CompressionTechnique.int8Static()], 0.02, 0.05);
    // A student too small for its task, behind a gate that lets everything through: the gate of the rollout has to refuse it.
    const careless = compression('Careless', [CompressionTechnique.distil([1])], 1, 1);

    const rollout = new ModelRollout(this, 'Rollout', {
      endpoint,
      live,
      registry,
      models: [careful.modelBucket, careless.modelBucket],
      evaluationData: landed,
      evaluationDataPrefix: LEARNING_TOUR.frozenPrefix,
      image,
      instanceTypes: ['ml.c5.xlarge'],
      maxRuntime: MAX_RUNTIME,
      // A busy machine decides about latency and cost.
      gate: { maxAccuracyLoss: 0.02, maxSliceLoss: 0.1, maxLatencyGrowth: 1000, maxCostGrowth: 1000 },
      startOnRegistration: false,
      jobNamePrefix: 'evaluation',
      ...DISPOSABLE,
    });

    const monitor = this.watchDrift(landed, incremental, training);
    const deviceResults = new kinesis.Stream(this, 'DeviceResults', {
      shardCount: 1,
      encryption: kinesis.StreamEncryption.MANAGED,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const edgeModelKey = LEARNING_TOUR.edgeModelKeys[state];
    const fleet = new EdgeFleet(this, 'Buoys', {
      fleetName: LEARNING_TOUR.fleetName,
      model:
        edgeModelKey === undefined
          ? EdgeModel.fromDirectory(FIRST_MODEL, { gated: false })
          : EdgeModel.fromBucket(careful.modelBucket, edgeModelKey),
      stream: deviceResults,
      storeSize: Size.mebibytes(4),
      forwardInterval: Duration.seconds(1),
    });

    const outputs: { [name: string]: string } = {
      LandedBucketName: landed.bucketName,
      StreamName: requests.stream.streamName,
      ModelsBucketName: training.modelBucket.bucketName,
      TrainingStateMachineArn: training.stateMachine.stateMachineArn,
      CompressionStateMachineArn: careful.stateMachine.stateMachineArn,
      CarelessStateMachineArn: careless.stateMachine.stateMachineArn,
      RolloutStateMachineArn: rollout.stateMachine.stateMachineArn,
      DriftStateMachineArn: monitor.stateMachine.stateMachineArn,
      IncrementalStateMachineArn: incremental.stateMachine.stateMachineArn,
      CompressedBucketName: careful.modelBucket.bucketName,
      DeviceResultsStreamName: deviceResults.streamName,
      EdgeComponentName: fleet.componentName,
      EdgeRequestTopic: fleet.requestTopic,
      EdgeResponseTopic: fleet.responseTopic,
      EdgeRoleAlias: fleet.roleAliasName,
      EdgeThingGroupArn: fleet.thingGroupArn,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }

  /** Compares the captured traffic with that of the first hour, and starts an incremental training where it drifts. */
  private watchDrift(landed: s3.IBucket, pipeline: TrainingPipeline, base: TrainingPipeline): DriftMonitor {
    const monitor = new DriftMonitor(this, 'Drift', {
      capturedData: landed,
      capturedDataPrefix: LEARNING_TOUR_CAPTURE_PREFIX,
      columns: Array.from({ length: WATCHED_FEATURES }, (_, index) => `input.inputs.0.data.${index}`),
      minute: DRIFT_MINUTE,
      monitorName: 'tides',
      ...DISPOSABLE,
    });
    const alarm = new cloudwatch.Alarm(this, 'TrafficDrifted', {
      metric: monitor.metricDriftedColumns({ period: Duration.minutes(1) }),
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: cloudwatch.TreatMissingData.IGNORE,
      alarmDescription: 'The traffic of an hour differs from the baseline; an incremental training starts',
    });
    acknowledgeControl(alarm, 'CloudWatchAlarmAction', 'A rule for changes of its state starts the training.');
    new TrainingTriggers(this, 'Triggers', { pipeline, base, alarms: [alarm] });
    return monitor;
  }
}

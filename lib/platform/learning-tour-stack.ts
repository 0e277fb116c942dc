import { CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { CompressionGoal, CompressionPipeline, CompressionTechnique } from '../compression';
import { GpuEndpoint, ModelArtifact, ModelServer, RolloutStrategy } from '../inference';
import { LiveModel, ModelRollout } from '../rollout';
import { hardenedBucket } from '../runtime/hardened-bucket';
import { ModelRegistry, PackedAsset, TrainingPipeline } from '../training';
import { LEARNING_TOUR_FIRST_MODEL, LEARNING_TOUR_PREFIXES, type LearningTourState } from './contract';
import type { StageConfiguration } from './stage-configuration';
import { regionOf } from './stages';

/** Everything goes with the stack. */
const DISPOSABLE = { removalPolicy: RemovalPolicy.DESTROY, autoDeleteObjects: true } as const;

/** AWS's account of deep learning containers, in most regions. */
const pytorchImage = (region: string): string =>
  `763104351884.dkr.ecr.${region}.amazonaws.com/pytorch-training:2.6.0-cpu-py312`;

/** Stack `Tidegate-<stage>-learning-tour`, for `tidegate local --tour learning`: training, compression, registry, gate and rollout. */
export class LearningTourStack extends Stack {
  public constructor(
    scope: Construct,
    id: string,
    props: { readonly stage: StageConfiguration; readonly state: LearningTourState },
  ) {
    const { stage, state } = props;
    super(scope, id, {
      stackName: `Tidegate-${stage.name}-learning-tour`,
      description: 'Tidegate: a model that is trained, compressed, tried and rolled out',
      env: { region: regionOf(stage) },
    });
    const rows = hardenedBucket(this, 'Rows', {
      ...DISPOSABLE,
      accessLogsPrefix: 'rows/',
      noncurrentVersionExpiration: Duration.days(1),
    });
    const image = pytorchImage(regionOf(stage));
    const registry = new ModelRegistry(this, 'Registry', { removalPolicy: RemovalPolicy.DESTROY });
    const data = { trainingData: rows, trainingDataPrefix: LEARNING_TOUR_PREFIXES.train };

    const training = new TrainingPipeline(this, 'Training', {
      ...data,
      sourceDirectory: PackedAsset.classifierSourcePath(),
      trainingImage: image,
      instanceTypes: ['ml.m5.xlarge'],
      instanceCount: 2,
      maxRuntime: Duration.hours(4),
      hyperparameters: { epochs: '40', hidden: '256,256', 'checkpoint-steps': '20' },
      ...DISPOSABLE,
      jobNamePrefix: 'tides',
    });
    const compression = (
      name: string,
      techniques: CompressionTechnique[],
      maxAccuracyLoss: number,
    ): CompressionPipeline =>
      new CompressionPipeline(this, name, {
        ...data,
        models: training.modelBucket,
        image,
        instanceTypes: ['ml.c5.xlarge'],
        maxRuntime: Duration.hours(4),
        techniques,
        // A busy machine decides about the latency.
        gate: { maxAccuracyLoss, maxLabelLoss: maxAccuracyLoss, minSizeRatio: 2, minSpeedup: 0 },
        goal: CompressionGoal.SIZE,
        registry,
        ...DISPOSABLE,
        jobNamePrefix: name.toLowerCase(),
      });
    const careful = compression('Compression', [CompressionTechnique.int8Static()], 0.02);
    // A student too small for its task, behind a gate that lets everything through: the gate of the rollout has to refuse it.
    const careless = compression('Careless', [CompressionTechnique.distil([2])], 1);

    const outputs: { [name: string]: string } = {
      RowsBucketName: rows.bucketName,
      ModelsBucketName: training.modelBucket.bucketName,
      TrainingStateMachineArn: training.stateMachine.stateMachineArn,
      CompressionStateMachineArn: careful.stateMachine.stateMachineArn,
      CarelessStateMachineArn: careless.stateMachine.stateMachineArn,
    };
    if (state === 'learning-and-serving')
      Object.assign(
        outputs,
        this.serve(rows, [training.modelBucket, careful.modelBucket, careless.modelBucket], registry, image),
      );
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }

  /** The endpoint with its rollout; returns their outputs. */
  private serve(rows: s3.IBucket, models: s3.IBucket[], registry: ModelRegistry, image: string) {
    const live = new LiveModel(this, 'Live', {
      initialModel: ModelArtifact.fromBucket(models[0]!, LEARNING_TOUR_FIRST_MODEL),
    });
    const endpoint = new GpuEndpoint(this, 'Tides', {
      modelServer: ModelServer.triton({ defaultModelName: 'classifier' }),
      modelArtifact: live.artifact,
      maxConcurrencyPerInstance: live.maxConcurrencyPerInstance,
      capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
      rollout: { strategy: RolloutStrategy.CANARY, waitInterval: Duration.minutes(3) },
    });
    const rollout = new ModelRollout(this, 'Rollout', {
      endpoint,
      live,
      registry,
      models,
      evaluationData: rows,
      evaluationDataPrefix: LEARNING_TOUR_PREFIXES.frozen,
      image,
      instanceTypes: ['ml.c5.xlarge'],
      maxRuntime: Duration.hours(4),
      // A busy machine decides about latency and cost.
      gate: { maxAccuracyLoss: 0.02, maxSliceLoss: 0.1, maxLatencyGrowth: 1000, maxCostGrowth: 1000 },
      startOnRegistration: false,
      jobNamePrefix: 'evaluation',
      ...DISPOSABLE,
    });
    return { EndpointName: endpoint.endpointName, RolloutStateMachineArn: rollout.stateMachine.stateMachineArn };
  }
}

import { CfnOutput, Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import type { Construct } from 'constructs';
import { NotificationTopic } from '../cost';
import {
  AsyncEndpoint,
  GpuEndpoint,
  ModelArtifact,
  ModelServer,
  RolloutStrategy,
  ServerlessEndpoint,
  SharedGpuEndpoint,
} from '../inference';
import { StreamIngestion } from '../ingestion';
import { PlatformAlarms } from '../monitoring';
import { ScaleEvents } from '../scaling';
import { PackedAsset } from '../training';
import type { StageConfiguration } from './stage-configuration';
import { regionOf } from './stages';
import { ENDPOINT_TOUR_STATES, type EndpointTourState } from './contract';

/** Instance types of the real-time endpoint after the change. */
const OTHER_INSTANCE_TYPES = ['ml.g6.xlarge', 'ml.g5.2xlarge'] as const;

/**
 * Stack `Tidegate-<stage>-tour` with one endpoint of every kind, each scaled by its own metrics, for `tidegate local --tour endpoints`.
 * The states change the real-time endpoint, as an engineer would from one deployment to the next.
 */
export class EndpointTourStack extends Stack {
  public constructor(
    scope: Construct,
    id: string,
    props: { readonly stage: StageConfiguration; readonly state: EndpointTourState },
  ) {
    const { stage, state } = props;
    super(scope, id, {
      stackName: `Tidegate-${stage.name}-tour`,
      description: 'Tidegate: one endpoint of every kind',
      env: { region: regionOf(stage) },
    });
    const step = ENDPOINT_TOUR_STATES.indexOf(state);
    const packed = new PackedAsset(this, 'InitialModel', { path: PackedAsset.initialModelPath() });
    const modelArtifact = ModelArtifact.fromBucket(packed.bucket, packed.objectKey);
    const server = (environment: { readonly [name: string]: string } = {}): ModelServer =>
      ModelServer.triton({
        defaultModelName: 'service_time',
        environment: { SAGEMAKER_TRITON_INFERENCE_TYPE: 'generate', ...environment },
      });
    const pools = stage.instanceTypes.map((instanceType) => ({ instanceType }));

    const realTime = new GpuEndpoint(this, 'RealTime', {
      modelServer: server(versionOf(state)),
      modelArtifact,
      capacity: {
        pools:
          step < ENDPOINT_TOUR_STATES.indexOf('other-instance-types')
            ? pools
            : OTHER_INSTANCE_TYPES.map((instanceType) => ({ instanceType })),
      },
      maxConcurrencyPerInstance: 8,
      startupTimeout: Duration.minutes(10),
      rollout: { strategy: RolloutStrategy.CANARY, batchPercent: 10, waitInterval: Duration.minutes(3) },
    });
    // SageMaker refuses other instance types while the variant is a scalable target.
    if (state !== 'without-scaling') {
      const realTimeScaling = realTime.autoScale({ minCapacity: 1, maxCapacity: 4 });
      realTimeScaling.scaleOnConcurrency('concurrency');
    }

    const asynchronous = new AsyncEndpoint(this, 'Async', {
      modelServer: server(),
      modelArtifact,
      capacity: { pools },
    });
    const asynchronousScaling = asynchronous.autoScale({ minCapacity: 0, maxCapacity: 3 });
    asynchronousScaling.scaleOnBacklog('backlog');
    asynchronousScaling.scaleToZero('scale-from-zero');

    const shared = new SharedGpuEndpoint(this, 'Shared', {
      capacity: { pools },
      maxInstances: 3,
      inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
      instanceScaleInCooldown: Duration.minutes(5),
    });
    const component = shared.addModel('Chat', {
      modelServer: server(),
      modelArtifact,
      memory: Size.gibibytes(4),
      maxConcurrencyPerCopy: 8,
    });
    const componentScaling = component.autoScale({ minCapacity: 0, maxCapacity: 3 });
    componentScaling.scaleOnConcurrency('concurrency');
    componentScaling.scaleToZero('scale-from-zero');

    // A stream in front keeps requests while there is no copy.
    const requests = new StreamIngestion(this, 'Requests', {
      endpoint: component,
      shardCount: 1,
      removalPolicy: RemovalPolicy.DESTROY,
      autoDeleteObjects: true,
    });

    const serverless = new ServerlessEndpoint(this, 'Serverless', {
      modelServer: ModelServer.fromEcrRepository(
        ecr.Repository.fromRepositoryName(this, 'RouterImages', 'router'),
        '3',
      ),
      memory: Size.gibibytes(2),
      maxConcurrency: 20,
      provisionedConcurrency: 1,
    });
    const serverlessScaling = serverless.autoScale({ minCapacity: 1, maxCapacity: 8 });
    serverlessScaling.scaleOnProvisionedConcurrency('provisioned-concurrency');

    // For the alarms on rollbacks and on a configuration that was not deployed.
    const scaleEvents = new ScaleEvents(this, 'ScaleEvents', {
      fleets: [realTime],
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const notices = new NotificationTopic(this, 'Notices', { removalPolicy: RemovalPolicy.DESTROY });
    new PlatformAlarms(this, 'Alarms', { topic: notices.topic }).watchScaling(scaleEvents, realTime);

    const outputs: { readonly [name: string]: string } = {
      RealTimeEndpointName: realTime.endpointName,
      AsyncEndpointName: asynchronous.endpointName,
      AsyncBucketName: asynchronous.bucket.bucketName,
      AsyncRequestPrefix: asynchronous.requestPrefix,
      SharedEndpointName: shared.endpointName,
      ComponentName: component.componentName,
      StreamName: requests.stream.streamName,
      ResultsBucketName: requests.resultsBucket.bucketName,
      ServerlessEndpointName: serverless.endpointName,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}

/** Environment that differs between versions of the model. The last two versions are broken, which only the emulator obeys. */
function versionOf(state: EndpointTourState): { readonly [name: string]: string } {
  switch (state) {
    case 'initial':
    case 'without-scaling':
    case 'other-instance-types':
      return { MODEL_VERSION: '1' };
    case 'next-version':
      return { MODEL_VERSION: '2' };
    case 'unhealthy-version':
      return { MODEL_VERSION: '3', TIDEGATE_LOCAL_FAULT: 'unhealthy' };
    case 'failing-version':
      return { MODEL_VERSION: '4', TIDEGATE_LOCAL_FAULT: 'errors' };
  }
}

import { CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import type { Construct } from 'constructs';
import { NoticeTopic } from '../cost';
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
import type { Stage } from './stage';
import { DEFAULT_REGION } from './stage-configuration';
import { TOUR_STATES, type TourState } from './contract';

/** What the real-time endpoint has after the change of its instance types. */
const OTHER_INSTANCE_TYPES = ['ml.g6.xlarge', 'ml.g5.2xlarge'] as const;

/**
 * One endpoint of every kind, each scaled by its own signals, as a stack `Tidegate-<stage>-tour`: what `tidegate local --tour endpoints`
 * deploys. The states change the real-time endpoint, as an engineer would from one deployment to the next.
 */
export class EndpointTourStack extends Stack {
  public constructor(scope: Construct, id: string, props: { readonly stage: Stage; readonly state: TourState }) {
    const { stage, state } = props;
    super(scope, id, {
      stackName: `Tidegate-${stage.name}-tour`,
      description: 'Tidegate: one endpoint of every kind',
      env: { region: stage.region ?? DEFAULT_REGION },
    });
    const step = TOUR_STATES.indexOf(state);
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
      pools:
        step < TOUR_STATES.indexOf('other-instance-types')
          ? pools
          : OTHER_INSTANCE_TYPES.map((instanceType) => ({ instanceType })),
      maxConcurrencyPerInstance: 8,
      startupTimeout: Duration.minutes(10),
      rollout: { strategy: RolloutStrategy.CANARY, batchPercent: 10, waitInterval: Duration.minutes(3) },
    });
    // SageMaker refuses other instance types while Application Auto Scaling holds the variant.
    if (state !== 'without-scaling') {
      realTime.boundedBy({ minCapacity: 1, maxCapacity: 4 });
      realTime.scaleOnConcurrency();
    }

    const asynchronous = new AsyncEndpoint(this, 'Async', { modelServer: server(), modelArtifact, pools });
    asynchronous.boundedBy({ minCapacity: 0, maxCapacity: 3 });
    asynchronous.scaleOnBacklog();
    asynchronous.scaleToZero();

    const shared = new SharedGpuEndpoint(this, 'Shared', {
      pools,
      maxInstances: 3,
      inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
      instanceScaleInCooldown: Duration.minutes(5),
    });
    const component = shared.addModel('Chat', {
      modelServer: server(),
      modelArtifact,
      memoryMib: 4096,
      maxConcurrencyPerCopy: 8,
    });
    component.boundedBy({ minCapacity: 0, maxCapacity: 3 });
    component.scaleOnConcurrency();
    component.scaleToZero();

    // A stream in front keeps what comes while there is no copy.
    const requests = new StreamIngestion(this, 'Requests', {
      endpoint: component,
      shardCount: 1,
      removalPolicy: RemovalPolicy.DESTROY,
    });

    const serverless = new ServerlessEndpoint(this, 'Serverless', {
      modelServer: ModelServer.fromEcrRepository(
        ecr.Repository.fromRepositoryName(this, 'RouterImages', 'router'),
        '3',
      ),
      memorySizeMib: 2048,
      maxConcurrency: 20,
      provisionedConcurrency: 1,
    });
    serverless.boundedBy({ minCapacity: 1, maxCapacity: 8 });
    serverless.scaleOnProvisionedConcurrency();

    // What a rollout that is taken back, and a configuration that nobody deployed, are told by.
    const scaleEvents = new ScaleEvents(this, 'ScaleEvents', {
      fleets: [realTime],
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const notices = new NoticeTopic(this, 'Notices', { removalPolicy: RemovalPolicy.DESTROY });
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

/** What tells one version of the model from the next; the last two are broken, which only the local services obey. */
function versionOf(state: TourState): { readonly [name: string]: string } {
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

import { ApplicationAutoScalingClient, RegisterScalableTargetCommand } from '@aws-sdk/client-application-auto-scaling';
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateInferenceComponentCommand,
  DescribeEndpointCommand,
  DescribeInferenceComponentCommand,
  SageMakerClient,
  type ProductionVariant,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { LOCAL_ACCOUNT } from '../../lib/emulator/credentials';
import { eventually } from '../emulator/engine/support/local-aws';

/** Real time within which an endpoint or a component comes into service. */
const START_MS = 60_000;

async function createEndpoint(sageMaker: SageMakerClient, name: string, variants: ProductionVariant[]): Promise<void> {
  await sageMaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: `${name}-1`,
      ExecutionRoleArn: `arn:aws:iam::${LOCAL_ACCOUNT}:role/model`,
      ProductionVariants: variants,
    }),
  );
  await sageMaker.send(new CreateEndpointCommand({ EndpointName: name, EndpointConfigName: `${name}-1` }));
  await eventually(
    () => sageMaker.send(new DescribeEndpointCommand({ EndpointName: name })),
    ({ EndpointStatus }) => EndpointStatus === 'InService',
    START_MS,
  );
}

/** Creates an endpoint with two variants of the model `chat`, which share requests 3 to 1; the first is scaled. */
export async function createPair(name: string): Promise<void> {
  const sageMaker = new SageMakerClient({});
  const scaling = new ApplicationAutoScalingClient({});
  const variant = (VariantName: string, InitialVariantWeight: number): ProductionVariant => ({
    VariantName,
    ModelName: 'chat',
    InitialInstanceCount: 1,
    InstanceType: 'ml.g5.xlarge',
    InitialVariantWeight,
  });
  await createEndpoint(sageMaker, name, [variant('blue', 3), variant('green', 1)]);
  await scaling.send(
    new RegisterScalableTargetCommand({
      ServiceNamespace: 'sagemaker',
      ResourceId: `endpoint/${name}/variant/blue`,
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      MinCapacity: 1,
      MaxCapacity: 4,
    }),
  );
  sageMaker.destroy();
  scaling.destroy();
}

/** Creates an endpoint that inference components with one copy each share. */
export async function createShared(name: string, components: readonly string[]): Promise<void> {
  const sageMaker = new SageMakerClient({});
  await createEndpoint(sageMaker, name, [
    { VariantName: 'gpu', InitialInstanceCount: 1, InstanceType: 'ml.g5.12xlarge' },
  ]);
  for (const component of components) {
    await sageMaker.send(
      new CreateInferenceComponentCommand({
        InferenceComponentName: component,
        EndpointName: name,
        VariantName: 'gpu',
        Specification: {
          ModelName: 'chat',
          ComputeResourceRequirements: { NumberOfAcceleratorDevicesRequired: 1, MinMemoryRequiredInMb: 1024 },
        },
        RuntimeConfig: { CopyCount: 1 },
      }),
    );
    await eventually(
      () => sageMaker.send(new DescribeInferenceComponentCommand({ InferenceComponentName: component })),
      ({ InferenceComponentStatus }) => InferenceComponentStatus === 'InService',
      START_MS,
    );
  }
  sageMaker.destroy();
}

/** Sends requests to an endpoint, or to its components in turn, some at a time. */
export async function sendRequests(
  invokeUrl: string,
  endpointName: string,
  { requests, components = [] }: { readonly requests: number; readonly components?: readonly string[] },
): Promise<void> {
  const runtime = new SageMakerRuntimeClient({ endpoint: invokeUrl });
  const body = { key: 'k', context_tokens: 100, generated_tokens: 150, sent_at: 0 };
  const client = async (number: number): Promise<void> => {
    for (let id = number; id < requests; id += 4) {
      const component = components[id % Math.max(1, components.length)];
      await runtime.send(
        new InvokeEndpointCommand({
          EndpointName: endpointName,
          ContentType: 'application/json',
          Body: JSON.stringify({ ...body, id: String(id) }),
          ...(component !== undefined && { InferenceComponentName: component }),
        }),
      );
    }
  };
  await Promise.all([0, 1, 2, 3].map(client));
  runtime.destroy();
}

/** Creates a user who may do everything but some actions; returns the variables with the keys. */
export async function userWithout(
  actions: readonly string[],
): Promise<{ readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string }> {
  const iam = new IAMClient({});
  const UserName = 'reader';
  await iam.send(new CreateUserCommand({ UserName }));
  const Statement = [
    { Effect: 'Allow', Action: ['sagemaker:*', 'application-autoscaling:*', 'cloudwatch:*'], Resource: '*' },
    { Effect: 'Deny', Action: actions, Resource: '*' },
  ];
  await iam.send(
    new PutUserPolicyCommand({
      UserName,
      PolicyName: 'reading',
      PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement }),
    }),
  );
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  iam.destroy();
  return { AWS_ACCESS_KEY_ID: AccessKey!.AccessKeyId!, AWS_SECRET_ACCESS_KEY: AccessKey!.SecretAccessKey! };
}

import { DescribeEndpointCommand, DescribeInferenceComponentCommand, SageMakerClient } from '@aws-sdk/client-sagemaker';
import { mockClient } from 'aws-sdk-client-mock';
import { createEndpointStates } from '../../../lambda/clients/endpoint-state';
import { CHAT_FLEET } from '../../support/watched-fleet';

const sagemaker = mockClient(SageMakerClient);
beforeEach(() => sagemaker.reset());
const client = createEndpointStates(new SageMakerClient({ region: 'us-east-1' }));

describe('the capacity of a variant', () => {
  test('reads the pools of a variant', async () => {
    sagemaker.on(DescribeEndpointCommand, { EndpointName: 'chat' }).resolves({
      EndpointStatus: 'InService',
      ProductionVariants: [
        {
          VariantName: 'main',
          CurrentInstanceCount: 3,
          DesiredInstanceCount: 4,
          InstancePools: [
            { InstanceType: 'ml.g5.xlarge', CurrentInstanceCount: 2 },
            { InstanceType: 'ml.g6.xlarge', CurrentInstanceCount: 1 },
          ],
        },
      ],
    });
    expect(await client.variantCapacity('chat', 'main')).toEqual({
      currentByType: { 'ml.g5.xlarge': 2, 'ml.g6.xlarge': 1 },
      currentCapacity: 3,
      desiredCapacity: 4,
    });
  });

  test('counts the instances of a deployment under way beside the ones it replaces', async () => {
    sagemaker.on(DescribeEndpointCommand).resolves({
      EndpointStatus: 'Updating',
      ProductionVariants: [{ VariantName: 'main', CurrentInstanceCount: 2, DesiredInstanceCount: 2 }],
      PendingDeploymentSummary: {
        EndpointConfigName: 'next',
        ProductionVariants: [{ VariantName: 'main', CurrentInstanceCount: 1, DesiredInstanceCount: 2 }],
      },
    });
    expect(await client.variantCapacity('chat', 'main')).toEqual({
      currentByType: {},
      currentCapacity: 3,
      desiredCapacity: 2,
    });
  });

  test('has the instances of a shadow beside it, those of a deployment under way too', async () => {
    sagemaker.on(DescribeEndpointCommand).resolves({
      EndpointStatus: 'Updating',
      ProductionVariants: [{ VariantName: 'main', CurrentInstanceCount: 2, DesiredInstanceCount: 2 }],
      ShadowProductionVariants: [
        {
          VariantName: 'main-shadow',
          CurrentInstanceCount: 1,
          DesiredInstanceCount: 2,
          InstancePools: [{ InstanceType: 'ml.g6.xlarge', CurrentInstanceCount: 1 }],
        },
      ],
      PendingDeploymentSummary: {
        EndpointConfigName: 'next',
        ProductionVariants: [{ VariantName: 'main', CurrentInstanceCount: 0, DesiredInstanceCount: 2 }],
        ShadowProductionVariants: [{ VariantName: 'main-shadow', CurrentInstanceCount: 3, DesiredInstanceCount: 3 }],
      },
    });
    expect(await client.variantCapacity('chat', 'main')).toEqual({
      currentByType: {},
      currentCapacity: 2,
      desiredCapacity: 2,
      shadow: { currentByType: { 'ml.g6.xlarge': 1 }, currentCapacity: 4, desiredCapacity: 2 },
    });
  });

  test('has a shadow that is only in the deployment under way', async () => {
    sagemaker.on(DescribeEndpointCommand).resolves({
      EndpointStatus: 'Updating',
      ProductionVariants: [{ VariantName: 'main', CurrentInstanceCount: 2, DesiredInstanceCount: 2 }],
      PendingDeploymentSummary: {
        EndpointConfigName: 'next',
        ShadowProductionVariants: [{ VariantName: 'main-shadow', DesiredInstanceCount: 3 }],
      },
    });
    expect((await client.variantCapacity('chat', 'main')).shadow).toEqual({
      currentByType: {},
      currentCapacity: 0,
      desiredCapacity: 3,
    });
  });

  test('is that of the deployment under way where the variant is new', async () => {
    sagemaker.on(DescribeEndpointCommand).resolves({
      EndpointStatus: 'Updating',
      PendingDeploymentSummary: {
        EndpointConfigName: 'next',
        ProductionVariants: [
          { VariantName: 'other', CurrentInstanceCount: 9, DesiredInstanceCount: 9 },
          { VariantName: 'main', CurrentInstanceCount: 1, DesiredInstanceCount: 2 },
        ],
      },
    });
    expect(await client.variantCapacity('chat', 'main')).toEqual({
      currentByType: {},
      currentCapacity: 1,
      desiredCapacity: 2,
    });
  });

  test('is zero where the service describes none yet', async () => {
    sagemaker.on(DescribeEndpointCommand).resolves({
      EndpointStatus: 'Updating',
      ProductionVariants: [
        {
          VariantName: 'main',
          InstancePools: [{ InstanceType: 'ml.g5.xlarge' }, { CurrentInstanceCount: 1 }] as never,
        },
      ],
      PendingDeploymentSummary: { EndpointConfigName: 'next' },
    });
    expect(await client.variantCapacity('chat', 'main')).toEqual({
      currentByType: {},
      currentCapacity: 0,
      desiredCapacity: 0,
    });
  });

  test('adds up the pools of one type', async () => {
    const pool = (count: number) => ({ InstanceType: 'ml.g5.xlarge' as const, CurrentInstanceCount: count });
    sagemaker.on(DescribeEndpointCommand).resolves({
      ProductionVariants: [{ VariantName: 'main', CurrentInstanceCount: 3, InstancePools: [pool(1), pool(2)] }],
    });
    expect((await client.variantCapacity('chat', 'main')).currentByType).toEqual({ 'ml.g5.xlarge': 3 });
  });

  test('is an error when the endpoint has no such variant', async () => {
    sagemaker.on(DescribeEndpointCommand).resolves({ EndpointStatus: 'Failed' });
    await expect(client.variantCapacity('chat', 'main')).rejects.toThrow('endpoint chat (Failed) has no variant main');
  });
});

describe('the state of a fleet', () => {
  const fleet = CHAT_FLEET;

  test('is that of the variant', async () => {
    sagemaker.on(DescribeEndpointCommand, { EndpointName: 'chat' }).resolves({
      EndpointStatus: 'InService',
      EndpointConfigName: 'config-2',
      ProductionVariants: [
        { VariantName: 'other', DesiredInstanceCount: 9, CurrentInstanceCount: 9 },
        { VariantName: 'main', DesiredInstanceCount: 4, CurrentInstanceCount: 3 },
      ],
    });
    await expect(client.fleetState(fleet)).resolves.toEqual({
      status: 'InService',
      configName: 'config-2',
      desired: 4,
      current: 3,
    });
  });

  test('is that of the component', async () => {
    sagemaker.on(DescribeInferenceComponentCommand, { InferenceComponentName: 'small' }).resolves({
      InferenceComponentStatus: 'InService',
      RuntimeConfig: { DesiredCopyCount: 2, CurrentCopyCount: 0 },
    });
    const component = { ...fleet, resourceId: 'inference-component/small', fleetName: 'small' };
    await expect(client.fleetState(component)).resolves.toEqual({
      status: 'InService',
      configName: null,
      desired: 2,
      current: 0,
    });
  });

  test('is unknown while the service does not describe the component', async () => {
    sagemaker.on(DescribeInferenceComponentCommand).resolves({});
    const component = { resourceId: 'inference-component/small', fleetName: 'small' };
    await expect(client.fleetState(component)).resolves.toEqual({
      status: '',
      configName: null,
      desired: null,
      current: null,
    });
    sagemaker.on(DescribeEndpointCommand).resolves({ ProductionVariants: [{ VariantName: 'main' }] });
    await expect(client.fleetState(fleet)).resolves.toMatchObject({ status: '', desired: null, current: null });
  });

  test('is unknown while the service does not describe it', async () => {
    sagemaker.on(DescribeEndpointCommand).resolves({ EndpointStatus: 'Creating' });
    await expect(client.fleetState(fleet)).resolves.toEqual({
      status: 'Creating',
      configName: null,
      desired: null,
      current: null,
    });
  });
});

import {
  DescribeScalingActivitiesCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  CreateEndpointCommand,
  DeleteEndpointCommand,
  type ProductionVariant,
  UpdateEndpointCommand,
} from '@aws-sdk/client-sagemaker';
import { InputError } from '../../../lib/core/errors';
import { parseReservations } from '../../../lib/local/sidecar/reservations';
import {
  createConfig,
  createModel,
  deployEndpoint,
  describe1,
  inStatus,
  type Platform,
  startPlatform,
  until,
  VARIANT_DIMENSION,
} from './platform';

const ARN = 'arn:aws:sagemaker:us-east-1:123456789012:ml-reservation/gpu';

const reserved: Partial<ProductionVariant> = {
  InstancePools: undefined,
  InstanceType: 'ml.g5.xlarge',
  CapacityReservationConfig: {
    CapacityReservationPreference: 'capacity-reservations-only',
    MlReservationArn: ARN,
  },
};

let platform: Platform;
afterEach(() => platform?.stop());

const target = {
  ServiceNamespace: 'sagemaker',
  ResourceId: 'endpoint/chat/variant/gpu',
  ScalableDimension: VARIANT_DIMENSION,
} as const;

const register = (MinCapacity: number, MaxCapacity: number) =>
  platform.scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity, MaxCapacity }));
const reservationOf = async (name = 'chat') =>
  (await describe1(platform, name)).ProductionVariants![0]!.CapacityReservationConfig;
const variantOf = () => platform.sidecar.snapshot().endpoints[0]!.variants[0]!;

test('instances come out of the reservation, and none beyond it', async () => {
  platform = await startPlatform(900, { reservations: { [ARN]: 3 } });
  await deployEndpoint(platform, reserved);
  expect(await reservationOf()).toEqual({
    MlReservationArn: ARN,
    CapacityReservationPreference: 'capacity-reservations-only',
    TotalInstanceCount: 3,
    AvailableInstanceCount: 2,
    UsedByCurrentEndpoint: 1,
  });
  await register(5, 5);
  await until('the reservation is full', () => variantOf().inServiceInstances === 3);
  // The endpoint stays in service at what there is, as without capacity.
  expect((await describe1(platform)).EndpointStatus).toBe('InService');
  expect(variantOf()).toMatchObject({ desiredInstances: 5, provisioningInstances: 0 });
  expect(await reservationOf()).toMatchObject({ AvailableInstanceCount: 0, UsedByCurrentEndpoint: 3 });
  expect(platform.events).toContainEqual(
    expect.objectContaining({ kind: 'capacity-error', instanceType: 'ml.g5.xlarge', fallbackInstanceType: null }),
  );
  const activity = await until('the activity ended', async () => {
    const { ScalingActivities } = await platform.scaling.send(new DescribeScalingActivitiesCommand(target));
    return ScalingActivities!.find(({ StatusCode }) => StatusCode === 'Unfulfilled');
  });
  expect(activity.StatusMessage).toContain('Set desired instance count to 5, but only 3 in service');
});

test('a full reservation is no matter of the type: others launch it, and its own come when others have none', async () => {
  platform = await startPlatform(900, { reservations: { [ARN]: 2 } });
  platform.sidecar.setCapacity('ml.g5.xlarge', 'insufficient');
  await deployEndpoint(platform, { ...reserved, InitialInstanceCount: 2 });
  expect(variantOf().inServiceInstances).toBe(2);
  platform.sidecar.setCapacity('ml.g5.xlarge', 'available');
  await createConfig(platform, 'free', { InstancePools: [{ InstanceType: 'ml.g5.xlarge', Priority: 1 }] });
  await platform.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'free', EndpointConfigName: 'free' }));
  expect((await inStatus(platform, 'InService', 'free')).ProductionVariants![0]).not.toHaveProperty(
    'CapacityReservationConfig',
  );
});

test('endpoints share a reservation: what one gives back the other gets', async () => {
  platform = await startPlatform(900, { reservations: { [ARN]: 2 } });
  await deployEndpoint(platform, { ...reserved, InitialInstanceCount: 2 });
  await createConfig(platform, 'second', { ...reserved, VariantInstanceProvisionTimeoutInSeconds: 3600 });
  await platform.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'other', EndpointConfigName: 'second' }));
  expect((await describe1(platform, 'other')).EndpointStatus).toBe('Creating');
  expect(await reservationOf('other')).toMatchObject({ UsedByCurrentEndpoint: 0, AvailableInstanceCount: 0 });
  await platform.sageMaker.send(new DeleteEndpointCommand({ EndpointName: 'chat' }));
  await inStatus(platform, 'InService', 'other');
  expect(await reservationOf('other')).toMatchObject({ UsedByCurrentEndpoint: 1, AvailableInstanceCount: 1 });
});

test('a rollout needs room in the reservation, and goes back without it', async () => {
  platform = await startPlatform(900, { reservations: { [ARN]: 1 } });
  await deployEndpoint(platform, reserved);
  await createConfig(platform, 'second', reserved);
  await platform.sageMaker.send(new UpdateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'second' }));
  await inStatus(platform, 'Updating');
  const back = await inStatus(platform, 'InService');
  expect(back).toMatchObject({ EndpointConfigName: 'first' });
  expect(back.FailureReason).toContain('InsufficientInstanceCapacity');
  expect(variantOf().inServiceInstances).toBe(1);
});

test('a reservation whose size nobody declared has what the type has', async () => {
  platform = await startPlatform(900);
  await deployEndpoint(platform, { ...reserved, InitialInstanceCount: 4 });
  expect(await reservationOf()).toEqual({
    MlReservationArn: ARN,
    CapacityReservationPreference: 'capacity-reservations-only',
    UsedByCurrentEndpoint: 4,
  });
  platform.sidecar.setCapacity('ml.g5.xlarge', 'insufficient');
  await register(5, 5);
  await until('a lack of capacity', () => platform.events.some(({ kind }) => kind === 'capacity-error'));
  expect(variantOf().inServiceInstances).toBe(4);
});

test('a reservation is of one instance type, and its ARN has to be one', async () => {
  platform = await startPlatform(900);
  await createModel(platform);
  const { CapacityReservationConfig } = reserved;
  await expect(createConfig(platform, 'pools', { CapacityReservationConfig })).rejects.toThrow('one instance type');
  const wrong = { ...CapacityReservationConfig, MlReservationArn: 'gpu' };
  await expect(createConfig(platform, 'arn', { ...reserved, CapacityReservationConfig: wrong })).rejects.toThrow(
    'must be the ARN of an ml-reservation',
  );
});

test('reservations are declared in the environment', () => {
  expect(parseReservations(undefined)).toEqual({});
  expect(parseReservations(`${ARN}=4, ${ARN}-2=0`)).toEqual({ [ARN]: 4, [`${ARN}-2`]: 0 });
  for (const wrong of [ARN, 'gpu=4', `${ARN}=-1`, `${ARN}=1.5`]) {
    expect(() => parseReservations(wrong)).toThrow(InputError);
  }
});

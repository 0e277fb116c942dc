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
import { parseReservations } from '../../../lib/emulator/account/reservations';
import {
  createConfig,
  createModel,
  deployEndpoint,
  describeEndpoint,
  inStatus,
  EmulatedAccount,
  VARIANT_DIMENSION,
} from '../../support/emulated-account';

const ARN = 'arn:aws:sagemaker:us-east-1:123456789012:ml-reservation/gpu';

const reserved: Partial<ProductionVariant> = {
  InstancePools: undefined,
  InstanceType: 'ml.g5.xlarge',
  CapacityReservationConfig: {
    CapacityReservationPreference: 'capacity-reservations-only',
    MlReservationArn: ARN,
  },
};

let account: EmulatedAccount;
afterEach(() => account?.stop());

const target = {
  ServiceNamespace: 'sagemaker',
  ResourceId: 'endpoint/chat/variant/gpu',
  ScalableDimension: VARIANT_DIMENSION,
} as const;

const register = (MinCapacity: number, MaxCapacity: number) =>
  account.scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity, MaxCapacity }));
const reservationOf = async (name = 'chat') =>
  (await describeEndpoint(account, name)).ProductionVariants![0]!.CapacityReservationConfig;
const variantOf = () => account.emulator.snapshot().endpoints[0]!.variants[0]!;

test('instances come out of the reservation, and none beyond it', async () => {
  account = await EmulatedAccount.start({ reservations: { [ARN]: 3 } });
  await deployEndpoint(account, reserved);
  expect(await reservationOf()).toEqual({
    MlReservationArn: ARN,
    CapacityReservationPreference: 'capacity-reservations-only',
    TotalInstanceCount: 3,
    AvailableInstanceCount: 2,
    UsedByCurrentEndpoint: 1,
  });
  await register(5, 5);
  await account.until('the reservation is full', () => variantOf().inServiceInstances === 3);
  // The endpoint stays in service at what there is, as without capacity.
  expect((await describeEndpoint(account)).EndpointStatus).toBe('InService');
  expect(variantOf()).toMatchObject({ desiredInstances: 5, provisioningInstances: 0 });
  expect(await reservationOf()).toMatchObject({ AvailableInstanceCount: 0, UsedByCurrentEndpoint: 3 });
  expect(account.events).toContainEqual(
    expect.objectContaining({ kind: 'capacity-error', instanceType: 'ml.g5.xlarge', fallbackInstanceType: null }),
  );
  await account.until('the activity ended', () =>
    account.emulator.snapshot().activities.some(({ statusCode }) => statusCode === 'Unfulfilled'),
  );
  const { ScalingActivities } = await account.scaling.send(new DescribeScalingActivitiesCommand(target));
  const activity = ScalingActivities!.find(({ StatusCode }) => StatusCode === 'Unfulfilled');
  expect(activity!.StatusMessage).toContain('Set desired instance count to 5, but only 3 in service');
});

test('a reservation and the capacity of its type are independent of each other', async () => {
  account = await EmulatedAccount.start({ reservations: { [ARN]: 2 } });
  account.emulator.setCapacity('ml.g5.xlarge', 'insufficient');
  await deployEndpoint(account, { ...reserved, InitialInstanceCount: 2 });
  expect(variantOf().inServiceInstances).toBe(2);
  account.emulator.setCapacity('ml.g5.xlarge', 'available');
  await createConfig(account, 'free', { InstancePools: [{ InstanceType: 'ml.g5.xlarge', Priority: 1 }] });
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'free', EndpointConfigName: 'free' }));
  expect((await inStatus(account, 'InService', 'free')).ProductionVariants![0]).not.toHaveProperty(
    'CapacityReservationConfig',
  );
});

test('endpoints share a reservation: instances that one releases the other launches', async () => {
  account = await EmulatedAccount.start({ reservations: { [ARN]: 2 } });
  await deployEndpoint(account, { ...reserved, InitialInstanceCount: 2 });
  await createConfig(account, 'second', { ...reserved, VariantInstanceProvisionTimeoutInSeconds: 3600 });
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'other', EndpointConfigName: 'second' }));
  expect((await describeEndpoint(account, 'other')).EndpointStatus).toBe('Creating');
  expect(await reservationOf('other')).toMatchObject({ UsedByCurrentEndpoint: 0, AvailableInstanceCount: 0 });
  await account.sageMaker.send(new DeleteEndpointCommand({ EndpointName: 'chat' }));
  await inStatus(account, 'InService', 'other');
  expect(await reservationOf('other')).toMatchObject({ UsedByCurrentEndpoint: 1, AvailableInstanceCount: 1 });
});

test('a rollout needs room in the reservation, and is rolled back without it', async () => {
  account = await EmulatedAccount.start({ reservations: { [ARN]: 1 } });
  await deployEndpoint(account, reserved);
  await createConfig(account, 'second', reserved);
  await account.sageMaker.send(new UpdateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'second' }));
  expect((await describeEndpoint(account)).EndpointStatus).toBe('Updating');
  const back = await inStatus(account, 'InService');
  expect(back).toMatchObject({ EndpointConfigName: 'first' });
  expect(back.FailureReason).toContain('InsufficientInstanceCapacity');
  expect(variantOf().inServiceInstances).toBe(1);
});

test('an undeclared reservation has the capacity of its type', async () => {
  account = await EmulatedAccount.start();
  await deployEndpoint(account, { ...reserved, InitialInstanceCount: 4 });
  expect(await reservationOf()).toEqual({
    MlReservationArn: ARN,
    CapacityReservationPreference: 'capacity-reservations-only',
    UsedByCurrentEndpoint: 4,
  });
  account.emulator.setCapacity('ml.g5.xlarge', 'insufficient');
  await register(5, 5);
  await account.until('a lack of capacity', () => account.events.some(({ kind }) => kind === 'capacity-error'));
  expect(variantOf().inServiceInstances).toBe(4);
});

test('a reservation is of one instance type, and its ARN has to be one', async () => {
  account = await EmulatedAccount.start();
  await createModel(account);
  const { CapacityReservationConfig } = reserved;
  await expect(createConfig(account, 'pools', { CapacityReservationConfig })).rejects.toThrow('one instance type');
  const wrong = { ...CapacityReservationConfig, MlReservationArn: 'gpu' };
  await expect(createConfig(account, 'arn', { ...reserved, CapacityReservationConfig: wrong })).rejects.toThrow(
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

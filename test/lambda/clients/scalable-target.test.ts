import {
  ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  RegisterScalableTargetCommand,
  type ScalableTarget,
} from '@aws-sdk/client-application-auto-scaling';
import { mockClient } from 'aws-sdk-client-mock';
import { createScalableTargets } from '../../../lambda/clients/scalable-target';

describe('scalable targets', () => {
  const scaling = mockClient(ApplicationAutoScalingClient);
  beforeEach(() => scaling.reset());
  const client = createScalableTargets(new ApplicationAutoScalingClient({ region: 'us-east-1' }));
  const target = {
    resourceId: 'endpoint/chat/variant/main',
    scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
  };

  test('returns the limits of a target', async () => {
    scaling.on(DescribeScalableTargetsCommand, { ServiceNamespace: 'sagemaker' }).resolves({
      ScalableTargets: [
        {
          ServiceNamespace: 'sagemaker',
          ResourceId: target.resourceId,
          ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
          MinCapacity: 1,
          MaxCapacity: 8,
          RoleARN: 'role',
          CreationTime: new Date(0),
        },
      ],
    });
    expect(await client.limits(target)).toEqual({ kind: 'in-force', minCapacity: 1, maxCapacity: 8 });
    expect(scaling.commandCalls(DescribeScalableTargetsCommand)[0]!.args[0].input).toEqual({
      ServiceNamespace: 'sagemaker',
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      ResourceIds: ['endpoint/chat/variant/main'],
    });
  });

  test('tells a target that is not registered', async () => {
    const other = {
      ServiceNamespace: 'sagemaker',
      ResourceId: 'endpoint/x/variant/main',
      MinCapacity: 1,
      MaxCapacity: 8,
    };
    for (const response of [{ ScalableTargets: [] }, {}, { ScalableTargets: [other as ScalableTarget] }]) {
      scaling.on(DescribeScalableTargetsCommand).resolves(response);
      expect(await client.limits(target)).toEqual({ kind: 'not-registered' });
    }
  });

  test.each([{ MinCapacity: 1 }, { MaxCapacity: 8 }, {}])('takes %j of a target for no answer', async (limits) => {
    const found = { ServiceNamespace: 'sagemaker', ResourceId: target.resourceId, ...limits };
    scaling.on(DescribeScalableTargetsCommand).resolves({ ScalableTargets: [found as ScalableTarget] });
    await expect(client.limits(target)).rejects.toThrow(
      'DescribeScalableTargets returned endpoint/chat/variant/main without both of its limits',
    );
  });

  const requests = () =>
    scaling.commandCalls(RegisterScalableTargetCommand).map(({ args: [{ input }] }) => {
      const { MinCapacity, MaxCapacity } = input;
      return { ...(MinCapacity !== undefined && { MinCapacity }), ...(MaxCapacity !== undefined && { MaxCapacity }) };
    });

  test.each([
    [
      'lowers the minimum before the maximum',
      { minCapacity: 1, maxCapacity: 1 },
      [{ MinCapacity: 1 }, { MaxCapacity: 1 }],
    ],
    [
      'raises the maximum before the minimum',
      { minCapacity: 9, maxCapacity: 12 },
      [{ MaxCapacity: 12 }, { MinCapacity: 9 }],
    ],
    [
      'sets a minimum as large as the maximum in force before the maximum',
      { minCapacity: 8, maxCapacity: 12 },
      [{ MinCapacity: 8 }, { MaxCapacity: 12 }],
    ],
    ['sets the maximum alone', { maxCapacity: 3 }, [{ MaxCapacity: 3 }]],
    ['sets a minimum above the maximum in force alone', { minCapacity: 9 }, [{ MinCapacity: 9 }]],
  ])('%s, each in a request of its own, which registers nothing', async (_, limits, expected) => {
    scaling.on(RegisterScalableTargetCommand).resolves({});
    await client.setLimits(target, limits, undefined, { minCapacity: 2, maxCapacity: 8 });
    expect(requests()).toEqual(expected);
  });

  test('sets the minimum alone', async () => {
    scaling.on(RegisterScalableTargetCommand).resolves({});
    await client.setLimits(target, { minCapacity: 4 });
    expect(scaling.commandCalls(RegisterScalableTargetCommand)[0]!.args[0].input).toEqual({
      ServiceNamespace: 'sagemaker',
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      ResourceId: 'endpoint/chat/variant/main',
      MinCapacity: 4,
    });
  });
});

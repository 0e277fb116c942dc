import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { EdgeFleet, EdgeModel, EdgeRollout } from '../../../lib/edge';
import { DeploymentProvider } from '../../../lib/emulator/cloudformation/greengrass-providers';
import { type GroupMember, rollOutToGroup } from '../../../lib/emulator/edge/group-rollout';
import { type GroupDeployment, Greengrass } from '../../../lib/emulator/edge/greengrass';
import type { ResourceRequest } from '../../../lib/emulator/cloudformation/resource-provider';
import { HandClock } from '../../support/hand-clock';

const GROUP = 'arn:aws:iot:us-east-1:123456789012:thinggroup/cameras';

const deployment: GroupDeployment = {
  deploymentId: 'd-1',
  targetArn: GROUP,
  components: {},
  rollout: { basePerMinute: 2, maxPerMinute: 8, incrementFactor: 2, increaseAfterSucceeded: 2 },
  abort: { failedPercentage: 20, minDevices: 4 },
};

/** Devices that end at once, those of the given places with a failure, and the minutes at which each was notified. */
function fleet(clock: HandClock, count: number, failing: readonly number[] = []) {
  const notified: number[] = [];
  const begin = clock.now();
  const devices = Array.from({ length: count }, (_, index): GroupMember => ({
    deploy: async ({ deploymentId }) => {
      notified.push((clock.now() - begin) / 60);
      return { deploymentId, status: failing.includes(index) ? 'FAILED_ROLLBACK_COMPLETE' : 'SUCCESSFUL' };
    },
  }));
  return { devices, notified };
}

/** Moves the clock on by minutes until the rollout has ended. */
async function played<T>(clock: HandClock, rollout: Promise<T>): Promise<T> {
  let isOver = false;
  const end = rollout.finally(() => (isOver = true));
  for (let minute = 0; minute < 100 && !isOver; minute++) {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    clock.moveTo(clock.now() + 60);
  }
  return end;
}

test('a rollout reaches more devices each minute as they succeed', async () => {
  const clock = new HandClock(0);
  const { devices, notified } = fleet(clock, 12);
  const end = await played(clock, rollOutToGroup(deployment, devices, clock));
  expect(end).toMatchObject({ status: 'COMPLETED' });
  // 2; after 2 successes 4; after 6 successes the most, 8, of which 6 are left.
  expect(notified).toEqual([0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
});

test('a rollout is cancelled for the rest once too many devices failed', async () => {
  const clock = new HandClock(0);
  const { devices, notified } = fleet(clock, 12, [1, 3]);
  const end = await played(clock, rollOutToGroup(deployment, devices, clock));
  // After two devices it is too early to judge; then 2 of 4 have failed.
  expect(notified).toEqual([0, 0, 1, 1]);
  expect(end).toMatchObject({ status: 'CANCELED', reason: expect.stringContaining('2 of 4 devices failed') });
  expect(end.results.map(({ status }) => status)).toEqual([
    ...['SUCCESSFUL', 'FAILED_ROLLBACK_COMPLETE', 'SUCCESSFUL', 'FAILED_ROLLBACK_COMPLETE'],
  ]);
});

test('without a threshold a rollout goes on', async () => {
  const clock = new HandClock(0);
  const { devices } = fleet(clock, 4, [0, 1, 2, 3]);
  const { abort: _none, ...careless } = deployment;
  expect(await played(clock, rollOutToGroup(careless, devices, clock))).toMatchObject({ status: 'COMPLETED' });
});

describe('the deployment of a fleet', () => {
  const propertiesOf = (rollout: EdgeRollout) => {
    const stack = new Stack(new App(), 'Vision', { env: { account: '123456789012', region: 'us-east-1' } });
    new EdgeFleet(stack, 'Cameras', {
      model: EdgeModel.fromBucket(s3.Bucket.fromBucketName(stack, 'Models', 'models'), 'models/a/output/model.tar.gz'),
      stream: new kinesis.Stream(stack, 'Results'),
      fleetName: 'cameras',
      rollout,
      abort: { failedPercentage: 10, minDevices: 7 },
    });
    const [resource] = Object.values(Template.fromStack(stack).findResources('AWS::GreengrassV2::Deployment'));
    return (resource as { Properties: { [name: string]: unknown } }).Properties;
  };

  const created = async (properties: { [name: string]: unknown }) => {
    const greengrass = new Greengrass({} as never);
    const provider = new DeploymentProvider({ greengrass, random: { integer: () => 0 } as never });
    const request = { properties: { ...properties, TargetArn: GROUP, Components: {} } };
    await provider.create(request as unknown as ResourceRequest);
    return greengrass.deploymentOf(GROUP)!;
  };

  test.each<[string, EdgeRollout, GroupDeployment['rollout']]>([
    [
      'growing',
      EdgeRollout.exponential({ basePerMinute: 5, maxPerMinute: 200 }),
      { basePerMinute: 5, maxPerMinute: 200, incrementFactor: 2, increaseAfterSucceeded: 5 },
    ],
    [
      'constant',
      EdgeRollout.constant(30),
      { basePerMinute: 30, maxPerMinute: 30, incrementFactor: 1, increaseAfterSucceeded: 1 },
    ],
  ])('has its %s rate and its threshold in the local engine', async (_, rollout, expected) => {
    expect(await created(propertiesOf(rollout))).toMatchObject({
      rollout: expected,
      abort: { failedPercentage: 10, minDevices: 7 },
    });
  });

  test('with a rate that AWS IoT refuses is refused', async () => {
    const properties = { IotJobConfiguration: { JobExecutionsRolloutConfig: { MaximumPerMinute: 1001 } } };
    await expect(created(properties)).rejects.toThrow('MaximumPerMinute');
  });
});

import { QUIET_METRICS } from '../../../lib/simulation/aws/sagemaker-metrics';
import { deployEndpoint, EmulatedAccount } from '../../support/emulated-account';
import { deployScaledFleet, desiredInstances } from '../../support/scaled-fleet';

let account: EmulatedAccount;
afterEach(() => account.stop());

const deciders = (): (string | null | undefined)[] =>
  account.events.flatMap((event) => (event.kind === 'scaling-activity' ? [event.activity.decidedBy] : []));

test.each(QUIET_METRICS)(
  'without requests a fleet shrinks to its minimum when their metrics are %s',
  async (quietMetrics) => {
    account = await EmulatedAccount.start({ quietMetrics });
    await deployScaledFleet(account, { instances: 4, withStep: true });
    await account.until('one instance is left', () => desiredInstances(account) === 1, 3600);
    expect(new Set(deciders())).toEqual(new Set([quietMetrics === 'zeros' ? 'concurrency' : 'without-requests']));
  },
);

test('without datapoints target tracking alone holds the fleet', async () => {
  account = await EmulatedAccount.start({ quietMetrics: 'missing' });
  await deployScaledFleet(account, { instances: 4, withStep: false });
  await account.advance(7200);
  expect(desiredInstances(account)).toBe(4);
});

test('without requests and without zeros the utilization of instances is published, and nothing of requests', async () => {
  account = await EmulatedAccount.start({ quietMetrics: 'missing' });
  await deployEndpoint(account);
  await account.until('three minutes are published', () => account.engine.metricCalls.length >= 3);
  const published = new Set(account.engine.metricCalls.flatMap(({ data }) => data.map(({ MetricName }) => MetricName)));
  expect([...published].sort()).toEqual([
    'CPUUtilization',
    'DiskUtilization',
    'GPUMemoryUtilization',
    'GPUUtilization',
    'MemoryUtilization',
  ]);
});

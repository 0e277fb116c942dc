import type { MetricAlarm } from '@aws-sdk/client-cloudwatch';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { createHandler } from '../../lambda/scale-events/handler';
import { fromMetricAlarm } from '../../lib/emulator/monitoring/alarm-definition';
import { GpuEndpoint } from '../../lib/inference';
import { PlatformAlarms } from '../../lib/monitoring';
import { ScaleEvents } from '../../lib/scaling';
import { scaleEventKey, type ScalingActivity } from '../../lib/scaling/contract';
import { CloudWatch } from '../../lib/simulation/aws/cloudwatch';
import { CHAT_FLEET } from '../support/watched-fleet';

/** Alarms of the scaling of endpoint `chat`, as they are synthesized. */
function synthesizedAlarms(): MetricAlarm[] {
  const stack = new Stack(new App(), 'Stack', { env: { region: 'us-east-1' } });
  const endpoint = GpuEndpoint.fromGpuEndpointAttributes(stack, 'Endpoint', {
    endpointName: 'chat',
    variantName: 'main',
    instanceTypes: ['ml.g5.xlarge'],
  });
  const alarms = new PlatformAlarms(stack, 'Alarms', { topic: new sns.Topic(stack, 'Topic') });
  alarms.watchScaling(new ScaleEvents(stack, 'Events', { fleets: [endpoint] }), endpoint);
  return Object.entries(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'))
    .map(([id, { Properties }]) => ({ ...(Properties as MetricAlarm), AlarmName: id.slice('Alarms'.length, -8) }))
    .filter(({ Namespace }) => Namespace === 'Tidegate');
}

/** Four hours of scale-outs that fail after some minutes each; returns the minute at which each alarm first went off. */
async function alarmsOfFailures(attemptMinutes: number, pauseMinutes: number, statusMessage: string) {
  const cloudWatch = new CloudWatch();
  for (const alarm of synthesizedAlarms()) cloudWatch.putAlarm(fromMetricAlarm(alarm), 0);
  const stored = new Set<string>();
  let now = 0;
  const activities = (): ScalingActivity[] => {
    const list: ScalingActivity[] = [];
    for (let start = 60; start <= now; start += (attemptMinutes + pauseMinutes) * 60) {
      const end = start + attemptMinutes * 60;
      const common = {
        activityId: `at-${start}`,
        resourceId: CHAT_FLEET.resourceId,
        startedAt: start,
        cause: 'an alarm',
      };
      const description = 'Setting desired instance count to 4.';
      if (end > now) list.push({ ...common, description, status: 'InProgress' });
      else list.push({ ...common, description, endedAt: end, status: 'Failed', statusMessage });
    }
    return list;
  };
  const handler = createHandler({
    fleets: [CHAT_FLEET],
    retentionDays: 90,
    activities: { recent: () => Promise.resolve({ activities: activities(), complete: true }) },
    endpoints: {
      fleetState: () => {
        const isTrying = activities().some(({ status }) => status === 'InProgress');
        return Promise.resolve({ status: 'InService', configName: null, desired: isTrying ? 4 : 1, current: 1 });
      },
    },
    store: {
      putIfAbsent: (event) => Promise.resolve(!stored.has(scaleEventKey(event)) && !!stored.add(scaleEventKey(event))),
    },
    metrics: {
      put: (values) => {
        for (const { metricName, value, atSeconds, dimensions } of values) {
          const metric = { namespace: 'Tidegate', metricName, dimensions };
          cloudWatch.putMetric({ metric, atSeconds, sampleCount: 1, sum: value, minimum: value, maximum: value });
        }
        return Promise.resolve();
      },
    },
    clock: { now: () => now },
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  const wentOff = new Map<string, number>();
  for (; now < 4 * 3600; now += 60) {
    await handler({ 'detail-type': 'Scheduled Event' });
    for (const { alarmName, state } of cloudWatch.advanceTo(now))
      if (state === 'ALARM' && !wentOff.has(alarmName)) wentOff.set(alarmName, now / 60);
  }
  return wentOff;
}

describe.each([
  [5, 2],
  [10, 2],
  [15, 2],
  [40, 2],
  [40, 25],
])('scale-outs that fail after %i minutes each, %i minutes apart', (minutes, pause) => {
  test.each([
    ['CapacityErrors', 'InsufficientInstanceCapacity'],
    ['ScalingFailures', 'The endpoint failed its health check'],
  ])('set off %s after the second failure', async (alarmName, message) => {
    const wentOff = await alarmsOfFailures(minutes, pause, message);
    const secondFailure = 1 + 2 * minutes + pause;
    expect(wentOff.get(alarmName)).toBeGreaterThanOrEqual(secondFailure);
    expect(wentOff.get(alarmName)).toBeLessThanOrEqual(secondFailure + 8);
  });

  test('set off MissingInstances within half an hour', async () => {
    const wentOff = await alarmsOfFailures(minutes, pause, 'InsufficientInstanceCapacity');
    expect(wentOff.get('MissingInstances')).toBeLessThanOrEqual(32);
  });
});

test('one failure sets off no alarm of failures', async () => {
  const wentOff = await alarmsOfFailures(40, 600, 'InsufficientInstanceCapacity');
  expect([...wentOff.keys()]).toEqual(['MissingInstances']);
});

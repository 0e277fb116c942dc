import {
  CreateEndpointConfigCommand,
  DescribeEndpointConfigCommand,
  UpdateEndpointCommand,
} from '@aws-sdk/client-sagemaker';
import type { AlarmSnapshot } from '../sidecar/snapshot';
import { endpointOf, until, type Facts, type Stage } from './act';
import { ALARM_SECONDS, listenForAlarms } from './alarms-heard';
import type { LiveLoad } from './live-load';

/**
 * Another configuration than the deployed one, set past CloudFormation: what a rollout leaves that SageMaker took back after the
 * deployment was reported as a success. An alarm has to tell of it, and rest once the deployed configuration is back.
 */
export async function changeByHand(stage: Stage, load: LiveLoad): Promise<Facts> {
  const { platform, aws, outputs } = stage;
  const EndpointName = outputs.RealTimeEndpointName;
  const failedBefore = load.failures.length;
  const deployed = endpointOf(stage, EndpointName).configName;
  const { ProductionVariants, MetricsConfig } = await aws.sageMaker.send(
    new DescribeEndpointConfigCommand({ EndpointConfigName: deployed }),
  );
  const byHand = 'tour-by-hand';
  await aws.sageMaker.send(
    new CreateEndpointConfigCommand({ EndpointConfigName: byHand, ProductionVariants, MetricsConfig }),
  );
  const put = async (EndpointConfigName: string): Promise<void> => {
    await aws.sageMaker.send(
      new UpdateEndpointCommand({ EndpointName, EndpointConfigName, RetainAllVariantProperties: true }),
    );
    await until(stage, `the real-time endpoint runs ${EndpointConfigName}`, 3600, () => {
      const { configName, status } = endpointOf(stage, EndpointName);
      return configName === EndpointConfigName && status === 'InService';
    });
  };
  const alarms = listenForAlarms(stage);
  await put(byHand);
  const changedAt = platform.clock.now();
  const drift = (): AlarmSnapshot | undefined =>
    platform.snapshot().alarms.find(({ name }) => name.includes('ConfigurationDrift'));
  await until(stage, 'an alarm tells of a configuration that nobody deployed', ALARM_SECONDS, () =>
    alarms.has('ConfigurationDrift'),
  );
  const heardAfter = Math.round(platform.clock.now() - changedAt);
  alarms.end();
  await put(deployed);
  await until(stage, 'the alarm rests', ALARM_SECONDS, () => drift()?.state === 'OK');
  const failed = load.failures.length - failedBefore;
  if (failed > 0) throw new Error(`by hand: ${failed} requests failed`);
  return { 'by hand: failed': 0, 'by hand: alarm': `ConfigurationDrift after ${heardAfter} s, and at rest again` };
}

import {
  CreateEndpointConfigCommand,
  DescribeEndpointConfigCommand,
  UpdateEndpointCommand,
} from '@aws-sdk/client-sagemaker';
import type { AlarmSnapshot } from '../../emulator/snapshot';
import { endpointOf, until, type TourContext, type TourResults } from './context';
import { MAX_ALARM_SECONDS, recordAlarms } from './alarms';
import type { ClosedLoopLoad } from './closed-loop-load';

/**
 * Sets another endpoint configuration outside of CloudFormation, as a rollback after a successful deployment does. An alarm has to
 * report the drift, and return to OK after the deployed configuration is set again.
 */
export async function driftFromDeployment(context: TourContext, load: ClosedLoopLoad): Promise<TourResults> {
  const { platform, aws, outputs } = context;
  const EndpointName = outputs.RealTimeEndpointName;
  const failedBefore = load.failures.length;
  const deployed = endpointOf(context, EndpointName).configName;
  const { ProductionVariants, MetricsConfig } = await aws.sageMaker.send(
    new DescribeEndpointConfigCommand({ EndpointConfigName: deployed }),
  );
  const manual = 'tour-manual';
  await aws.sageMaker.send(
    new CreateEndpointConfigCommand({ EndpointConfigName: manual, ProductionVariants, MetricsConfig }),
  );
  const put = async (EndpointConfigName: string): Promise<void> => {
    await aws.sageMaker.send(
      new UpdateEndpointCommand({ EndpointName, EndpointConfigName, RetainAllVariantProperties: true }),
    );
    await until(context, `the real-time endpoint runs ${EndpointConfigName}`, 3600, () => {
      const { configName, status } = endpointOf(context, EndpointName);
      return configName === EndpointConfigName && status === 'InService';
    });
  };
  const alarms = recordAlarms(context);
  await put(manual);
  const changedAt = platform.clock.now();
  const drift = (): AlarmSnapshot | undefined =>
    platform.snapshot().alarms.find(({ name }) => name.includes('ConfigurationDrift'));
  await until(context, 'an alarm reports the configuration drift', MAX_ALARM_SECONDS, () =>
    alarms.has('ConfigurationDrift'),
  );
  const alarmAfter = Math.round(platform.clock.now() - changedAt);
  alarms.end();
  await put(deployed);
  await until(context, 'the alarm is OK again', MAX_ALARM_SECONDS, () => drift()?.state === 'OK');
  const failed = load.failures.length - failedBefore;
  if (failed > 0) throw new Error(`configuration-drift: ${failed} requests failed`);
  return {
    'configuration-drift: failed': 0,
    'configuration-drift: alarm': `ConfigurationDrift after ${alarmAfter} s, then OK again`,
  };
}

import { INSTANCE_RULES } from '../../../lib/proof/rules/instances';
import { scaledRealTime } from '../support/fleets';
import { severityOf, testRules } from '../support/rule-cases';
import { components, realTime, type Resources } from '../support/templates';

testRules(INSTANCE_RULES, {
  'burstable-instance-type': [
    [
      scaledRealTime({}, {}, { InstancePools: undefined, InstanceType: 'ml.t2.medium' }),
      scaledRealTime({}, {}, { InstancePools: undefined, InstanceType: 'ml.m5.large' }),
    ],
  ],
  'unknown-instance-type': [
    [
      realTime({ InstancePools: undefined, InstanceType: 'g5.xlarge' }),
      realTime({ InstancePools: undefined, InstanceType: 'ml.c7i.4xlarge' }),
    ],
    [
      realTime({ InstancePools: undefined, InstanceType: 'ml.g5.3xlarge' }),
      realTime({ InstancePools: undefined, InstanceType: { Ref: 'Type' } }),
    ],
  ],
  'single-instance-type': [
    [
      scaledRealTime({}, {}, { InstancePools: undefined, InstanceType: 'ml.g5.xlarge' }),
      scaledRealTime(
        {},
        {},
        {
          InstancePools: undefined,
          InstanceType: 'ml.g5.xlarge',
          CapacityReservationConfig: { MlReservationArn: 'arn' },
        },
      ),
    ],
    [components({ InstancePools: undefined, InstanceType: 'ml.g5.2xlarge' }), components()],
    [
      components({ InstancePools: undefined, InstanceType: 'ml.g5.2xlarge' }),
      components({
        InstancePools: undefined,
        InstanceType: 'ml.g5.2xlarge',
        ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 1, MaxInstanceCount: 1 },
      }),
    ],
  ],
  'nvme-encryption-key': [
    [
      realTime({}, { KmsKeyId: 'key' }),
      realTime({ InstancePools: undefined, InstanceType: 'ml.m5.large' }, { KmsKeyId: 'key' }),
    ],
  ],
});

test('a type that hosting does not have is an error, one that may be new a warning', () => {
  const typed = (InstanceType: string): Resources => realTime({ InstancePools: undefined, InstanceType });
  expect(severityOf(typed('ml.t3.medium'), 'burstable-instance-type')).toBe('error');
  expect(severityOf(typed('ml.t2.medium'), 'burstable-instance-type')).toBe('warning');
  expect(severityOf(typed('ml.g9.xlarge'), 'unknown-instance-type')).toBe('warning');
  expect(severityOf(typed('ml.g5.big'), 'unknown-instance-type')).toBe('error');
});

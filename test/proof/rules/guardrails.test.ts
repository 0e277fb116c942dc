import { prove } from '../../../lib/proof/prove';
import { GUARDRAIL_RULES } from '../../../lib/proof/rules/guardrails';
import { severityOf, testRules } from '../support/rule-cases';
import {
  alarm,
  onVariant,
  type Properties,
  realTime,
  type Resources,
  serverless,
  variantTarget,
} from '../support/templates';

const rollout = (DeploymentConfig: Properties, variant: Properties = {}): Resources =>
  realTime(variant, {}, { DeploymentConfig });
const percent = (Value: number): Properties => ({ Type: 'CAPACITY_PERCENT', Value });
const instances = (Value: number): Properties => ({ Type: 'INSTANCE_COUNT', Value });
const shifting = (TrafficRoutingConfiguration: Properties, more: Properties = {}): Properties => ({
  BlueGreenUpdatePolicy: { TrafficRoutingConfiguration, ...more },
});
const canary = (CanarySize: Properties): Properties =>
  shifting({ Type: 'CANARY', WaitIntervalInSeconds: 60, CanarySize });
const timed = (
  wait: number,
  termination: number,
  timeout: number,
  more: Properties = { Type: 'ALL_AT_ONCE' },
): Resources =>
  rollout(
    shifting(
      { WaitIntervalInSeconds: wait, ...more },
      { TerminationWaitInSeconds: termination, MaximumExecutionTimeoutInSeconds: timeout },
    ),
  );
const batches = (MaximumBatchSize: Properties, more: Properties = {}): Properties => ({
  RollingUpdatePolicy: { MaximumBatchSize, WaitIntervalInSeconds: 60, ...more },
});
const rolling = batches(percent(50));
const inOneTemplate = (endpoint: Resources, DeploymentConfig: Properties): Resources => ({
  ...endpoint,
  Endpoint: {
    ...endpoint['Endpoint']!,
    Properties: { ...endpoint['Endpoint']!.Properties, DeploymentConfig },
  },
});
const two = {
  ProductionVariants: ['a', 'b'].map((VariantName) => ({
    VariantName,
    ModelName: 'm',
    InstanceType: 'ml.m5.large',
    InitialInstanceCount: 2,
  })),
};
const watching = (AlarmName: unknown, name: unknown = 'chat-5xx'): Resources => ({
  ...rollout({ ...canary(percent(10)), AutoRollbackConfiguration: { Alarms: [{ AlarmName }] } }),
  A: alarm('Invocation5XXErrors', onVariant, { AlarmActions: [], AlarmName: name }),
});

testRules(GUARDRAIL_RULES, {
  'rollout-invalid': [
    [
      realTime({}, {}, { DeploymentConfig: { BlueGreenUpdatePolicy: { a: 1 }, RollingUpdatePolicy: { a: 1 } } }),
      realTime({}, {}, { DeploymentConfig: { RollingUpdatePolicy: { a: 1 } } }),
    ],
    [rollout(batches(percent(80))), rollout(rolling)],
    [rollout(canary(percent(90))), rollout(canary(percent(50)))],
    [
      rollout(batches(percent(50), { RollbackMaximumBatchSize: percent(3) })),
      rollout(batches(percent(50), { RollbackMaximumBatchSize: percent(100) })),
    ],
    [
      rollout(canary(instances(3)), { InitialInstanceCount: 4 }),
      rollout(canary(instances(2)), { InitialInstanceCount: 4 }),
    ],
    [
      {
        ...rollout(batches(instances(5)), { InitialInstanceCount: 8 }),
        Target: variantTarget({ MinCapacity: 8, MaxCapacity: 8 }),
      },
      {
        ...rollout(batches(instances(4)), { InitialInstanceCount: 8 }),
        Target: variantTarget({ MinCapacity: 8, MaxCapacity: 20 }),
      },
    ],
    [
      rollout(shifting({ Type: 'LINEAR', WaitIntervalInSeconds: 60 })),
      rollout(shifting({ Type: 'ALL_AT_ONCE', WaitIntervalInSeconds: 60 })),
    ],
    [
      rollout(shifting({ Type: 'ALL_AT_ONCE', WaitIntervalInSeconds: 4000 })),
      rollout(shifting({ Type: 'ALL_AT_ONCE', WaitIntervalInSeconds: 3600 })),
    ],
    [timed(1200, 900, 1800), timed(600, 600, 1800)],
    [
      timed(300, 300, 3000, { Type: 'LINEAR', LinearStepSize: percent(10) }),
      timed(300, 300, 3600, { Type: 'LINEAR', LinearStepSize: percent(10) }),
    ],
    [
      rollout(batches(percent(10), { WaitIntervalInSeconds: 600, MaximumExecutionTimeoutInSeconds: 3600 })),
      rollout(batches(percent(50), { WaitIntervalInSeconds: 600, MaximumExecutionTimeoutInSeconds: 3600 })),
    ],
  ],
  'rollout-not-supported': [
    [
      rollout(canary(percent(10)), { InstancePools: undefined, InstanceType: 'ml.inf1.xlarge' }),
      rollout(canary(percent(10)), { InstancePools: undefined, InstanceType: 'ml.inf2.xlarge' }),
    ],
    [realTime({}, two, { DeploymentConfig: rolling }), realTime({}, two, { DeploymentConfig: canary(percent(10)) })],
    [
      inOneTemplate(serverless(), rolling),
      inOneTemplate(serverless(), shifting({ Type: 'ALL_AT_ONCE', WaitIntervalInSeconds: 0 })),
    ],
  ],
  'rollback-alarm-of-nothing': [
    [watching('chat-errors'), watching('chat-5xx')],
    [watching('chat-errors'), watching({ Ref: 'A' })],
    [watching('chat-errors'), watching('chat-errors', { 'Fn::Sub': '${Prefix}-errors' })],
  ],
});

test('a batch that the smallest fleet alone refuses is a warning', () => {
  const fleet = (MinCapacity: number, InitialInstanceCount: number): Resources => ({
    ...rollout(batches(instances(3)), { InitialInstanceCount }),
    Target: variantTarget({ MinCapacity, MaxCapacity: 8 }),
  });
  expect(severityOf(fleet(2, 6), 'rollout-invalid')).toBe('warning');
  expect(severityOf(fleet(4, 4), 'rollout-invalid')).toBe('error');
  expect(severityOf(fleet(6, 6), 'rollout-invalid')).toBeUndefined();
});

test('a blue/green update counts twice against the quota, and a rolling one once', () => {
  const told = (DeploymentConfig: Properties): string[] =>
    prove(
      [
        {
          name: 't.json',
          document: { Resources: { ...rollout(DeploymentConfig), Target: variantTarget({ MaxCapacity: 6 }) } },
        },
      ],
      { quotas: { 'ml.g5.xlarge': 8, 'ml.g6.xlarge': 20 } },
    ).flatMap(({ rule, message }) => (rule === 'quota-exceeded' ? [message] : []));
  expect(told(canary(percent(10)))).toEqual([
    'a blue/green update at the maximum needs 12 × ml.g5.xlarge, above the quota of 8: it launches a second fleet beside the first',
  ]);
  expect(told(rolling)).toEqual([]);
});

import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import { GpuEndpoint, ModelServer } from '../../../lib/inference';
import { PlatformStack } from '../../../lib/platform';
import { stageConfiguration } from '../../../lib/platform/stages';
import { FleetScaling, SuspendableActivity } from '../../../lib/scaling';
import { fleetsOfTemplates, type FleetBlueprint } from '../../../lib/simulation/blueprint';
import { CHAT, chatTemplate, guardResources, type ChatTemplate } from './chat-template';

const read = (template: unknown) => fleetsOfTemplates([{ name: 'chat.template.json', document: template }]);

function fleetOf(differences: ChatTemplate = {}): FleetBlueprint {
  const { fleets, skipped } = read(chatTemplate(differences));
  expect(skipped).toEqual([]);
  expect(fleets).toHaveLength(1);
  return fleets[0]!;
}

describe('several variants of an endpoint', () => {
  const pool = [{ InstanceType: 'ml.g5.xlarge', Priority: 1 }];
  const both = (weights: readonly unknown[], variants = ['main', 'next']): Parameters<typeof chatTemplate>[0] => ({
    config: {
      ProductionVariants: variants.map((VariantName, index) => ({
        VariantName,
        InstancePools: pool,
        InitialInstanceCount: 1,
        ...(weights[index] !== undefined && { InitialVariantWeight: weights[index] }),
      })),
      Tags: [
        { Key: 'tidegate:max-concurrency-per-instance', Value: '8' },
        { Key: 'tidegate:max-concurrency-per-instance:next', Value: '16' },
      ],
    },
  });
  const nextTarget = {
    target: {
      ResourceId: { 'Fn::Join': ['', ['endpoint/', { 'Fn::GetAtt': ['Endpoint', 'EndpointName'] }, '/variant/next']] },
    },
  };

  test('get their share of the requests by weight, and have slots of their own', () => {
    expect(fleetOf(both([9, 1]))).toMatchObject({ slotsPerInstance: 8, share: { from: 0, to: 0.9 } });
    expect(fleetOf({ ...both([9, 1]), ...nextTarget })).toMatchObject({
      slotsPerInstance: 16,
      share: { from: 0.9, to: 1 },
    });
    expect(fleetOf(both([]))).toMatchObject({ share: { from: 0, to: 0.5 } });
    expect(fleetOf({ ...both([1, 0]), ...nextTarget })).toMatchObject({ share: { from: 1, to: 1 } });
    expect(fleetOf().share).toBeUndefined();
  });

  test.each([
    [[0, 0], 'the weights of all variants are 0'],
    [[-1, 2], 'InitialVariantWeight (-1) must be a number from 0 to 1000000000'],
  ])('are refused with weights %j', (weights, message) => {
    expect(() => fleetOf(both(weights))).toThrow(message);
  });
});

describe('a fleet of a template', () => {
  test('has its pools, slots, routing, limits and policy', () => {
    expect(fleetOf()).toMatchObject({
      resourceId: CHAT,
      kind: 'real-time',
      region: 'us-east-1',
      pools: [
        { instanceType: 'ml.g5.xlarge', priority: 1 },
        { instanceType: 'ml.g6.xlarge', priority: 2 },
      ],
      slotsPerInstance: 8,
      slotsFrom: 'tag',
      routing: 'LEAST_OUTSTANDING_REQUESTS',
      initialCapacity: 2,
      plan: {
        minCapacity: 1,
        maxCapacity: 8,
        policies: [{ kind: 'target-tracking', policyName: 'concurrency', targetValue: 5.6, disableScaleIn: false }],
        schedules: [],
      },
      notes: [],
    });
  });

  test('has what the constructs declare: steps with their alarm, schedules, suspended scaling', () => {
    const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'eu-west-1' } });
    const fleet = new GpuEndpoint(stack, 'Chat', {
      endpointName: 'chat',
      modelServer: ModelServer.triton(),
      capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    });
    const scaling = new FleetScaling(stack, 'Scaling', {
      fleet,
      minCapacity: 1,
      maxCapacity: 6,
      suspended: [SuspendableActivity.SCALE_IN],
    });
    scaling.scaleOnConcurrency('concurrency');
    scaling.scaleOnMetric('surge', {
      threshold: 12,
      steps: [{ lowerBound: 0, change: 2 }],
      period: Duration.seconds(10),
    });
    scaling.scaleOnSchedule('morning', {
      schedule: appscaling.Schedule.cron({ hour: '8', minute: '0' }),
      minCapacity: 3,
    });
    const declared = JSON.parse(JSON.stringify(scaling._toPlan())) as FleetBlueprint['plan'];
    const [found] = read(Template.fromStack(stack).toJSON()).fleets;
    const names = found!.plan.policies.map(({ policyName }) => policyName);
    expect(names.sort()).toEqual(['concurrency', 'surge', 'without-requests']);
    expect(found!.plan).toMatchObject({ minCapacity: 1, maxCapacity: 6, schedules: declared.schedules });
    expect(found!.plan.suspended?.dynamicScalingInSuspended).toBe(true);
    expect(found!.stepAlarms).toMatchObject([
      { policyName: 'without-requests', alarm: { threshold: 0, periodSeconds: 60, treatMissingData: 'notBreaching' } },
      { policyName: 'surge', alarm: { threshold: 12, periodSeconds: 10 } },
    ]);
  });

  test.each(['local', 'dev', 'prod'])('is found in the app’s own stage %s, with guard, prices and budget', (name) => {
    const stage = stageConfiguration(name);
    const stack = new PlatformStack(new App(), `Tidegate-${name}`, { stage });
    const { fleets, skipped } = read(Template.fromStack(stack).toJSON());
    expect(skipped).toEqual([]);
    expect(fleets).toHaveLength(1);
    const [fleet] = fleets;
    expect(fleet!.guard?.budget.amountUsd).toBeGreaterThan(0);
    const prices = fleet!.guard!.plan.fleets.find(({ resourceId }) => resourceId === fleet!.resourceId)!;
    for (const { instanceType } of fleet!.pools) expect(prices.pricesPerHourUsd[instanceType]).toBeGreaterThan(0);
  });

  test('is asynchronous where the configuration says so, with its own concurrency', () => {
    const found = fleetOf({
      config: { Tags: [], AsyncInferenceConfig: { ClientConfig: { MaxConcurrentInvocationsPerInstance: 4 } } },
    });
    expect(found).toMatchObject({ kind: 'async', slotsPerInstance: 4, slotsFrom: 'async-configuration' });
  });

  test('takes 8 slots where nothing says how many, and says so', () => {
    expect(fleetOf({ config: { Tags: [] } })).toMatchObject({ slotsPerInstance: 8, slotsFrom: 'default' });
  });

  test('routes at random where no strategy is declared, as SageMaker does', () => {
    expect(fleetOf({ variant: { RoutingConfig: undefined } }).routing).toBe('RANDOM');
  });

  test('says that prefix-aware routing is rehearsed as least outstanding', () => {
    const { routing, notes } = fleetOf({ variant: { RoutingConfig: { RoutingStrategy: 'PREFIX_AWARE' } } });
    expect(routing).toBe('LEAST_OUTSTANDING_REQUESTS');
    expect(notes).toEqual([expect.stringContaining('PREFIX_AWARE')]);
  });

  test('reads numbers from parameters with a default', () => {
    const found = fleetOf({ target: { MaxCapacity: { Ref: 'Most' } }, parameters: { Most: { Default: 12 } } });
    expect(found.plan.maxCapacity).toBe(12);
  });

  test('has, of the guards of several stages, the one of its template', () => {
    const stage = (name: string, amountUsd: number) => {
      const resources = guardResources({ amountUsd, periodStart: null, periodEnd: null });
      return { name, document: chatTemplate({ resources }) };
    };
    const { fleets } = fleetsOfTemplates([stage('dev.json', 50), stage('live.json', 900)]);
    expect(fleets.map(({ templateName, guard }) => [templateName, guard?.budget.amountUsd])).toEqual([
      ['dev.json', 50],
      ['live.json', 900],
    ]);
  });

  test('has the guard of another template, whose budget lies in a third', () => {
    const budget = { amountUsd: 500, periodStart: null, periodEnd: null };
    const { Budget, Guard } = guardResources(budget) as { readonly [id: string]: { readonly Properties: object } };
    const configuration = (
      Guard!.Properties as { Environment: { Variables: { TIDEGATE_GUARD_CONFIGURATION: string } } }
    ).Environment.Variables.TIDEGATE_GUARD_CONFIGURATION;
    const Variables = {
      TIDEGATE_GUARD_CONFIGURATION: configuration,
      TIDEGATE_GUARD_BUDGET_PARAMETER: { 'Fn::ImportValue': 'budget' },
    };
    const guard = { ...Guard, Properties: { Environment: { Variables } } };
    const Outputs = { Name: { Value: { Ref: 'Budget' }, Export: { Name: 'budget' } } };
    const { fleets } = fleetsOfTemplates([
      { name: 'chat.json', document: chatTemplate() },
      { name: 'guard.json', document: { Resources: { Guard: guard } } },
      { name: 'budget.json', document: { Resources: { Budget }, Outputs } },
    ]);
    expect(fleets[0]!.guard).toMatchObject({ name: 'guard', budget });
  });

  test('has the guard that watches it, with its budget, prices and whether it only tells', () => {
    const budget = { amountUsd: 500, periodStart: null, periodEnd: null };
    const found = fleetOf({ resources: guardResources(budget, { dryRun: true }) });
    expect(found.guard).toMatchObject({ name: 'guard', budget, dryRun: true });
  });

  test('is an inference component with as many copies on an instance as its accelerators allow', () => {
    const found = fleetOf({
      variant: { InstancePools: [{ InstanceType: 'ml.g5.12xlarge' }], ManagedInstanceScaling: { MaxInstanceCount: 3 } },
      target: {
        ResourceId: 'inference-component/chat-copies',
        ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
      },
      resources: {
        Component: {
          Type: 'AWS::SageMaker::InferenceComponent',
          Properties: {
            InferenceComponentName: 'chat-copies',
            EndpointName: { 'Fn::GetAtt': ['Endpoint', 'EndpointName'] },
            VariantName: 'main',
            RuntimeConfig: { CopyCount: 2 },
            Specification: { ComputeResourceRequirements: { NumberOfAcceleratorDevicesRequired: 2 } },
          },
        },
      },
    });
    // An ml.g5.12xlarge has 4 accelerators: 4 ÷ 2 = 2 copies.
    expect(found).toMatchObject({
      kind: 'inference-component',
      initialCapacity: 2,
      placement: { copiesPerInstance: 2, minInstances: 0, maxInstances: 3 },
    });
  });

  test('says when no alarm runs a step policy', () => {
    const { notes } = fleetOf({
      resources: {
        Surge: {
          Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
          Properties: {
            PolicyName: 'surge',
            ScalingTargetId: { Ref: 'Target' },
            StepScalingPolicyConfiguration: {
              StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 2 }],
            },
          },
        },
      },
    });
    expect(notes).toEqual([expect.stringContaining('no alarm of the template runs step policy surge')]);
  });
});

describe('metric math of a fleet', () => {
  const metric = (Id: string, MetricName: string) => ({
    Id,
    MetricStat: { Metric: { Namespace: 'AWS/SageMaker', MetricName }, Period: 60, Stat: 'Maximum' },
    ReturnData: false,
  });
  const withStat =
    (Stat: string) =>
    (query: ReturnType<typeof metric>): object => ({ ...query, MetricStat: { ...query.MetricStat, Stat } });
  const stepOn = (Expression: string) => ({
    Surge: {
      Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
      Properties: {
        PolicyName: 'surge',
        ScalingTargetId: { Ref: 'Target' },
        StepScalingPolicyConfiguration: {
          StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
        },
      },
    },
    Alarm: {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        Metrics: [{ Id: 'both', Expression }, metric('load', 'Invocations'), metric('gpu', 'GPUUtilization')],
        EvaluationPeriods: 1,
        Threshold: 0.5,
        ComparisonOperator: 'GreaterThanThreshold',
        AlarmActions: [{ Ref: 'Surge' }],
      },
    },
  });

  test.each(['load > 10 AND gpu >= 80', 'IF(gpu < 5 || load == 0, 0, 1)', 'ABS(load - gpu) != 0 && FLOOR(gpu / 10)'])(
    'is read: %s',
    (expression) => {
      const { stepAlarms, notes } = fleetOf({ resources: stepOn(expression) });
      expect(stepAlarms).toHaveLength(1);
      expect(notes).toEqual([]);
    },
  );

  test('that a rehearsal cannot compute leaves out its alarm alone, and a note says so', () => {
    const { stepAlarms, plan, notes } = fleetOf({ resources: stepOn('RATE(load) > 1') });
    expect(stepAlarms).toEqual([]);
    expect(plan.policies.map(({ policyName }) => policyName)).toEqual(['concurrency', 'surge']);
    expect(notes).toEqual([
      expect.stringMatching(
        /^alarm Alarm is left out, so it never runs step policy surge here: .*unknown function RATE/,
      ),
    ]);
  });

  test.each<[string, object, string]>([
    ['a percentile', { Metrics: undefined, MetricName: 'ModelLatency', ExtendedStatistic: 'p90' }, 'p90 is not kept'],
    [
      'a percentile in a query',
      { Metrics: [{ ...metric('slow', 'ModelLatency'), ReturnData: true }].map(withStat('p99')) },
      'p99 is not kept',
    ],
    [
      'a band of anomaly detection',
      { ComparisonOperator: 'GreaterThanUpperThreshold', ThresholdMetricId: 'band', Threshold: undefined },
      'a band of anomaly detection',
    ],
  ])('and an alarm on %s is left out alone too', (_what, properties, reason) => {
    const resources = stepOn('load > 10');
    const { stepAlarms, notes } = fleetOf({
      resources: {
        ...resources,
        Alarm: { ...resources.Alarm, Properties: { ...resources.Alarm.Properties, ...properties } },
      },
    });
    expect(stepAlarms).toEqual([]);
    expect(notes).toEqual([expect.stringContaining(reason)]);
  });

  test.each([0, -1, 1e-300, '1e300'])(
    'beside a target of %p leaves out its policy, and a note says so',
    (TargetValue) => {
      const { plan, notes } = fleetOf({
        resources: {
          Wild: {
            Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
            Properties: {
              PolicyName: 'wild',
              ScalingTargetId: { Ref: 'Target' },
              TargetTrackingScalingPolicyConfiguration: {
                TargetValue,
                PredefinedMetricSpecification: {
                  PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
                },
              },
            },
          },
        },
      });
      expect(plan.policies.map(({ policyName }) => policyName)).not.toContain('wild');
      expect(notes).toEqual([expect.stringMatching(/^policy wild is left out: targetValue \(\S+\) must be /)]);
    },
  );

  test('that a rehearsal cannot compute leaves out the policy that tracks it alone, and a note says so', () => {
    const { plan, notes } = fleetOf({
      resources: {
        Math: {
          Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
          Properties: {
            PolicyName: 'by-math',
            ScalingTargetId: { Ref: 'Target' },
            TargetTrackingScalingPolicyConfiguration: {
              TargetValue: 2,
              CustomizedMetricSpecification: {
                Metrics: [{ Id: 'sum', Expression: 'RUNNING_SUM(load)' }, metric('load', 'Invocations')],
              },
            },
          },
        },
      },
    });
    expect(plan.policies.map(({ policyName }) => policyName)).toEqual(['concurrency']);
    expect(notes).toEqual([expect.stringMatching(/^policy by-math is left out: .*unknown function RUNNING_SUM/)]);
  });
});

describe('a template', () => {
  test('without fleets has none, and other services’ targets are not ours', () => {
    expect(read({ Resources: {} })).toEqual({ fleets: [], skipped: [], absent: [] });
    expect(read(chatTemplate({ target: { ServiceNamespace: 'ecs' } }))).toEqual({
      fleets: [],
      skipped: [],
      absent: [],
    });
  });

  test.each<[string, ChatTemplate, RegExp]>([
    ['an endpoint of another stack', { resources: { Endpoint: null } }, /no template declares this endpoint/],
    ['a configuration of another stack', { resources: { Config: null } }, /no template declares the configuration/],
    ['a variant that is not there', { variant: { VariantName: 'other' } }, /has no variant main/],
    ['a variant without instance type', { variant: { InstancePools: undefined } }, /names no instance type/],
    ['a resource id of another form', { target: { ResourceId: 'table/orders' } }, /not a resource id of a variant/],
    [
      'a serverless variant',
      { target: { ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' } },
      /serverless/,
    ],
    [
      'a component of another stack',
      {
        target: {
          ResourceId: 'inference-component/copies',
          ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
        },
      },
      /no template declares this inference component/,
    ],
  ])('skips %s with its reason', (_name, differences, reason) => {
    const { fleets, skipped } = read(chatTemplate(differences));
    expect(fleets).toEqual([]);
    expect(skipped).toEqual([expect.stringMatching(reason)]);
  });

  test.each<[string, unknown, RegExp]>([
    ['null', null, /chat.template.json: the document has no Resources/],
    ['a list', [], /has no Resources/],
    ['a resource without type', { Resources: { A: {} } }, /resource A has no Type/],
    [
      'a maximum that only the deployment knows',
      chatTemplate({ target: { MaxCapacity: { Ref: 'X' } } }),
      /Target.MaxCapacity is '<X>', which is known only at the deployment: X is neither a parameter nor a resource/,
    ],
    ['a missing minimum', chatTemplate({ target: { MinCapacity: undefined } }), /Target.MinCapacity is missing/],
    [
      'a concurrency of zero',
      chatTemplate({ config: { Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: '0' }] } }),
      /\(0\) must be a whole number from 1 to 100000; correct /,
    ],
    [
      'a predictive policy',
      chatTemplate({
        resources: {
          Tracking: {
            Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
            Properties: { PolicyType: 'PredictiveScaling', ScalingTargetId: { Ref: 'Target' } },
          },
        },
      }),
      /PredictiveScaling.*target tracking and step scaling can/,
    ],
    [
      'a guard whose budget lies elsewhere',
      chatTemplate({
        resources: { ...guardResources({ amountUsd: 1, periodStart: null, periodEnd: null }), Budget: null },
      }),
      /give the template that does/,
    ],
    [
      'a budget of nothing',
      chatTemplate({ resources: guardResources({ amountUsd: 0, periodStart: null, periodEnd: null }) }),
      /chat.template.json: .*amountUsd is 0/,
    ],
  ])('refuses %s', (_name, document, message) => {
    expect(() => read(document)).toThrow(message);
  });

  test.each([{ 'Fn::Join': 5 }, { 'Fn::Select': null }, { 'Fn::GetAtt': null }, { 'Fn::Sub': [] }, { Ref: {} }, {}])(
    'gets over the malformed expression %j',
    (ResourceId) => {
      expect(read(chatTemplate({ target: { ResourceId } })).skipped).toHaveLength(1);
    },
  );
});

import { advise, crossedThresholds, parseThreshold, rehearsalText, rehearse } from '../../../lib/simulation/rehearse';
import { fleetsOfTemplates, type FleetBlueprint } from '../../../lib/simulation/blueprint';
import type { Workload } from '../../../lib/simulation/traffic';
import { chatTemplate, type ChatTemplate } from '../blueprint/chat-template';

/** Requests at the given seconds. */
function at(moments: readonly number[], durationSeconds: number): Workload {
  return {
    name: 'moments',
    description: `${moments.length} requests`,
    durationSeconds,
    requestCount: moments.length,
    *requests() {
      for (const atSeconds of moments) yield { atSeconds, contextTokens: 100, generatedTokens: 50 };
    },
  };
}

const fleetOf = (differences: ChatTemplate): FleetBlueprint =>
  fleetsOfTemplates([{ name: 'kinds', document: chatTemplate(differences) }]).fleets[0]!;

const TEN_SECONDS = { kind: 'distribution', distribution: 'constant', meanSeconds: 10 } as const;

/** Asynchronous fleet of 0 to 4 instances that scales from zero when requests wait. */
function scalingFromZero(): FleetBlueprint {
  return fleetOf({
    config: { AsyncInferenceConfig: {} },
    variant: { InitialInstanceCount: 0 },
    target: { MinCapacity: 0, MaxCapacity: 4 },
    resources: {
      Tracking: {
        Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
        Properties: {
          PolicyName: 'backlog',
          ScalingTargetId: { Ref: 'Target' },
          TargetTrackingScalingPolicyConfiguration: {
            TargetValue: 5,
            ScaleInCooldown: 60,
            CustomizedMetricSpecification: {
              Namespace: 'AWS/SageMaker',
              MetricName: 'ApproximateBacklogSizePerInstance',
              Statistic: 'Average',
              Dimensions: [{ Name: 'EndpointName', Value: 'chat' }],
            },
          },
        },
      },
      Wake: {
        Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
        Properties: {
          PolicyName: 'wake',
          ScalingTargetId: { Ref: 'Target' },
          StepScalingPolicyConfiguration: {
            AdjustmentType: 'ChangeInCapacity',
            Cooldown: 300,
            StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
          },
        },
      },
      WakeAlarm: {
        Type: 'AWS::CloudWatch::Alarm',
        Properties: {
          Namespace: 'AWS/SageMaker',
          MetricName: 'HasBacklogWithoutCapacity',
          Dimensions: [{ Name: 'EndpointName', Value: 'chat' }],
          Statistic: 'Average',
          Period: 60,
          EvaluationPeriods: 2,
          DatapointsToAlarm: 2,
          Threshold: 1,
          ComparisonOperator: 'GreaterThanOrEqualToThreshold',
          TreatMissingData: 'missing',
          AlarmActions: [{ Ref: 'Wake' }],
        },
      },
    },
  });
}

describe('an asynchronous fleet at zero', () => {
  const requests = Array.from({ length: 20 }, (_, index) => 605 + index);
  const rehearsal = rehearse(scalingFromZero(), at(requests, 7200), {
    service: TEN_SECONDS,
    startInstances: 0,
    provisioning: { kind: 'measured', seconds: [200] },
  });

  test('costs nothing without requests, scales from zero by its alarm, and serves all that waited', () => {
    const { requests: ended, scaling, waitSeconds, timeline } = rehearsal;
    expect(ended).toEqual({ arrived: 20, completed: 20, timedOut: 0, rejected: 0, unfinished: 0 });
    expect(timeline.filter(({ second }) => second < 600).every(({ billed }) => billed === 0)).toBe(true);
    expect(scaling.actions[0]).toMatchObject({ from: 0, to: 1, decidedBy: 'wake' });
    // Two minutes of the alarm and its delays, then 200 s to start.
    expect(scaling.actions[0]!.second).toBeGreaterThan(605 + 60);
    expect(scaling.actions[0]!.second).toBeLessThan(605 + 300);
    expect(waitSeconds.maximum).toBeGreaterThan(200);
  });

  test('attributes the waits to the absence of an instance', () => {
    expect(Object.keys(rehearsal.missedBy)).not.toContain('maximum');
    expect(rehearsal.sloPercent).toBe(0);
  });

  test('scales to zero when the backlog is empty', () => {
    expect(rehearsal.timeline.at(-1)).toMatchObject({ desired: 0, billed: 0 });
    expect(rehearsal.capacity.instanceHours).toBeLessThan(1.5);
  });
});

test('a real-time fleet without an instance rejects requests', () => {
  const fleet = fleetOf({ target: { MinCapacity: 0, MaxCapacity: 4 }, resources: { Tracking: null } });
  const { requests, missedBy } = rehearse(fleet, at([10, 20, 30], 60), { startInstances: 0 });
  expect(requests).toMatchObject({ arrived: 3, rejected: 3 });
  expect(missedBy).toEqual({ 'no-instance': 3 });
});

test('copies of a component are billed by the instances under them', () => {
  const fleet = fleetOf({
    variant: { InstancePools: [{ InstanceType: 'ml.g5.12xlarge' }], ManagedInstanceScaling: { MinInstanceCount: 1 } },
    target: {
      ResourceId: 'inference-component/copies',
      ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
      MinCapacity: 3,
      MaxCapacity: 8,
    },
    resources: {
      Tracking: null,
      Component: {
        Type: 'AWS::SageMaker::InferenceComponent',
        Properties: {
          InferenceComponentName: 'copies',
          EndpointName: 'chat',
          VariantName: 'main',
          Specification: { ComputeResourceRequirements: { NumberOfAcceleratorDevicesRequired: 2 } },
        },
      },
    },
  });
  const { capacity, cost } = rehearse(fleet, at([10], 3600), { pricesPerHourUsd: { 'ml.g5.12xlarge': 7 } });
  // 3 copies, 2 on an instance: 2 instances x 1 h x 7 USD = 14 USD.
  expect(capacity).toMatchObject({ instanceHours: 2, peakInstances: 2 });
  expect(cost.usd).toBeCloseTo(14, 6);
});

describe('a fleet that answers nothing', () => {
  /** Asynchronous fleet whose only policy is target tracking: it stays at zero. */
  const asleep = (): FleetBlueprint => {
    const { plan, ...rest } = scalingFromZero();
    return {
      ...rest,
      plan: { ...plan, policies: plan.policies.filter(({ kind }) => kind === 'target-tracking') },
    };
  };

  test('serves nothing well, has waited to the end, and is not advised to save', () => {
    const traffic = at([600, 1800, 3000], 7200);
    const options = { service: TEN_SECONDS, startInstances: 0 };
    const rehearsal = rehearse(asleep(), traffic, options);
    expect(rehearsal.requests).toMatchObject({ arrived: 3, completed: 0, unfinished: 3 });
    expect(rehearsal.sloPercent).toBe(0);
    expect(rehearsal.waitSeconds.maximum).toBe(6600);
    expect(rehearsal.missedBy).toEqual({ 'no-instance': 3 });
    expect(rehearsal.notes).toContain(
      '0 of 3 requests were answered by the end; 3 were not, and those that had waited longer than the objective are not served well',
    );
    expect(rehearsalText(rehearsal)).toMatch(/latency +no request was completed\n/);
    expect(rehearsalText(rehearsal)).toMatch(/instances +mean 0.00, 0 to 0, 0.0 % of the slots in use\n/);
    expect(crossedThresholds(rehearsal, [parseThreshold('slo<99'), parseThreshold('wait-max>60')])).toHaveLength(2);
    const advice = advise(asleep(), rehearsal, (changed) => rehearse(changed, traffic, { service: TEN_SECONDS }));
    expect(advice[0]!.title).toBe(
      'wake the fleet: a step policy with an alarm on HasBacklogWithoutCapacity >= 1, or a minimum of 1',
    );
    expect(JSON.stringify(advice)).not.toMatch(/NaN|costs .* less/);
  });

  test('a request of the last moment counts as neither', () => {
    const rehearsal = rehearse(asleep(), at([0, 99.5], 100), { service: TEN_SECONDS, startInstances: 0 });
    expect(rehearsal.sloPercent).toBe(50);
  });
});

test('a suspended fleet is told of as suspended, not as slow to react', () => {
  const fleet = scalingFromZero();
  const blueprint = {
    ...fleet,
    plan: { ...fleet.plan, minCapacity: 1, suspended: { dynamicScalingOutSuspended: true } },
  };
  const traffic = at(
    Array.from({ length: 600 }, (_one, index) => index * 2),
    1800,
  );
  const service = { ...TEN_SECONDS, meanSeconds: 60 };
  const rehearsal = rehearse(blueprint, traffic, { service, startInstances: 1 });
  expect(rehearsal.notes).toContain('scaling out is suspended: no policy adds capacity');
  expect(Object.keys(rehearsal.missedBy)).toEqual(['suspended']);
  expect(advise(blueprint, rehearsal)[0]!.title).toBe(
    'lift the suspension of scaling out (DynamicScalingOutSuspended)',
  );
});

/** Component of 0 to 4 copies whose step policy runs on an alarm about one metric. */
function componentOn(metricName: string, dimensions: { readonly [name: string]: string }): FleetBlueprint {
  return fleetOf({
    target: {
      ResourceId: 'inference-component/copies',
      ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
      MinCapacity: 0,
      MaxCapacity: 4,
    },
    resources: {
      Tracking: null,
      Component: {
        Type: 'AWS::SageMaker::InferenceComponent',
        Properties: {
          InferenceComponentName: 'copies',
          EndpointName: 'chat',
          VariantName: 'main',
          Specification: { ComputeResourceRequirements: { NumberOfAcceleratorDevicesRequired: 1 } },
        },
      },
      Wake: {
        Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
        Properties: {
          PolicyName: 'wake',
          ScalingTargetId: { Ref: 'Target' },
          StepScalingPolicyConfiguration: {
            AdjustmentType: 'ChangeInCapacity',
            StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
          },
        },
      },
      WakeAlarm: {
        Type: 'AWS::CloudWatch::Alarm',
        Properties: {
          Namespace: 'AWS/SageMaker',
          MetricName: metricName,
          Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
          Statistic: 'Sum',
          Period: 60,
          EvaluationPeriods: 1,
          Threshold: 1,
          ComparisonOperator: 'GreaterThanOrEqualToThreshold',
          AlarmActions: [{ Ref: 'Wake' }],
        },
      },
    },
  });
}

describe('an inference component at zero', () => {
  const traffic = at(
    Array.from({ length: 300 }, (_one, index) => 60 + index * 4),
    1800,
  );
  const options = {
    service: TEN_SECONDS,
    startInstances: 0,
    provisioning: { kind: 'measured', seconds: [120] },
  } as const;
  const ofCopies = { InferenceComponentName: 'copies' };

  test('scales for the requests that find no copy', () => {
    const { scaling, requests } = rehearse(componentOn('NoCapacityInvocationFailures', ofCopies), traffic, options);
    expect(scaling.actions[0]).toMatchObject({ from: 0, to: 1, decidedBy: 'wake' });
    expect(requests.completed).toBeGreaterThan(0);
  });

  test.each([
    ['Invocation5XXErrors', ofCopies],
    ['Invocation4XXErrors', ofCopies],
    ['InvocationModelErrors', { EndpointName: 'chat', VariantName: 'main' }],
    ['Invocations', ofCopies],
    ['ConcurrentRequestsPerCopy', ofCopies],
  ])('stays there on an alarm about %s, which copies publish', (metricName, dimensions) => {
    const { scaling, requests } = rehearse(componentOn(metricName, dimensions), traffic, options);
    expect(scaling.actions).toEqual([]);
    expect(requests).toMatchObject({ completed: 0, rejected: 300 });
  });
});

describe('a fleet that follows how long or how badly it answers', () => {
  const custom = (MetricName: string, TargetValue: number) => ({
    Tracking: {
      Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
      Properties: {
        PolicyName: 'answers',
        ScalingTargetId: { Ref: 'Target' },
        TargetTrackingScalingPolicyConfiguration: {
          TargetValue,
          CustomizedMetricSpecification: {
            Namespace: 'AWS/SageMaker',
            MetricName,
            Statistic: 'Average',
            Dimensions: [],
          },
        },
      },
    },
  });
  // Half an hour of two requests a second, then three hours of one a minute.
  const traffic = at(
    [
      ...Array.from({ length: 3600 }, (_one, index) => index / 2),
      ...Array.from({ length: 180 }, (_one, index) => 1800 + index * 60),
    ],
    1800 + 3 * 3600,
  );
  const options = {
    service: TEN_SECONDS,
    startInstances: 6,
    provisioning: { kind: 'measured', seconds: [120] },
  } as const;
  const adviceFor = (blueprint: FleetBlueprint) =>
    advise(blueprint, rehearse(blueprint, traffic, options), (changed) => rehearse(changed, traffic, options));

  test('is advised to follow its load, with what that saves', () => {
    const [first] = adviceFor(fleetOf({ resources: custom('ModelLatency', 5_000_000) }));
    expect(first!.title).toMatch(
      /^let answers follow SageMakerVariantConcurrentRequestsPerModelHighResolution at [\d.]+ in place of ModelLatency$/,
    );
    expect(first!.reason).toContain('how long requests take');
    expect(first!.effect!.sloPercent).toBeGreaterThanOrEqual(99);
  });

  test('is not advised so where it follows a load', () => {
    const advice = adviceFor(fleetOf({ resources: custom('ConcurrentRequestsPerModel', 5) }));
    expect(advice.filter(({ title }) => title.startsWith('let '))).toEqual([]);
  });
});

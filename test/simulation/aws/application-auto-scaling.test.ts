import type { TargetTrackingPolicy } from '../../../lib/scaling/decide/plan';
import {
  ApplicationAutoScaling,
  type ScalableFleet,
  type ScaledToMaxEvent,
  type ScalingActivityDescription,
} from '../../../lib/simulation/aws/application-auto-scaling';
import { CloudWatch } from '../../../lib/simulation/aws/cloudwatch';

const START = 1_793_577_600;
const key = {
  serviceNamespace: 'sagemaker',
  resourceId: 'endpoint/chat/variant/main',
  scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
};
const invocations = {
  namespace: 'AWS/SageMaker',
  metricName: 'InvocationsPerInstance',
  dimensions: { EndpointName: 'chat', VariantName: 'main' },
};
const concurrency = { ...invocations, metricName: 'ConcurrentRequestsPerModel' };

function track(overrides: Partial<TargetTrackingPolicy> = {}): TargetTrackingPolicy {
  return {
    kind: 'target-tracking',
    policyName: 'track',
    targetValue: 1500,
    metric: { kind: 'predefined', predefinedMetricType: 'SageMakerVariantInvocationsPerInstance' },
    ...overrides,
  };
}

const concurrencyPolicy = track({
  targetValue: 5.6,
  metric: { kind: 'predefined', predefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution' },
});

/** A fleet whose capacity arrives when the test says so. */
class SlowFleet implements ScalableFleet {
  public updating = false;
  public causes: string[] = [];

  public constructor(
    public desired: number,
    public serving = desired,
  ) {}

  public desiredCapacity(): number {
    return this.desired;
  }

  public setDesiredCapacity(capacity: number, _atSeconds: number, cause: string): void {
    this.desired = capacity;
    this.serving = Math.min(this.serving, capacity);
    this.causes.push(cause);
  }

  public isUpdating(): boolean {
    return this.updating;
  }

  public inServiceCapacity(): number {
    return this.serving;
  }
}

class World {
  public readonly activities: ScalingActivityDescription[] = [];
  public readonly maxEvents: ScaledToMaxEvent[] = [];
  public readonly cloudWatch = new CloudWatch();
  public readonly fleet: SlowFleet;
  public readonly scaling: ApplicationAutoScaling;
  public now = START;

  public constructor(desired = 1, limits = { minCapacity: 1, maxCapacity: 8 }) {
    this.fleet = new SlowFleet(desired);
    this.scaling = new ApplicationAutoScaling(
      this.cloudWatch,
      (resourceId) => (resourceId === key.resourceId ? this.fleet : undefined),
      {
        onActivity: (activity) => this.activities.push(activity),
        onScaledToMax: (event) => this.maxEvents.push(event),
      },
    );
    this.scaling.registerScalableTarget({ ...key, ...limits }, START);
  }

  /** Lets seconds pass with a metric of a constant value, published once a second-grid `every`. */
  public pass(seconds: number, value: number | undefined, metric = invocations, every = 60): void {
    for (const end = this.now + seconds; this.now < end;) {
      if (value !== undefined && (this.now - START) % every === 0) {
        const sample = { sum: value, sampleCount: 1, minimum: value, maximum: value };
        this.cloudWatch.putMetric({ metric, atSeconds: this.now, ...sample });
      }
      this.now++;
      this.scaling.advanceTo(this.now);
      this.scaling.onAlarms(this.cloudWatch.advanceTo(this.now));
    }
  }

  public list(includeNotScaledActivities = false): ScalingActivityDescription[] {
    return this.scaling.describeScalingActivities({ ...key, includeNotScaledActivities });
  }
}

describe('target tracking on invocations', () => {
  test('makes the two alarms that the service shows: above 1500 for 3, below 1350 for 15 minutes', () => {
    const world = new World();
    const { policyArn, alarms } = world.scaling.putScalingPolicy({ ...key, policy: track() }, START);
    expect(policyArn).toMatch(
      /^arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:[0-9a-f-]{36}:resource\/sagemaker\/endpoint\/chat\/variant\/main:policyName\/track$/,
    );
    expect(alarms.map(({ alarmName }) => alarmName.slice(0, -36))).toEqual([
      'TargetTracking-endpoint/chat/variant/main-AlarmHigh-',
      'TargetTracking-endpoint/chat/variant/main-AlarmLow-',
    ]);
    const definitions = world.cloudWatch.alarms().map(({ definition }) => definition);
    expect(definitions).toMatchObject([
      { metric: invocations, statistic: 'Sum', periodSeconds: 60, evaluationPeriods: 3, threshold: 1500 },
      { metric: invocations, statistic: 'Sum', periodSeconds: 60, evaluationPeriods: 15, threshold: 1350 },
    ]);
  });

  test('scales out four minutes after the load began and jumps to what is needed', () => {
    const world = new World(1, { minCapacity: 1, maxCapacity: 4 });
    world.scaling.putScalingPolicy({ ...key, policy: track() }, START);
    world.pass(239, 9000);
    expect(world.fleet.desired).toBe(1);
    world.pass(1, 9000);
    expect(world.fleet.desired).toBe(4);
  });

  test('scales in after 15 minutes without traffic, one decision a cooldown', () => {
    const world = new World(8);
    world.scaling.putScalingPolicy({ ...key, policy: track({ maxScaleInPerDecision: 3 }) }, START);
    world.pass(15 * 60 + 59, 0);
    expect(world.fleet.desired).toBe(8);
    world.pass(1, 0);
    expect(world.fleet.desired).toBe(5);
    world.pass(299, 0);
    expect(world.fleet.desired).toBe(5);
    world.pass(1, 0);
    expect(world.fleet.desired).toBe(2);
  });

  test('holds when the metric stops', () => {
    const world = new World(4);
    world.scaling.putScalingPolicy({ ...key, policy: track() }, START);
    world.pass(1800, undefined);
    expect(world.fleet.desired).toBe(4);
    expect(world.list(true)).toEqual([]);
  });
});

describe('target tracking on concurrency every 10 seconds', () => {
  test('scales out within a minute and scales in after 15', () => {
    const world = new World(2);
    world.scaling.putScalingPolicy({ ...key, policy: concurrencyPolicy }, START);
    world.pass(40, 11.2, concurrency, 10);
    expect(world.fleet.desired).toBe(4);
    world.fleet.serving = 4;
    world.pass(899, 0.5, concurrency, 10);
    expect(world.fleet.desired).toBe(4);
    world.pass(30, 0.5, concurrency, 10);
    expect(world.fleet.desired).toBe(1);
  });
});

describe('a scaling activity', () => {
  function scaledOut(): World {
    const world = new World(2);
    world.scaling.putScalingPolicy({ ...key, policy: concurrencyPolicy }, START);
    world.pass(40, 11.2, concurrency, 10);
    return world;
  }

  test('is in progress until the capacity has arrived', () => {
    const world = scaledOut();
    const [begun] = world.list();
    expect(begun).toMatchObject({
      description: 'Setting desired instance count to 4.',
      statusCode: 'InProgress',
      fromCapacity: 2,
      toCapacity: 4,
      decidedBy: 'track',
      startTimeSeconds: START + 40,
    });
    expect(begun!.cause).toMatch(
      /^monitor alarm TargetTracking-endpoint\/chat\/variant\/main-AlarmHigh-[0-9a-f-]+ in state ALARM triggered policy track$/,
    );
    expect(begun!.steps[0]).toContain('2 × 11.2 ÷ 5.6 = 4');
    world.pass(100, 5, concurrency, 10);
    world.fleet.serving = 4;
    world.pass(6, 5, concurrency, 10);
    const [ended] = world.list();
    expect(ended).toMatchObject({
      statusCode: 'Successful',
      statusMessage: 'Successfully set desired instance count to 4. Change successfully fulfilled by sagemaker.',
    });
    expect(ended!.endTimeSeconds).toBeLessThanOrEqual(START + 146);
    expect(world.activities.map(({ statusCode }) => statusCode)).toEqual(['InProgress', 'Successful']);
  });

  test('is overridden by a larger one', () => {
    const world = scaledOut();
    world.pass(120, 15, concurrency, 10);
    expect(world.fleet.desired).toBe(6);
    expect(world.list().map(({ statusCode }) => statusCode)).toEqual(['InProgress', 'Overridden']);
  });

  test('is unfulfilled when the capacity does not come within an hour', () => {
    const world = scaledOut();
    world.fleet.serving = 3;
    world.pass(3605, 5, concurrency, 10);
    expect(world.list()[0]).toMatchObject({ statusCode: 'Unfulfilled' });
    expect(world.list()[0]!.statusMessage).toContain('only 3 in service');
  });

  test('starts the cooldown when it ends', () => {
    const world = scaledOut();
    world.pass(200, 5, concurrency, 10);
    world.fleet.serving = 4;
    world.pass(280, 11.2, concurrency, 10);
    expect(world.fleet.desired).toBe(4);
    world.pass(80, 11.2, concurrency, 10);
    expect(world.fleet.desired).toBe(8);
  });

  test('tells that the maximum was reached', () => {
    const world = new World(2, { minCapacity: 1, maxCapacity: 4 });
    world.scaling.putScalingPolicy({ ...key, policy: concurrencyPolicy }, START);
    world.pass(60, 50, concurrency, 10);
    expect(world.maxEvents).toEqual([]);
    world.fleet.serving = 4;
    world.pass(5, 50, concurrency, 10);
    expect(world.maxEvents).toMatchObject([{ oldDesiredCapacity: 2, newDesiredCapacity: 4, maxCapacity: 4 }]);
  });

  test('explains once, on request, why nothing was done', () => {
    const world = new World(8);
    world.scaling.putScalingPolicy({ ...key, policy: concurrencyPolicy }, START);
    world.pass(300, 50, concurrency, 10);
    expect(world.list()).toEqual([]);
    expect(world.list(true)).toMatchObject([
      {
        description: 'Attempting to scale due to alarm triggered',
        statusCode: 'Failed',
        notScaledReasons: [{ code: 'AlreadyAtMaxCapacity', maxCapacity: 8, currentCapacity: 8 }],
      },
    ]);
  });

  test('fails while a configuration update is in progress, and the policy tries again', () => {
    const world = new World(2);
    world.scaling.putScalingPolicy({ ...key, policy: concurrencyPolicy }, START);
    world.fleet.updating = true;
    world.pass(60, 11.2, concurrency, 10);
    expect(world.fleet.desired).toBe(2);
    expect(world.list(true)[0]!.notScaledReasons).toEqual([
      { code: 'TargetServicePutResourceAsUnscalable', currentCapacity: 2 },
    ]);
    world.fleet.updating = false;
    world.pass(60, 11.2, concurrency, 10);
    expect(world.fleet.desired).toBe(4);
  });
});

describe('registering', () => {
  test('lowers a capacity above the new maximum at once, and raises one below the new minimum', () => {
    const world = new World(6);
    world.scaling.registerScalableTarget({ ...key, maxCapacity: 3 }, START + 10);
    expect(world.fleet.desired).toBe(3);
    expect(world.list()[0]).toMatchObject({ cause: 'maximum capacity was set to 3', statusCode: 'Successful' });
    world.scaling.registerScalableTarget({ ...key, minCapacity: 5, maxCapacity: 5 }, START + 20);
    expect(world.fleet.desired).toBe(5);
    expect(world.fleet.causes).toEqual(['maximum capacity was set to 3', 'minimum capacity was set to 5']);
  });

  test('waits with the correction until an update has ended', () => {
    const world = new World(6);
    world.fleet.updating = true;
    world.scaling.registerScalableTarget({ ...key, maxCapacity: 3 }, START + 10);
    expect(world.fleet.desired).toBe(6);
    expect(world.scaling.nextEventAt()).toBeDefined();
    world.fleet.updating = false;
    world.pass(20, undefined);
    expect(world.fleet.desired).toBe(3);
    expect(world.scaling.nextEventAt()).toBeUndefined();
  });

  test('keeps what is left out', () => {
    const world = new World(1);
    world.scaling.registerScalableTarget({ ...key, suspendedState: { dynamicScalingInSuspended: true } }, START + 10);
    expect(world.scaling.describeScalableTargets(key)).toMatchObject([
      {
        minCapacity: 1,
        maxCapacity: 8,
        creationTimeSeconds: START,
        suspendedState: {
          dynamicScalingInSuspended: true,
          dynamicScalingOutSuspended: false,
          scheduledScalingSuspended: false,
        },
      },
    ]);
  });

  test('removes alarms, policies and activities with the target', () => {
    const world = new World(1);
    world.scaling.putScalingPolicy({ ...key, policy: track() }, START);
    world.scaling.deregisterScalableTarget(key);
    expect(world.cloudWatch.alarms()).toEqual([]);
    expect(world.scaling.describeScalableTargets({ serviceNamespace: 'sagemaker' })).toEqual([]);
    expect(() => world.scaling.deregisterScalableTarget(key)).toThrow('No scalable target registered');
  });
});

describe('policies', () => {
  test('keep their alarms when they are put again, and lose the low one with scale-in', () => {
    const world = new World(1);
    const first = world.scaling.putScalingPolicy({ ...key, policy: track() }, START);
    const second = world.scaling.putScalingPolicy(
      { ...key, policy: track({ targetValue: 900, disableScaleIn: true }) },
      START + 5,
    );
    expect(second.policyArn).toBe(first.policyArn);
    expect(second.alarms).toEqual([first.alarms[0]]);
    expect(world.cloudWatch.alarms().map(({ definition }) => definition.threshold)).toEqual([900]);
    world.scaling.deleteScalingPolicy({ ...key, policyName: 'track' });
    expect(world.cloudWatch.alarms()).toEqual([]);
    expect(() => world.scaling.deleteScalingPolicy({ ...key, policyName: 'track' })).toThrow('No scaling policy found');
  });

  test('of steps answer the alarms that name them', () => {
    const world = new World(1);
    const { policyArn, alarms } = world.scaling.putScalingPolicy(
      {
        ...key,
        policy: {
          kind: 'step',
          policyName: 'burst',
          adjustmentType: 'ChangeInCapacity',
          steps: [
            { lowerBound: 0, upperBound: 10, adjustment: 1 },
            { lowerBound: 10, adjustment: 4 },
          ],
        },
      },
      START,
    );
    expect(alarms).toEqual([]);
    world.cloudWatch.putAlarm(
      {
        alarmName: 'busy',
        metric: concurrency,
        statistic: 'Maximum',
        periodSeconds: 10,
        evaluationPeriods: 1,
        threshold: 20,
        comparisonOperator: 'GreaterThanOrEqualToThreshold',
        alarmActions: [policyArn],
      },
      START,
    );
    expect(world.scaling.describeScalingPolicies(key)[0]!.alarms).toMatchObject([{ alarmName: 'busy' }]);
    world.pass(20, 31, concurrency, 10);
    expect(world.fleet.desired).toBe(5);
    expect(world.list()[0]!.cause).toBe('monitor alarm busy in state ALARM triggered policy burst');
  });

  test('of the same moment are decided together', () => {
    const world = new World(10, { minCapacity: 1, maxCapacity: 50 });
    const put = (policyName: string, adjustment: number) =>
      world.scaling.putScalingPolicy(
        {
          ...key,
          policy: {
            kind: 'step',
            policyName,
            adjustmentType: 'ChangeInCapacity',
            cooldownSeconds: 0,
            steps: [{ lowerBound: 0, adjustment }],
          },
        },
        START,
      ).policyArn;
    for (const [name, adjustment] of [
      ['small', 2],
      ['large', 3],
    ] as const) {
      world.cloudWatch.putAlarm(
        {
          alarmName: name,
          metric: concurrency,
          statistic: 'Maximum',
          periodSeconds: 60,
          evaluationPeriods: 1,
          threshold: 20,
          comparisonOperator: 'GreaterThanThreshold',
          alarmActions: [put(name, adjustment)],
        },
        START,
      );
    }
    world.pass(120, 30, concurrency, 60);
    expect(world.fleet.desired).toBe(13);
  });
});

describe('scheduled actions', () => {
  test('change the limits of the target for good', () => {
    const world = new World(1);
    world.scaling.putScheduledAction(
      { ...key, action: { scheduledActionName: 'morning', schedule: 'rate(1 hour)', minCapacity: 3, maxCapacity: 6 } },
      START + 100,
    );
    expect(world.scaling.nextEventAt()).toBe(START + 3700);
    world.scaling.advanceTo(START + 3699);
    expect(world.fleet.desired).toBe(1);
    world.scaling.advanceTo(START + 3700);
    expect(world.fleet.desired).toBe(3);
    expect(world.scaling.describeScalableTargets(key)[0]).toMatchObject({ minCapacity: 3, maxCapacity: 6 });
    expect(world.list()[0]).toMatchObject({ cause: 'scheduled action morning was triggered', decidedBy: 'morning' });
  });

  test('do not run for the time in which they were suspended', () => {
    const world = new World(1);
    const action = { scheduledActionName: 'once', schedule: 'rate(1 hour)', minCapacity: 3 };
    world.scaling.putScheduledAction({ ...key, action }, START);
    const suspend = (scheduledScalingSuspended: boolean, at: number) =>
      world.scaling.registerScalableTarget({ ...key, suspendedState: { scheduledScalingSuspended } }, at);
    suspend(true, START + 10);
    world.scaling.advanceTo(START + 5000);
    suspend(false, START + 5000);
    world.scaling.advanceTo(START + 5001);
    expect(world.fleet.desired).toBe(1);
    world.scaling.advanceTo(START + 7200);
    expect(world.fleet.desired).toBe(3);
  });

  test('can be listed and deleted', () => {
    const world = new World(1);
    const action = { scheduledActionName: 'once', schedule: 'at(2027-01-01T00:00:00)', minCapacity: 3 };
    world.scaling.putScheduledAction({ ...key, action }, START);
    expect(world.scaling.describeScheduledActions({ ...key, scheduledActionNames: ['once'] })).toHaveLength(1);
    world.scaling.deleteScheduledAction({ ...key, scheduledActionName: 'once' });
    expect(() => world.scaling.deleteScheduledAction({ ...key, scheduledActionName: 'once' })).toThrow(
      'No scheduled action found',
    );
  });
});

describe('refusals', () => {
  const world = () => new World(1);
  const elsewhere = { ...key, resourceId: 'endpoint/none/variant/main' };

  test.each<[string, string, (it: World) => unknown]>([
    ['limits left out', 'ValidationException', ({ scaling }) => scaling.registerScalableTarget(elsewhere, START)],
    [
      'a minimum above the maximum',
      'ValidationException',
      ({ scaling }) => scaling.registerScalableTarget({ ...key, minCapacity: 9, maxCapacity: 2 }, START),
    ],
    [
      'half an instance',
      'ValidationException',
      ({ scaling }) => scaling.registerScalableTarget({ ...key, minCapacity: 0.5 }, START),
    ],
    [
      'a resource that does not exist',
      'ValidationException',
      ({ scaling }) => scaling.registerScalableTarget({ ...elsewhere, minCapacity: 1, maxCapacity: 2 }, START),
    ],
    [
      'a policy without a target',
      'ObjectNotFoundException',
      ({ scaling }) => scaling.putScalingPolicy({ ...elsewhere, policy: track() }, START),
    ],
    [
      'a policy that makes no sense',
      'ValidationException',
      ({ scaling }) => scaling.putScalingPolicy({ ...key, policy: track({ targetValue: -1 }) }, START),
    ],
    [
      'a policy without a metric',
      'ValidationException',
      ({ scaling }) => scaling.putScalingPolicy({ ...key, policy: track({ metric: undefined }) }, START),
    ],
    [
      'a metric of another kind of target',
      'ValidationException',
      ({ scaling }) =>
        scaling.putScalingPolicy(
          {
            ...key,
            policy: track({
              metric: { kind: 'predefined', predefinedMetricType: 'SageMakerInferenceComponentInvocationsPerCopy' },
            }),
          },
          START,
        ),
    ],
    [
      'a schedule that is not understood',
      'ValidationException',
      ({ scaling }) =>
        scaling.putScheduledAction(
          { ...key, action: { scheduledActionName: 'a', schedule: 'soon', minCapacity: 1 } },
          START,
        ),
    ],
  ])('%s: %s', (_what, name, act) => {
    expect(() => act(world())).toThrow(expect.objectContaining({ name }));
  });
});

import { App, Duration, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CostGuard, type CostGuardProps } from '../../lib/cost';
import { GUARD_ENVIRONMENT, parseGuardConfiguration, type GuardConfiguration } from '../../lib/cost/contract';
import { AsyncEndpoint, GpuEndpoint, InferenceComponent, type IGpuEndpoint } from '../../lib/inference';
import type { FleetScaling, IScalableFleet } from '../../lib/scaling';

const newStack = (): Stack => new Stack(new App(), 'Stack', { env: { region: 'us-east-1', account: '123456789012' } });

const legacyIn = (stack: Stack, instanceTypes = ['ml.g5.xlarge']): IGpuEndpoint =>
  GpuEndpoint.fromGpuEndpointAttributes(stack, 'Legacy', {
    endpointName: 'Legacy',
    variantName: 'AllTraffic',
    instanceTypes,
  });

const guardIn = (stack: Stack, props: Partial<CostGuardProps> = {}): CostGuard =>
  new CostGuard(stack, 'Guard', { budgetUsd: 3000, ...props });

function configurationOf(stack: Stack): GuardConfiguration {
  const [handler] = Object.values(
    Template.fromStack(stack).findResources('AWS::Lambda::Function', {
      Properties: {
        Environment: { Variables: Match.objectLike({ [GUARD_ENVIRONMENT.configuration]: Match.anyValue() }) },
      },
    }),
  );
  return parseGuardConfiguration(handler!['Properties'].Environment.Variables[GUARD_ENVIRONMENT.configuration]);
}

/** ScalableTarget of aws-cdk-lib for the legacy endpoint, as its owner may have declared it. */
function scalableTargetIn(stack: Stack): appscaling.ScalableTarget {
  return new appscaling.ScalableTarget(stack, 'Target', {
    serviceNamespace: appscaling.ServiceNamespace.SAGEMAKER,
    resourceId: 'endpoint/Legacy/variant/AllTraffic',
    scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    minCapacity: 1,
    maxCapacity: 4,
    role: iam.Role.fromRoleName(stack, 'ScalingRole', 'scaling'),
  });
}

describe('CostGuard.protect', () => {
  test('takes endpoint, variant and instance types from the endpoint, and leaves the limits to their owner', () => {
    const stack = newStack();
    guardIn(stack).protect(legacyIn(stack), { protectedFloor: 1 });
    expect(configurationOf(stack).fleets).toEqual([
      {
        resourceId: 'endpoint/Legacy/variant/AllTraffic',
        endpointName: 'Legacy',
        variantName: 'AllTraffic',
        scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
        minCapacity: null,
        maxCapacity: null,
        protectedFloor: 1,
        pricesPerHourUsd: { 'ml.g5.xlarge': 1.408 },
      },
    ]);
  });

  test('creates no scalable target and no policy, beside those of the stack itself', () => {
    const stack = newStack();
    const own = GpuEndpoint.fromGpuEndpointAttributes(stack, 'Own', {
      endpointName: 'own',
      variantName: 'main',
      instanceTypes: ['ml.g5.xlarge'],
    });
    const guard = guardIn(stack, { fleets: [{ scaling: own.autoScale({ minCapacity: 1, maxCapacity: 2 }) }] });
    guard.protect(legacyIn(stack), { protectedFloor: 1 });
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::ApplicationAutoScaling::ScalableTarget', 1);
    template.resourceCountIs('AWS::ApplicationAutoScaling::ScalingPolicy', 0);
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      ResourceId: 'endpoint/own/variant/main',
    });
    expect(configurationOf(stack).fleets.map(({ maxCapacity }) => maxCapacity)).toEqual([2, null]);
  });

  test('restores the limits before the fleet leaves the guard, after the schedule is gone', () => {
    const stack = newStack();
    guardIn(stack).protect(legacyIn(stack), { protectedFloor: 1 });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('Custom::TidegateGuardedFleet', {
      ResourceId: 'endpoint/Legacy/variant/AllTraffic',
    });
    const [release] = Object.keys(template.findResources('Custom::TidegateGuardedFleet'));
    const [rule] = Object.values(template.findResources('AWS::Events::Rule'));
    expect(rule!['DependsOn']).toContain(release);
  });

  test('grants the handler the one endpoint', () => {
    const stack = newStack();
    guardIn(stack).protect(legacyIn(stack), { protectedFloor: 1 });
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Sid: 'See',
            Action: 'sagemaker:DescribeEndpoint',
            Resource: stack.resolve(
              stack.formatArn({ service: 'sagemaker', resource: 'endpoint', resourceName: 'legacy' }),
            ),
          }),
        ]),
      },
    });
  });

  test('says at synthesis which limits the guard changes, and when it gives them back', () => {
    const stack = newStack();
    guardIn(stack).protect(legacyIn(stack), { protectedFloor: 2 });
    Annotations.fromStack(stack).hasInfo(
      '/Stack/Guard',
      Match.stringLikeRegexp(
        'The limits of Stack/Legacy are those of whoever registered it.*lowers its MaxCapacity.*to 2 at the least.*' +
          'gives back what its owner set last.*before the fleet leaves the guard or the guard is deleted',
      ),
    );
  });

  test('takes asynchronous endpoints, whose floor may be 0', () => {
    const stack = newStack();
    const films = AsyncEndpoint.fromAsyncEndpointAttributes(stack, 'Films', {
      endpointName: 'films',
      variantName: 'main',
      instanceTypes: ['ml.g5.xlarge'],
    });
    guardIn(stack).protect(films, { protectedFloor: 0 });
    expect(configurationOf(stack).fleets).toMatchObject([{ protectedFloor: 0 }]);
  });
});

describe('CostGuard.protect refuses', () => {
  const refused = (name: string, given: (stack: Stack) => unknown, message: string | RegExp): void =>
    test(name, () => {
      const stack = newStack();
      expect(() => guardIn(stack).protect(given(stack) as IScalableFleet, { protectedFloor: 1 })).toThrow(message);
    });
  const wayOut =
    'the guard finds the target by the names of the endpoint and its variant: ' +
    'guard.protect(GpuEndpoint.fromGpuEndpointAttributes(...), { protectedFloor: 1 })';

  refused(
    'a ScalableTarget of aws-cdk-lib',
    scalableTargetIn,
    `Stack/Guard: protect takes the endpoint whose scalable target somebody else registered, not a ScalableTarget; ${wayOut}`,
  );
  refused(
    'a CfnScalableTarget',
    (stack) => scalableTargetIn(stack).node.defaultChild,
    `Stack/Guard: protect takes the endpoint whose scalable target somebody else registered, not a CfnScalableTarget; ${wayOut}`,
  );
  refused(
    'a FleetScaling',
    (stack) => legacyIn(stack).autoScale({ minCapacity: 1, maxCapacity: 2 }),
    /not a FleetScaling; put it into fleets, or give its endpoint/,
  );
  refused('the name of an endpoint', () => 'legacy', /not legacy;/);
  refused('nothing', () => undefined, /not undefined;/);
  refused(
    'an endpoint whose instance types are not known',
    (stack) => legacyIn(stack, []),
    /instance types are not known/,
  );
  refused(
    'copies of a component',
    (stack) =>
      InferenceComponent.fromInferenceComponentAttributes(stack, 'Part', {
        endpointName: 'shared',
        variantName: 'main',
        componentName: 'part',
      }),
    /counts no instances/,
  );

  test('a floor below the minimum of the kind, and one that is no whole number', () => {
    const stack = newStack();
    const guard = guardIn(stack);
    const endpoint = legacyIn(stack);
    expect(() => guard.protect(endpoint, { protectedFloor: 0 })).toThrow(/protectedFloor \(0\) is below 1/);
    expect(() => guard.protect(endpoint, { protectedFloor: 1.5 })).toThrow(
      /protectedFloor \(1.5\) is not a whole number/,
    );
    expect(() => guard.protect(endpoint, { protectedFloor: NaN })).toThrow(/protectedFloor \(NaN\)/);
  });

  test('a fleet that the guard has already', () => {
    const stack = newStack();
    const endpoint = legacyIn(stack);
    const guard = guardIn(stack);
    guard.protect(endpoint, { protectedFloor: 1 });
    expect(() => guard.protect(endpoint, { protectedFloor: 1 })).toThrow(
      'Stack/Guard: endpoint/Legacy/variant/AllTraffic is guarded twice, and would be charged twice; give it once, in fleets or to protect',
    );
  });

  test('floors that together spend the budget', () => {
    const stack = newStack();
    const guard = guardIn(stack, { budgetUsd: 1500 });
    // 1.408 USD/h x 744 h = 1,047.55 USD
    guard.protect(legacyIn(stack), { protectedFloor: 1 });
    const second = GpuEndpoint.fromGpuEndpointAttributes(stack, 'Second', {
      endpointName: 'second',
      variantName: 'AllTraffic',
      instanceTypes: ['ml.g5.xlarge'],
    });
    expect(() => guard.protect(second, { protectedFloor: 1 })).toThrow(/together 2095.10 USD/);
  });
});

test('CostGuard refuses a ScalableTarget of aws-cdk-lib in fleets, with the way out', () => {
  const stack = newStack();
  const scaling = scalableTargetIn(stack) as unknown as FleetScaling;
  expect(() => guardIn(stack, { fleets: [{ scaling }] })).toThrow(
    'Stack/Guard: fleets[0].scaling is a ScalableTarget, not a FleetScaling; for a fleet that is registered in another way call ' +
      'guard.protect(endpoint, { protectedFloor: 1 }), which leaves its scalable target to its owner',
  );
});

describe('CostGuard.meterExecutions', () => {
  const MACHINE = 'arn:aws:states:us-east-1:123456789012:stateMachine:features';
  const machineIn = (stack: Stack) => sfn.StateMachine.fromStateMachineArn(stack, 'Machine', MACHINE);
  const settings = { maxUsdPerHour: 1.5, maxRuntime: Duration.hours(2) };

  test('is enough to guard, and tells the handler what an execution costs', () => {
    const stack = newStack();
    guardIn(stack).meterExecutions(machineIn(stack), settings);
    const { executions, fleets } = configurationOf(stack);
    expect(executions).toEqual([{ stateMachineArn: MACHINE, maxUsdPerHour: 1.5, maxRuntimeSeconds: 7200 }]);
    expect(fleets).toEqual([]);
  });

  test('may list, see and stop the executions of this state machine only', () => {
    const stack = newStack();
    guardIn(stack).meterExecutions(machineIn(stack), settings);
    const runs = {
      'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':states:us-east-1:123456789012:execution:features:*']],
    };
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({ Action: 'states:ListExecutions', Resource: MACHINE }),
          Match.objectLike({ Action: ['states:DescribeExecution', 'states:StopExecution'], Resource: runs }),
        ],
      },
    });
  });

  test.each([
    ['no price', { ...settings, maxUsdPerHour: 0 }, /maxUsdPerHour \(0\) must be above 0/],
    ['no running time', { ...settings, maxRuntime: Duration.seconds(0) }, /maxRuntime \(0 s\)/],
  ])('refuses %s', (_, props, message) => {
    const stack = newStack();
    const guard = guardIn(stack);
    expect(() => guard.meterExecutions(machineIn(stack), props)).toThrow(message);
  });

  test('refuses a state machine that is metered already', () => {
    const stack = newStack();
    const guard = guardIn(stack);
    const machine = machineIn(stack);
    guard.meterExecutions(machine, settings);
    expect(() => guard.meterExecutions(machine, settings)).toThrow(/metered already/);
  });
});

import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import { GpuEndpoint, ModelServer } from '../../lib/inference';
import { FleetScaling } from '../../lib/scaling';
import { fleetsFromTemplate, planFromTemplate } from '../../lib/scaling/template-plan';

function stackWith(ids: string[]): { stack: Stack; scalings: FleetScaling[] } {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const scalings = ids.map((id) => {
    const fleet = new GpuEndpoint(stack, id, {
      endpointName: id.toLowerCase(),
      modelServer: ModelServer.triton(),
      pools: [{ instanceType: 'ml.g5.xlarge' }],
    });
    return new FleetScaling(stack, `${id}Scaling`, {
      fleet,
      minCapacity: 1,
      maxCapacity: 8,
      suspended: { scaleIn: true },
    });
  });
  return { stack, scalings };
}

describe('a plan read from a template', () => {
  test('is the plan that the construct declared', () => {
    const { stack, scalings } = stackWith(['Chat']);
    const scaling = scalings[0]!;
    scaling.scaleOnConcurrency();
    scaling.scaleOnInvocations({ targetPerInstancePerMinute: 90, scaleInCooldown: Duration.minutes(9) });
    scaling.scaleOnStep('surge', { threshold: 12, steps: [{ lowerBound: 0, change: 2 }], minAdjustmentMagnitude: 1 });
    scaling.scaleOnSchedule('morning', {
      schedule: appscaling.Schedule.cron({ hour: '8', minute: '0' }),
      minCapacity: 2,
    });
    const declared = JSON.parse(JSON.stringify(scaling._toPlan())) as unknown;
    expect(planFromTemplate(Template.fromStack(stack).toJSON())).toEqual(declared);
  });

  test('carries the metric’s dimensions and the resource by their literal names', () => {
    const { stack, scalings } = stackWith(['Chat']);
    scalings[0]!.scaleOnConcurrency({ highResolution: false });
    const [fleet] = fleetsFromTemplate(Template.fromStack(stack).toJSON());
    expect(fleet?.resourceId).toBe('endpoint/chat/variant/main');
    expect(fleet?.plan.policies[0]).toMatchObject({
      metric: {
        kind: 'custom',
        metricName: 'ConcurrentRequestsPerModel',
        dimensions: { EndpointName: 'chat', VariantName: 'main' },
      },
    });
  });

  test('of several targets is chosen by the target’s logical id', () => {
    const { stack } = stackWith(['Chat', 'Search']);
    const template = Template.fromStack(stack).toJSON();
    const ids = fleetsFromTemplate(template).map((fleet) => fleet.targetLogicalId);
    expect(planFromTemplate(template, ids[1])).toMatchObject({ minCapacity: 1, maxCapacity: 8 });
    expect(() => planFromTemplate(template)).toThrow(/has 2 scalable targets \(.*\); name one of them/);
    expect(() => planFromTemplate(template, 'Nothing')).toThrow(/no scalable target 'Nothing'; it has: Chat/);
  });

  test('of a template without a target is an error', () => {
    expect(() => planFromTemplate({ Resources: {} })).toThrow(/has no AWS::ApplicationAutoScaling::ScalableTarget/);
    expect(fleetsFromTemplate(null)).toEqual([]);
  });
});

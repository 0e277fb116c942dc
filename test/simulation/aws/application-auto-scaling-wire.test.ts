import {
  ApplicationAutoScaling,
  callApplicationAutoScaling,
} from '../../../lib/simulation/aws/application-auto-scaling';
import { CloudWatch } from '../../../lib/simulation/aws/cloudwatch';
import { CountedFleet } from '../../conformance/walk-runners';

const START = 1_793_577_600;
const key = {
  ServiceNamespace: 'sagemaker',
  ResourceId: 'endpoint/chat/variant/main',
  ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
};

function service() {
  const cloudWatch = new CloudWatch();
  const fleet = new CountedFleet(2);
  const scaling = new ApplicationAutoScaling(cloudWatch, (id) => (id === key.ResourceId ? fleet : undefined));
  const call = (operation: string, request: object = {}) =>
    callApplicationAutoScaling(scaling, `AnyScaleFrontendService.${operation}`, { ...key, ...request }, START);
  return { cloudWatch, fleet, scaling, call };
}

function registered() {
  const it = service();
  it.call('RegisterScalableTarget', { MinCapacity: 1, MaxCapacity: 8 });
  return it;
}

describe('the AWS API', () => {
  test('registers and describes a target', () => {
    const { call } = service();
    const reply = call('RegisterScalableTarget', {
      MinCapacity: 1,
      MaxCapacity: 8,
      SuspendedState: { DynamicScalingInSuspended: true },
      Tags: { team: 'serving' },
    });
    expect(reply.status).toBe(200);
    const arn = (reply.body as { ScalableTargetARN: string }).ScalableTargetARN;
    expect(arn).toMatch(/^arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target\//);
    expect(call('DescribeScalableTargets').body).toEqual({
      ScalableTargets: [
        {
          ...key,
          ScalableTargetARN: arn,
          MinCapacity: 1,
          MaxCapacity: 8,
          RoleARN: expect.stringContaining('AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint'),
          CreationTime: START,
          SuspendedState: {
            DynamicScalingInSuspended: true,
            DynamicScalingOutSuspended: false,
            ScheduledScalingSuspended: false,
          },
        },
      ],
    });
    expect(call('ListTagsForResource', { ResourceARN: arn }).body).toEqual({ Tags: { team: 'serving' } });
    call('TagResource', { ResourceARN: arn, Tags: { stage: 'dev' } });
    call('UntagResource', { ResourceARN: arn, TagKeys: ['team'] });
    expect(call('ListTagsForResource', { ResourceARN: arn }).body).toEqual({ Tags: { stage: 'dev' } });
    expect(call('DeregisterScalableTarget')).toEqual({ status: 200, body: {} });
    expect(call('DescribeScalableTargets').body).toEqual({ ScalableTargets: [] });
  });

  const configurations = [
    {
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 5.6,
        PredefinedMetricSpecification: {
          PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
        },
        ScaleOutCooldown: 0,
        ScaleInCooldown: 600,
        DisableScaleIn: false,
      },
    },
    {
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 50,
        CustomizedMetricSpecification: {
          Namespace: '/aws/sagemaker/Endpoints',
          MetricName: 'GPUUtilization',
          Dimensions: [
            { Name: 'EndpointName', Value: 'chat' },
            { Name: 'VariantName', Value: 'main' },
          ],
          Statistic: 'Average',
        },
      },
    },
    {
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 10,
        CustomizedMetricSpecification: {
          Metrics: [
            {
              Id: 'backlog',
              MetricStat: {
                Metric: { Namespace: 'App', MetricName: 'Backlog', Dimensions: [{ Name: 'Queue', Value: 'q' }] },
                Stat: 'Sum',
              },
              ReturnData: false,
            },
            { Id: 'filled', Expression: 'FILL(backlog, REPEAT)', ReturnData: true },
          ],
        },
      },
    },
    {
      PolicyType: 'StepScaling',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'PercentChangeInCapacity',
        StepAdjustments: [
          { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 10, ScalingAdjustment: 10 },
          { MetricIntervalLowerBound: 10, ScalingAdjustment: 30 },
        ],
        Cooldown: 120,
        MinAdjustmentMagnitude: 1,
        MetricAggregationType: 'Maximum',
      },
    },
  ];

  test.each(configurations)('gives back the policy as it was put: %#', (configuration) => {
    const { call } = registered();
    const put = call('PutScalingPolicy', { PolicyName: 'policy', ...configuration });
    expect(put.status).toBe(200);
    const { PolicyARN, Alarms } = put.body as { PolicyARN: string; Alarms: unknown[] };
    expect(Alarms).toHaveLength(configuration.PolicyType === 'StepScaling' ? 0 : 2);
    expect(call('DescribeScalingPolicies', { PolicyNames: ['policy'] }).body).toEqual({
      ScalingPolicies: [{ ...key, PolicyName: 'policy', PolicyARN, CreationTime: START, Alarms, ...configuration }],
    });
    expect(call('DeleteScalingPolicy', { PolicyName: 'policy' }).status).toBe(200);
  });

  test('gives back a scheduled action as it was put', () => {
    const { call } = registered();
    const action = {
      ScheduledActionName: 'morning',
      Schedule: 'cron(0 8 * * ? *)',
      Timezone: 'Europe/Berlin',
      StartTime: START + 60,
      EndTime: START + 6000,
      ScalableTargetAction: { MinCapacity: 2, MaxCapacity: 6 },
    };
    expect(call('PutScheduledAction', action).status).toBe(200);
    expect(call('DescribeScheduledActions').body).toEqual({
      ScheduledActions: [
        {
          ...key,
          ...action,
          CreationTime: START,
          ScheduledActionARN: expect.stringContaining(':scheduledActionName/morning'),
        },
      ],
    });
    expect(call('DeleteScheduledAction', { ScheduledActionName: 'morning' }).status).toBe(200);
  });

  test('lists activities in pages', () => {
    const { call } = registered();
    for (const MaxCapacity of [1, 8])
      call('RegisterScalableTarget', { MinCapacity: MaxCapacity === 1 ? 1 : 3, MaxCapacity });
    const first = call('DescribeScalingActivities', { MaxResults: 1 }).body as {
      ScalingActivities: object[];
      NextToken: string;
    };
    expect(first.ScalingActivities).toHaveLength(1);
    const second = call('DescribeScalingActivities', { MaxResults: 1, NextToken: first.NextToken }).body;
    expect(second).toMatchObject({ ScalingActivities: [{ StatusCode: 'Successful' }] });
    expect(second).not.toHaveProperty('NextToken');
  });

  test.each([
    ['RegisterScalableTarget', { ResourceId: undefined }, 'ValidationException', 'ResourceId must be a string'],
    [
      'PutScalingPolicy',
      { PolicyName: 'p', PolicyType: 'PredictiveScaling' },
      'ValidationException',
      'Amazon ECS services only',
    ],
    [
      'PutScalingPolicy',
      { PolicyName: 'p', PolicyType: 'StepScaling' },
      'ValidationException',
      'needs its configuration',
    ],
    [
      'PutScalingPolicy',
      { PolicyName: 'p', TargetTrackingScalingPolicyConfiguration: { TargetValue: 1 } },
      'ValidationException',
      'Give either PredefinedMetricSpecification or CustomizedMetricSpecification',
    ],
    [
      'PutScalingPolicy',
      { PolicyName: 'p', StepScalingPolicyConfiguration: { AdjustmentType: 'Twice', StepAdjustments: [{}] } },
      'ValidationException',
      'adjustmentType (Twice) must be one of ChangeInCapacity, PercentChangeInCapacity, ExactCapacity',
    ],
    [
      'PutScalingPolicy',
      {
        PolicyName: 'p',
        TargetTrackingScalingPolicyConfiguration: {
          TargetValue: 1,
          CustomizedMetricSpecification: { Metrics: [{ Id: 'a', Expression: 'b / 2' }] },
        },
      },
      'ValidationException',
      "metric math refers to 'b'",
    ],
    [
      'PutScalingPolicy',
      {
        PolicyName: 'p',
        TargetTrackingScalingPolicyConfiguration: {
          TargetValue: 1,
          CustomizedMetricSpecification: { Namespace: 'A', MetricName: 'B', Statistic: 'p99' },
        },
      },
      'ValidationException',
      'statistic (p99) must be one of Average',
    ],
    ['DeleteScalingPolicy', { PolicyName: 'p' }, 'ObjectNotFoundException', 'No scaling policy found'],
    ['ListTagsForResource', { ResourceARN: 'arn:none' }, 'ObjectNotFoundException', 'No scalable target found for ARN'],
    ['toString', {}, 'UnknownOperationException', 'Unknown operation toString'],
  ])('refuses %s %j with %s', (operation, request, type, message) => {
    const { status, body } = registered().call(operation, request);
    expect(status).toBe(400);
    expect(body.__type).toBe(type);
    expect(body.message).toContain(message);
  });
});

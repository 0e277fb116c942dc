import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { parseBudget, parseGuardConfiguration, GUARD_ENVIRONMENT } from '../../lib/cost/contract';
import { CostGuard, type CostGuardProps } from '../../lib/cost';
import { FleetScaling, type IScalableFleet } from '../../lib/scaling';

class Fleet extends Construct implements IScalableFleet {
  public readonly resourceId = 'endpoint/chat/variant/main';
  public readonly scalableDimension = 'sagemaker:variant:DesiredInstanceCount';
  public readonly serviceNamespace = 'sagemaker';
  public readonly fleetName = 'chat';
  public readonly lowestCapacity = 1;
  public readonly initialCapacity = 1;
  public readonly maxConcurrencyPerInstance = 8;
  public readonly predefinedMetrics = {};
  public readonly scalingDependency = this;

  public metricConcurrencyPerInstance(): cloudwatch.Metric {
    return new cloudwatch.Metric({ namespace: 'AWS/SageMaker', metricName: 'ConcurrentRequestsPerModel' });
  }
}

const ENDPOINT_ARN = 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat';

function newStack(region: string | undefined = 'us-east-1'): { stack: Stack; scaling: FleetScaling } {
  const stack = new Stack(new App(), 'Stack', region === undefined ? {} : { env: { region } });
  const scaling = new FleetScaling(stack, 'Scaling', {
    fleet: new Fleet(stack, 'Fleet'),
    minCapacity: 2,
    maxCapacity: 8,
  });
  return { stack, scaling };
}

function guarded(props: Partial<CostGuardProps> = {}, region?: string): { guard: CostGuard; template: Template } {
  const { stack, scaling } = newStack(region);
  const guard = new CostGuard(stack, 'Guard', {
    budgetUsd: 500,
    fleets: [
      { scaling, endpointArn: ENDPOINT_ARN, variantName: 'main', instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'] },
    ],
    training: { jobNamePrefix: 'tidegate-', instanceTypes: ['ml.g5.xlarge'] },
    ...props,
  });
  return { guard, template: Template.fromStack(stack) };
}

function configurationOf(template: Template) {
  const [handler] = Object.values(template.findResources('AWS::Lambda::Function'));
  const environment = handler!['Properties'].Environment.Variables as { readonly [name: string]: string };
  return parseGuardConfiguration(environment[GUARD_ENVIRONMENT.configuration]!);
}

function statementsOf(template: Template): { Sid: string; Action: unknown; Resource: unknown; Condition?: unknown }[] {
  return Object.values(template.findResources('AWS::IAM::Policy')).flatMap(
    ({ Properties }) => Properties.PolicyDocument.Statement,
  );
}

describe('CostGuard', () => {
  test('tells its handler the fleets with dated prices and the training to meter', () => {
    expect(configurationOf(guarded().template)).toEqual({
      name: 'StackGuardCD590065',
      dryRun: false,
      fleets: [
        {
          resourceId: 'endpoint/chat/variant/main',
          endpointName: 'chat',
          variantName: 'main',
          scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
          minCapacity: 2,
          maxCapacity: 8,
          protectedFloor: 2,
          pricesPerHourUsd: { 'ml.g5.xlarge': 1.408, 'ml.g6.xlarge': 1.127 },
        },
      ],
      training: { jobNamePrefix: 'tidegate-', pricesPerHourUsd: { 'ml.g5.xlarge': 1.408 } },
      thresholds: { warnAtPercent: 80, freezeAtPercent: 90, shrinkAtPercent: 100, releasePercent: 5 },
      forecastSmoothingSeconds: 3600,
    });
  });

  test('lets its handler look every minute, one at a time, without repeats', () => {
    const { template } = guarded();
    template.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 minute)',
      Targets: [{ RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } }],
    });
    template.hasResourceProperties('AWS::Lambda::Function', { ReservedConcurrentExecutions: 1, Timeout: 50 });
  });

  test('keeps the budget in a parameter that can be changed without a deployment', () => {
    const [parameter] = Object.values(guarded().template.findResources('AWS::SSM::Parameter'));
    expect(parameter!['Properties'].Value).toBe('{"amountUsd":500,"periodStart":null,"periodEnd":null}');
    expect(parseBudget(parameter!['Properties'].Value as string).amountUsd).toBe(500);
  });

  test('keeps its records in an encrypted table with recovery, which outlives it', () => {
    guarded().template.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Retain',
      Properties: {
        SSESpecification: { SSEEnabled: true },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
        BillingMode: 'PAY_PER_REQUEST',
      },
    });
  });

  test('tells people through an encrypted topic that accepts TLS only and the alarms of the account', () => {
    const { template } = guarded();
    template.hasResourceProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.anyValue() });
    template.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          Match.objectLike({ Sid: 'AlarmsPublish', Principal: { Service: 'cloudwatch.amazonaws.com' } }),
        ]),
      },
    });
  });

  test('takes a topic of the caller', () => {
    const { stack, scaling } = newStack();
    const topic = new sns.Topic(stack, 'Mine');
    const fleets = [{ scaling, endpointArn: ENDPOINT_ARN, variantName: 'main', instanceTypes: ['ml.g5.xlarge'] }];
    const guard = new CostGuard(stack, 'Guard', { budgetUsd: 1, fleets, topic });
    expect(guard.topic).toBe(topic);
    Template.fromStack(stack).resourceCountIs('AWS::KMS::Key', 0);
  });

  test.each([
    ['dryRun', { dryRun: true }, { dryRun: true }],
    ['guardName', { guardName: 'chat' }, { name: 'chat' }],
    [
      'thresholds',
      { thresholds: { warnAtPercent: 50 } },
      { thresholds: expect.objectContaining({ warnAtPercent: 50, freezeAtPercent: 90 }) },
    ],
    [
      'trainingPricesPerHourUsd',
      { trainingPricesPerHourUsd: { 'ml.g5.xlarge': 9 } },
      { training: { jobNamePrefix: 'tidegate-', pricesPerHourUsd: { 'ml.g5.xlarge': 9 } } },
    ],
  ])('passes %s on', (_, props, expected) => {
    expect(configurationOf(guarded(props).template)).toEqual(expect.objectContaining(expected));
  });

  test('deletes its table where told to', () => {
    guarded({ removalPolicy: RemovalPolicy.DESTROY }).template.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Delete',
    });
  });

  test('allows its handler exactly what it does', () => {
    const statements = statementsOf(guarded().template);
    expect(Object.fromEntries(statements.filter(({ Sid }) => Sid).map(({ Sid, Action }) => [Sid, Action]))).toEqual({
      State: ['dynamodb:GetItem', 'dynamodb:PutItem'],
      Budget: 'ssm:GetParameter',
      Notices: 'sns:Publish',
      NoticeKey: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Metrics: 'cloudwatch:PutMetricData',
      See: 'sagemaker:DescribeEndpoint',
      Limit: 'application-autoscaling:RegisterScalableTarget',
      SeeLimits: 'application-autoscaling:DescribeScalableTargets',
      SeeTraining: 'sagemaker:DescribeTrainingJob',
      ListTraining: 'sagemaker:ListTrainingJobs',
    });
  });

  test('names every resource that can be named and narrows the others by condition', () => {
    const statements = new Map(statementsOf(guarded().template).map((statement) => [statement.Sid, statement]));
    expect(statements.get('See')!.Resource).toBe(ENDPOINT_ARN);
    expect(statements.get('Metrics')!.Condition).toEqual({ StringEquals: { 'cloudwatch:namespace': 'Tidegate' } });
    expect(statements.get('Limit')!.Condition).toEqual({
      StringEquals: {
        'application-autoscaling:service-namespace': ['sagemaker'],
        'application-autoscaling:scalable-dimension': ['sagemaker:variant:DesiredInstanceCount'],
      },
    });
    const everywhere = [...statements.values()].filter(({ Resource }) => Resource === '*').map(({ Sid }) => Sid);
    expect(everywhere.sort()).toEqual(['ListTraining', 'Metrics', 'SeeLimits']);
  });

  test('asks for no right to see training when there is none to meter', () => {
    const actions = JSON.stringify(statementsOf(guarded({ training: undefined }).template));
    expect(actions).not.toContain('TrainingJob');
  });

  test('has a metric for every number it publishes', () => {
    const { guard } = guarded({ guardName: 'chat' });
    const metrics = [
      guard.metricSpend(),
      guard.metricBudget(),
      guard.metricBurnRate(),
      guard.metricBudgetUsed(),
      guard.metricForecast(),
      guard.metricLevel(),
      guard.metricProblems(),
    ];
    expect(metrics.map(({ metricName }) => metricName)).toEqual([
      'SpendUsd',
      'BudgetUsd',
      'BurnRateUsdPerHour',
      'BudgetUsedPercent',
      'ForecastUsd',
      'GuardLevel',
      'GuardProblems',
    ]);
    expect(
      metrics.every(({ namespace, dimensions }) => namespace === 'Tidegate' && dimensions!['Guard'] === 'chat'),
    ).toBe(true);
  });
});

describe('CostGuard refuses', () => {
  const fleetWith = (overrides: object) => {
    const { stack, scaling } = newStack();
    const fleet = {
      scaling,
      endpointArn: ENDPOINT_ARN,
      variantName: 'main',
      instanceTypes: ['ml.g5.xlarge'],
      ...overrides,
    };
    return () => new CostGuard(stack, 'Guard', { budgetUsd: 500, fleets: [fleet] });
  };

  test('an instance type without a price, naming the way out', () => {
    expect(fleetWith({ instanceTypes: ['ml.p4de.24xlarge'] })).toThrow(
      /no hosting price .*ml\.p4de\.24xlarge.*override/,
    );
  });

  test('an instance type that does not exist, naming the nearest', () => {
    expect(fleetWith({ instanceTypes: ['ml.g5.xlarg'] })).toThrow(/ml\.g5\.xlarge/);
  });

  test('a region that is not known, naming the way out', () => {
    const { stack, scaling } = newStack(undefined);
    const fleets = [{ scaling, endpointArn: ENDPOINT_ARN, variantName: 'main', instanceTypes: ['ml.g5.xlarge'] }];
    const agnostic = new Stack(new App(), 'Agnostic');
    expect(() => new CostGuard(agnostic, 'Guard', { budgetUsd: 1, fleets })).toThrow(/give pricingRegion/);
    expect(stack.region).toBe('us-east-1');
    expect(() => new CostGuard(agnostic, 'Priced', { budgetUsd: 1, fleets, pricingRegion: 'us-east-1' })).not.toThrow();
  });

  test.each([
    [
      'a floor above the maximum',
      { protectedFloor: 9 },
      /protectedFloor \(9\) is above maxCapacity \(8\); use at most 8/,
    ],
    ['a floor below what the fleet can have', { protectedFloor: 0 }, /protectedFloor \(0\) is below 1/],
    ['a fleet without instance types', { instanceTypes: [] }, /instanceTypes is empty/],
  ])('%s', (_, overrides, message) => {
    expect(fleetWith(overrides)).toThrow(message);
  });

  test.each([0, -1, NaN, Infinity])('a budget of %p', (budgetUsd) => {
    expect(() => guarded({ budgetUsd })).toThrow(/budgetUsd .* is no amount above 0/);
  });

  test('thresholds out of order', () => {
    expect(() => guarded({ thresholds: { warnAtPercent: 95 } })).toThrow(/thresholds must rise/);
  });

  test('a price of zero', () => {
    expect(() => guarded({ pricesPerHourUsd: { 'ml.g5.xlarge': 0 } })).toThrow(/above 0/);
  });

  test('a name that no parameter can have', () => {
    expect(() => guarded({ guardName: 'our guard' })).toThrow(/guardName \('our guard'\) cannot be part/);
  });

  test('nothing to guard', () => {
    expect(() => new CostGuard(newStack().stack, 'Guard', { budgetUsd: 1 })).toThrow(/nothing to guard/);
  });

  test('several problems at once, with the path of the construct', () => {
    expect(() =>
      guarded({ budgetUsd: 0, thresholds: { releasePercent: -1 }, fleets: [], training: undefined }),
    ).toThrow(/Stack\/Guard:[^]*releasePercent[^]*budgetUsd[^]*nothing to guard/);
  });
});

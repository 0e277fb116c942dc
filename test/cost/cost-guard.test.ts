import { App, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { parseBudget, parseGuardConfiguration, GUARD_ENVIRONMENT } from '../../lib/cost/contract';
import { CostGuard, RunningTrainingJobs, type CostGuardProps } from '../../lib/cost';
import { FleetScaling, type FleetInstances, type IScalableFleet } from '../../lib/scaling';

class Fleet extends Construct implements IScalableFleet {
  public readonly resourceId = 'endpoint/chat/variant/main';
  public readonly scalableDimension = 'sagemaker:variant:DesiredInstanceCount';
  public readonly serviceNamespace = 'sagemaker';
  public readonly fleetName = 'chat';
  public readonly minAllowedCapacity = 1;
  public readonly initialCapacity = 1;
  public readonly maxConcurrencyPerInstance = 8;
  public readonly predefinedMetrics = {};
  public readonly scalingDependency = this;

  public constructor(
    scope: Construct,
    id: string,
    public readonly instances?: FleetInstances,
  ) {
    super(scope, id);
  }
}

const ENDPOINT_ARN = 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat';

const INSTANCES: FleetInstances = {
  endpointArn: ENDPOINT_ARN,
  variantName: 'main',
  instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
};

function newStack(
  region: string | undefined = 'us-east-1',
  instances: FleetInstances | undefined = INSTANCES,
): { stack: Stack; scaling: FleetScaling } {
  const stack = new Stack(new App(), 'Stack', region === undefined ? {} : { env: { region } });
  const scaling = new FleetScaling(stack, 'Scaling', {
    fleet: new Fleet(stack, 'Fleet', instances),
    minCapacity: 2,
    maxCapacity: 8,
  });
  return { stack, scaling };
}

function guarded(props: Partial<CostGuardProps> = {}, region?: string): { guard: CostGuard; template: Template } {
  const { stack, scaling } = newStack(region);
  const guard = new CostGuard(stack, 'Guard', {
    budgetUsd: 3000,
    fleets: [{ scaling }],
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
  return Object.entries(template.findResources('AWS::IAM::Policy'))
    .filter(([id]) => !id.startsWith('GuardRelease'))
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);
}

const inStack = (service: string, resource: string): object => ({
  'Fn::Join': [
    '',
    ['arn:', { Ref: 'AWS::Partition' }, `:${service}:us-east-1:`, { Ref: 'AWS::AccountId' }, `:${resource}`],
  ],
});

describe('CostGuard', () => {
  test('passes the fleets with dated prices and the training to its handler', () => {
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
      training: { jobNamePrefix: 'tidegate-', runningJobs: 'FINISH', pricesPerHourUsd: { 'ml.g5.xlarge': 1.408 } },
      thresholds: { warnAtPercent: 80, freezeAtPercent: 90, shrinkAtPercent: 100, releasePercent: 5 },
      forecastSmoothingSeconds: 3600,
    });
  });

  test('invokes its handler every minute, without retries and without a share of the concurrency of the account', () => {
    const { template } = guarded();
    template.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 minute)',
      Targets: [{ RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } }],
    });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      ReservedConcurrentExecutions: Match.absent(),
      Timeout: 50,
    });
  });

  test('gives the parameter of the budget no tag, a change of which would write the declared budget over the present one', () => {
    const { stack, scaling } = newStack();
    Tags.of(stack).add('team', 'inference');
    new CostGuard(stack, 'Guard', { budgetUsd: 3000, fleets: [{ scaling }] });
    const resources = Object.values(Template.fromStack(stack).toJSON()['Resources'] as object) as {
      Type: string;
      Properties: object;
    }[];
    const tagged = resources.filter(({ Properties }) => 'Tags' in Properties).map(({ Type }) => Type);
    expect(tagged).toContain('AWS::DynamoDB::Table');
    expect(tagged).not.toContain('AWS::SSM::Parameter');
  });

  test('restores the limits of a fleet that leaves it, after its schedule and before its permissions are deleted', () => {
    const { template } = guarded();
    const [[name, fleet]] = Object.entries(template.findResources('Custom::TidegateGuardedFleet')) as [
      [string, { DependsOn: string[]; Properties: object }],
    ];
    expect(fleet.Properties).toEqual({
      ServiceToken: { 'Fn::GetAtt': [expect.stringMatching(/^GuardReleaseHandler/), 'Arn'] },
      ServiceTimeout: '360',
      ResourceId: 'endpoint/chat/variant/main',
    });
    const [policyName, policy] = Object.entries(template.findResources('AWS::IAM::Policy')).find(([id]) =>
      id.startsWith('GuardReleaseHandlerRoleFleet'),
    )!;
    const statements = policy['Properties'].PolicyDocument.Statement as { Sid?: string; Action: unknown }[];
    expect(statements.filter(({ Sid }) => Sid).map(({ Sid, Action }) => [Sid, Action])).toEqual([
      ['HeldLimits', 'dynamodb:GetItem'],
      ['Limit', 'application-autoscaling:RegisterScalableTarget'],
      ['SeeLimits', 'application-autoscaling:DescribeScalableTargets'],
    ]);
    expect(fleet.DependsOn).toEqual(
      expect.arrayContaining([
        policyName,
        expect.stringMatching(/^GuardTable/),
        expect.stringMatching(/^GuardReleaseHandler/),
      ]),
    );
    const [rule] = Object.values(template.findResources('AWS::Events::Rule'));
    expect(rule!['DependsOn']).toContain(name);
  });

  test('releases nothing where it guards no fleet', () => {
    guarded({ fleets: [] }).template.resourceCountIs('Custom::TidegateGuardedFleet', 0);
  });

  test('keeps the budget in a parameter that can be changed without a deployment', () => {
    const [parameter] = Object.values(guarded().template.findResources('AWS::SSM::Parameter'));
    expect(parameter!['Properties'].Value).toBe('{"amountUsd":3000,"periodStart":null,"periodEnd":null}');
    expect(parseBudget(parameter!['Properties'].Value as string, null).amountUsd).toBe(3000);
  });

  test('keeps its records in an encrypted table with recovery, which outlives it', () => {
    guarded().template.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: {
        SSESpecification: { SSEEnabled: true },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
        BillingMode: 'PAY_PER_REQUEST',
      },
    });
  });

  test('notifies through an encrypted topic that accepts TLS only and the alarms of the account', () => {
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
    const guard = new CostGuard(stack, 'Guard', { budgetUsd: 3000, fleets: [{ scaling }], topic });
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
      { training: { jobNamePrefix: 'tidegate-', runningJobs: 'FINISH', pricesPerHourUsd: { 'ml.g5.xlarge': 9 } } },
    ],
    [
      'runningJobs',
      { training: { jobNamePrefix: 'a-', instanceTypes: ['ml.g5.xlarge'], runningJobs: RunningTrainingJobs.STOP } },
      { training: expect.objectContaining({ runningJobs: 'STOP' }) },
    ],
  ])('passes %s on', (_, props, expected) => {
    expect(configurationOf(guarded(props).template)).toEqual(expect.objectContaining(expected));
  });

  test('deletes its table with the removal policy DESTROY', () => {
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
      Metrics: 'cloudwatch:PutMetricData',
      See: 'sagemaker:DescribeEndpoint',
      Limit: 'application-autoscaling:RegisterScalableTarget',
      SeeLimits: 'application-autoscaling:DescribeScalableTargets',
      SeeTraining: 'sagemaker:DescribeTrainingJob',
      StopTraining: 'sagemaker:StopTrainingJob',
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
    const everywhere = statementsOf(guarded().template)
      .filter(({ Resource }) => Resource === '*')
      .map(({ Action }) => Action);
    expect(everywhere.sort()).toEqual([
      'application-autoscaling:DescribeScalableTargets',
      'cloudwatch:DescribeAlarms',
      'cloudwatch:PutMetricData',
      'sagemaker:ListTrainingJobs',
    ]);
  });

  test('allows its handler what Application Auto Scaling checks when it sets a limit', () => {
    const own = ['sagemaker:DescribeEndpoint', 'sagemaker:UpdateEndpointWeightsAndCapacities'];
    expect(statementsOf(guarded().template)).toEqual(
      expect.arrayContaining([
        { Effect: 'Allow', Action: own, Resource: ENDPOINT_ARN },
        {
          Effect: 'Allow',
          Action: 'sagemaker:DescribeEndpointConfig',
          Resource: inStack('sagemaker', 'endpoint-config/*'),
        },
        { Effect: 'Allow', Action: 'cloudwatch:DescribeAlarms', Resource: '*' },
        {
          Effect: 'Allow',
          Action: ['cloudwatch:DeleteAlarms', 'cloudwatch:PutMetricAlarm'],
          Resource: inStack('cloudwatch', 'alarm:TargetTracking*'),
          Condition: { StringEquals: { 'aws:CalledViaLast': 'application-autoscaling.amazonaws.com' } },
        },
      ]),
    );
  });

  test('allows its handler to use the key of the topic', () => {
    const { template } = guarded();
    const [key] = Object.keys(template.findResources('AWS::KMS::Key'));
    expect(statementsOf(template)).toContainEqual({
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: { 'Fn::GetAtt': [key, 'Arn'] },
    });
  });

  test('may stop the jobs of its prefix and no others', () => {
    const stop = statementsOf(guarded().template).find(({ Sid }) => Sid === 'StopTraining')!;
    expect(JSON.stringify(stop.Resource)).toMatch(/:training-job\/tidegate-\*"/);
  });

  test('requests no permission for training when there is none to meter', () => {
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
      guard.metricCommitted(),
      guard.metricForecast(),
      guard.metricLevel(),
      guard.metricProblems(),
    ];
    expect(metrics.map(({ metricName }) => metricName)).toEqual([
      'SpendUsd',
      'BudgetUsd',
      'BurnRateUsdPerHour',
      'BudgetUsedPercent',
      'CommittedUsd',
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
  const guardOf =
    ({ protectedFloor, ...instances }: Partial<FleetInstances> & { readonly protectedFloor?: number }) =>
    () => {
      const { stack, scaling } = newStack('us-east-1', { ...INSTANCES, instanceTypes: ['ml.g5.xlarge'], ...instances });
      return new CostGuard(stack, 'Guard', { budgetUsd: 3000, fleets: [{ scaling, protectedFloor }] });
    };

  test('an instance type without a price, naming the way out', () => {
    expect(guardOf({ instanceTypes: ['ml.p4de.24xlarge'] })).toThrow(
      /no hosting price .*ml\.p4de\.24xlarge[^]*give pricesPerHourUsd: \{ 'ml\.p4de\.24xlarge': USD_PER_HOUR \}/,
    );
  });

  test('an instance type that does not exist, naming the nearest', () => {
    expect(guardOf({ instanceTypes: ['ml.g5.xlarg'] })).toThrow(/ml\.g5\.xlarge/);
  });

  test('a region that is not known, naming the way out', () => {
    const { stack, scaling } = newStack(undefined);
    const fleets = [{ scaling }];
    const agnostic = new Stack(new App(), 'Agnostic');
    expect(() => new CostGuard(agnostic, 'Guard', { budgetUsd: 3000, fleets })).toThrow(/give pricingRegion/);
    expect(stack.region).toBe('us-east-1');
    expect(
      () => new CostGuard(agnostic, 'Priced', { budgetUsd: 3000, fleets, pricingRegion: 'us-east-1' }),
    ).not.toThrow();
  });

  test.each([
    [
      'a floor above the maximum',
      { protectedFloor: 9 },
      /protectedFloor \(9\) is above maxCapacity \(8\); use at most 8/,
    ],
    ['a floor below what the fleet can have', { protectedFloor: 0 }, /protectedFloor \(0\) is below 1/],
    [
      'a fleet whose instance types are not known',
      { instanceTypes: [] },
      /give instanceTypes where the endpoint is imported/,
    ],
  ])('%s', (_, overrides, message) => {
    expect(guardOf(overrides)).toThrow(message);
  });

  test('a fleet whose capacity counts no instances', () => {
    const stack = new Stack(new App(), 'Stack', { env: { region: 'us-east-1' } });
    const scaling = new FleetScaling(stack, 'Scaling', {
      fleet: new Fleet(stack, 'Fleet'),
      minCapacity: 1,
      maxCapacity: 8,
    });
    expect(() => new CostGuard(stack, 'Guard', { budgetUsd: 3000, fleets: [{ scaling }] })).toThrow(
      /Stack\/Fleet: the capacity of this fleet counts no instances/,
    );
  });

  test.each([0, -1, NaN, Infinity, 2e9])('a budget of %p', (budgetUsd) => {
    expect(() => guarded({ budgetUsd })).toThrow(/budgetUsd \(.*\) is out of range; give an amount above 0/);
  });

  test('a budget that the protected floors alone spend, with the sum', () => {
    // 2 x 1.408 USD/h x 744 h, at the dearer of the two types
    expect(() => guarded({ budgetUsd: 2095 })).toThrow(
      /budgetUsd \(2095\) is spent by the protected floors alone \(.*: 2 x 1\.408 USD\/h x 744 h = 2095\.10 USD\); give more than 2096 USD, or lower protectedFloor/,
    );
    expect(() => guarded({ budgetUsd: 2096 })).not.toThrow();
  });

  test('a budget below the maximum of a fleet that it may never limit', () => {
    expect(guardOf({ protectedFloor: 8 })).toThrow(/8 x 1\.408 USD\/h x 744 h = 8380\.42 USD/);
  });

  test('thresholds out of order', () => {
    expect(() => guarded({ thresholds: { warnAtPercent: 95 } })).toThrow(/thresholds must rise/);
  });

  test('a price of zero', () => {
    expect(() => guarded({ pricesPerHourUsd: { 'ml.g5.xlarge': 0 } })).toThrow(/USD from 0\.000001/);
  });

  test('a name that no parameter can have', () => {
    expect(() => guarded({ guardName: 'our guard' })).toThrow(/guardName \('our guard'\) cannot be part/);
  });

  test.each(['{""', '-tidegate', 'a'.repeat(64), 'jobs_of_mine', '*'])(
    'refuses %s as the beginning of names of training jobs',
    (jobNamePrefix) => {
      const training = { jobNamePrefix, instanceTypes: ['ml.g5.xlarge'] };
      expect(() => guarded({ training })).toThrow(/jobNamePrefix \('.*'\) begins no name of a training job/);
    },
  );

  test('nothing to guard', () => {
    const { stack } = newStack();
    new CostGuard(stack, 'Guard', { budgetUsd: 1 });
    expect(() => Template.fromStack(stack)).toThrow(/nothing to guard; give fleets or training, or call protect/);
  });

  test('several problems at once, with the path of the construct', () => {
    expect(() => guarded({ budgetUsd: 0, thresholds: { releasePercent: -1 }, guardName: 'our guard' })).toThrow(
      /Stack\/Guard:[^]*releasePercent[^]*budgetUsd[^]*guardName/,
    );
  });
});

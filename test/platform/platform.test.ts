import { App, Duration } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { GUARD_ENVIRONMENT, parseGuardConfiguration, type GuardConfiguration } from '../../lib/cost/contract';
import { PlatformStack, type StageConfiguration } from '../../lib/platform';
import { ForecastMode } from '../../lib/scaling';
import { stageConfiguration } from '../../lib/platform/stages';

function stackOf(stage: StageConfiguration): { stack: PlatformStack; template: Template } {
  const stack = new PlatformStack(new App(), `Tidegate-${stage.name}`, { stage });
  return { stack, template: Template.fromStack(stack) };
}

const dev = stageConfiguration('dev');
const deployed = { dev: stackOf(dev), prod: stackOf(stageConfiguration('prod')) };

function guardOf({ stack, template }: { stack: PlatformStack; template: Template }): GuardConfiguration {
  const environments = Object.values(template.findResources('AWS::Lambda::Function')).map(
    ({ Properties }) => Properties.Environment?.Variables as { readonly [name: string]: unknown } | undefined,
  );
  const text = environments.map((one) => one?.[GUARD_ENVIRONMENT.configuration]).find((one) => one !== undefined);
  const parts = (text as { readonly 'Fn::Join': [string, unknown[]] })['Fn::Join'][1];
  expect(stack.stackName).toMatch(/^Tidegate-/);
  return parseGuardConfiguration(parts.map((part) => (typeof part === 'string' ? part : 'the-endpoint')).join(''));
}

describe('PlatformStack', () => {
  test('is named for its stage and lies in the region whose prices count', () => {
    expect(deployed.dev.stack.stackName).toBe('Tidegate-dev');
    expect(deployed.dev.stack.region).toBe('us-east-1');
  });

  test('has the names of its parts as outputs', () => {
    expect(Object.keys(deployed.dev.template.findOutputs('*')).sort()).toEqual([
      'BudgetParameterName',
      'DashboardName',
      'EndpointName',
      'GuardTableName',
      'GuardTopicArn',
      'ModelArtifactBucketName',
      'ResultsBucketName',
      'ScaleEventsTableName',
      'StreamName',
      'TrainingStateMachineArn',
      'VariantName',
    ]);
  });

  test('refuses a stage whose settings contradict each other', () => {
    expect(() => stackOf({ ...dev, minCapacity: 9 })).toThrow(
      /stage dev: minCapacity \(9\) is above maxCapacity \(8\)/,
    );
  });
});

describe('Platform', () => {
  test('takes requests from a topic too where the stage has a cluster, with the results of both in one bucket', () => {
    const clusterArn = 'arn:aws:kafka:us-east-1:123456789012:cluster/chat/6d5c8f3e-1111-2222-3333-444455556666-7';
    const { stack, template } = stackOf({ ...dev, kafka: { clusterArn } });
    template.hasResourceProperties('AWS::MSK::Topic', {
      ClusterArn: clusterArn,
      TopicName: 'requests',
      PartitionCount: 4,
    });
    template.hasOutput('TopicName', { Value: 'requests' });
    expect(stack.platform.kafkaIngestion!.resultsBucket).toBe(stack.platform.ingestion.resultsBucket);
    template.resourceCountIs('AWS::Lambda::EventSourceMapping', 2);
    deployed.dev.template.resourceCountIs('AWS::MSK::Topic', 0);
  });

  test('serves from the pools of its stage, in order', () => {
    deployed.prod.template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        {
          InitialInstanceCount: 2,
          InstancePools: [
            { InstanceType: 'ml.g5.xlarge', Priority: 1 },
            { InstanceType: 'ml.g6.xlarge', Priority: 2 },
            { InstanceType: 'ml.g6e.xlarge', Priority: 3 },
          ],
        },
      ],
    });
  });

  test('scales at 0.7 of the tested concurrency, every 10 seconds', () => {
    deployed.dev.template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 5.6, // 0.7 x 8
        PredefinedMetricSpecification: {
          PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
        },
      },
    });
    deployed.dev.template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      MinCapacity: 1,
      MaxCapacity: 8,
    });
  });

  test('lets the guard meter and limit the endpoint between its limits, and meter the training', () => {
    const { fleets, training } = guardOf(deployed.dev);
    expect(fleets).toEqual([
      expect.objectContaining({
        resourceId: 'endpoint/the-endpoint/variant/main',
        minCapacity: 1,
        maxCapacity: 8,
        protectedFloor: 1,
        pricesPerHourUsd: { 'ml.g5.xlarge': 1.408, 'ml.g6.xlarge': 1.127 },
      }),
    ]);
    expect(training).toEqual({
      jobNamePrefix: 'tidegate-dev--',
      pricesPerHourUsd: { 'ml.g5.xlarge': 1.408, 'ml.g6.xlarge': 1.127 },
      runningJobs: 'FINISH',
    });
  });

  test('passes the floor, the dry run and the prices of a stage to the guard', () => {
    const stage = {
      ...dev,
      budgetUsd: 5000,
      protectedFloor: 3,
      guardDryRun: true,
      pricesPerHourUsd: { 'ml.g5.xlarge': 1, 'ml.g6.xlarge': 2 },
    };
    const { fleets, dryRun } = guardOf(stackOf(stage));
    expect(dryRun).toBe(true);
    expect(fleets[0]).toEqual(
      expect.objectContaining({ protectedFloor: 3, pricesPerHourUsd: { 'ml.g5.xlarge': 1, 'ml.g6.xlarge': 2 } }),
    );
  });

  test.each(Object.entries(deployed))(
    'forecasts in shadow in %s, which may not touch the limits',
    (_, { stack, template }) => {
      expect(stack.platform.forecaster?.mode).toBe(ForecastMode.SHADOW);
      const policies = Object.entries(template.findResources('AWS::IAM::Policy'));
      const statements = JSON.stringify(policies.filter(([id]) => id.startsWith('PlatformForecast')));
      expect(statements).toContain('cloudwatch:GetMetricData');
      expect(statements).not.toContain('RegisterScalableTarget');
    },
  );

  test('forecasts as the stage configures', () => {
    const active = stackOf({ ...dev, forecastMode: ForecastMode.ACTIVE, serviceTime: Duration.millis(250) });
    expect(active.stack.platform.forecaster?.mode).toBe(ForecastMode.ACTIVE);
    expect(JSON.stringify(active.template.toJSON())).toContain('\\"serviceSeconds\\":0.25');
    expect(stackOf({ ...dev, forecast: false }).stack.platform.forecaster).toBeUndefined();
  });

  test('trains daily in prod and on demand elsewhere', () => {
    deployed.prod.template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'cron(0 3 * * ? *)' });
    const schedules = Object.values(deployed.dev.template.findResources('AWS::Events::Rule')).map(
      ({ Properties }) => Properties.ScheduleExpression,
    );
    expect(schedules.filter((schedule) => String(schedule).startsWith('cron'))).toEqual([]);
  });

  test('makes features where the stage wants them, behind the guard, and trains on them', () => {
    const { template, stack } = stackOf({ ...dev, features: { maxWorkers: 6, interval: Duration.hours(2) } });
    template.hasResourceProperties('AWS::EMRServerless::Application', {
      MaximumCapacity: { Cpu: '24 vCPU', Memory: '96 GB', Disk: '120 GB' },
    });
    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(2 hours)' });
    const { features } = stack.platform;
    const definitions = Object.values(template.findResources('AWS::StepFunctions::StateMachine')).map(
      ({ Properties }) => JSON.stringify(Properties),
    );
    expect(definitions).toHaveLength(2);
    for (const definition of definitions) expect(definition).toContain('dynamodb:getItem');
    const training = definitions.find((definition) => definition.includes('createTrainingJob'))!;
    expect(training).toContain(JSON.stringify(stack.resolve(features!.featuresBucket.bucketName)));
    expect(training).toContain(`/${features!.trainingPrefix}`);
    expect(Object.keys(template.findOutputs('*'))).toEqual(
      expect.arrayContaining(['FeaturesStateMachineArn', 'FeaturesBucketName']),
    );
    deployed.dev.template.resourceCountIs('AWS::EMRServerless::Application', 0);
  });

  test('keeps data and access logs in prod', () => {
    deployed.prod.template.allResources('AWS::S3::Bucket', { DeletionPolicy: 'RetainExceptOnCreate' });
    deployed.prod.template.allResources('AWS::DynamoDB::Table', { DeletionPolicy: 'RetainExceptOnCreate' });
    deployed.prod.template.resourcePropertiesCountIs('AWS::S3::Bucket', { LoggingConfiguration: Match.anyValue() }, 2);
  });

  test('keeps the data of a stage that does not say otherwise, and the access logs of every stage', () => {
    const { keepData: _, ...silent } = dev;
    const { template } = stackOf(silent);
    for (const type of ['AWS::S3::Bucket', 'AWS::DynamoDB::Table', 'AWS::Kinesis::Stream', 'AWS::KMS::Key'])
      template.allResources(type, { DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' });
    template.resourceCountIs('Custom::TidegateBucketObjects', 0);

    const logged = stackOf({ ...dev, accessLogs: true }).template.findResources('AWS::S3::Bucket');
    const keptIds = Object.keys(logged).filter((id) => logged[id]!['DeletionPolicy'] !== 'Delete');
    expect(keptIds).toEqual([expect.stringContaining('AccessLogs')]);
  });

  test('deletes all data of dev with it: every bucket is emptied, after nothing writes into it any more', () => {
    const { template } = stackOf({ ...dev, features: {} });
    const resources = template.toJSON()['Resources'] as {
      readonly [id: string]: {
        readonly Type: string;
        readonly DeletionPolicy?: string;
        readonly DependsOn?: readonly string[];
        readonly Properties: { readonly BucketName?: { readonly Ref: string } };
      };
    };
    const idsOf = (type: string): string[] => Object.keys(resources).filter((id) => resources[id]!.Type === type);
    const kept = Object.values(resources).filter(({ DeletionPolicy }) => DeletionPolicy?.startsWith('Retain'));
    // What SageMaker may still run on; the sweeper deletes it.
    expect([...new Set(kept.map(({ Type }) => Type))].sort()).toEqual([]);
    const objects = idsOf('Custom::TidegateBucketObjects');
    const emptied = objects.map((id) => resources[id]!.Properties.BucketName!.Ref);
    expect(emptied.sort()).toEqual(idsOf('AWS::S3::Bucket').sort());
    expect(emptied).toHaveLength(3);
    const writers = [...idsOf('AWS::Lambda::EventSourceMapping'), ...idsOf('AWS::StepFunctions::StateMachine')];
    const before = writers.map((id) => objects.filter((one) => resources[id]!.DependsOn?.includes(one)));
    expect(before.flat().sort()).toEqual(objects.sort());
    expect(before.every((waits) => waits.length === 1)).toBe(true);
  });

  test('notifies one topic of every alarm that is not there to scale', () => {
    const { template } = deployed.dev;
    const policies = Object.keys(template.findResources('AWS::ApplicationAutoScaling::ScalingPolicy'));
    const actions = Object.values(template.findResources('AWS::CloudWatch::Alarm'))
      .map(({ Properties }) => JSON.stringify(Properties.AlarmActions))
      .filter((action) => action !== undefined && !policies.some((policy) => action === `[{"Ref":"${policy}"}]`));
    expect(actions.length).toBeGreaterThanOrEqual(16);
    expect(new Set(actions).size).toBe(1);
  });
});

import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import {
  LanguageModelCompression,
  type LanguageModelCompressionProps,
  LanguageModelTechnique,
} from '../../lib/compression';
import { ModelRegistry } from '../../lib/training';
import { nagReport } from '../support/nag-report';

type Props = Partial<LanguageModelCompressionProps>;

function pipelineIn(stack: Stack, props: Props = {}): LanguageModelCompression {
  return new LanguageModelCompression(stack, 'Awq', {
    models: s3.Bucket.fromBucketName(stack, 'Source', 'language-models'),
    technique: LanguageModelTechnique.INT4_AWQ,
    deploymentInstanceType: 'ml.g6.12xlarge',
    maxRuntime: Duration.hours(6),
    ...props,
  });
}

function deploy(props: (stack: Stack) => Props = () => ({})) {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const pipeline = pipelineIn(stack, props(stack));
  return { stack, pipeline, template: Template.fromStack(stack) };
}

interface State {
  readonly Type: string;
  readonly Next?: string;
  readonly Seconds?: number;
  readonly Arguments?: { readonly [member: string]: unknown };
}

function statesOf(template: Template): { readonly [name: string]: State } {
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  const text = (machine!.Properties as { DefinitionString: { 'Fn::Join': [string, unknown[]] } }).DefinitionString;
  const joined = text['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'REF')).join('');
  return (JSON.parse(joined) as { States: { [name: string]: State } }).States;
}

interface Statement {
  readonly Sid?: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
}

function statementsOf(template: Template, role: string): Statement[] {
  const policies = Object.entries(template.findResources('AWS::IAM::Policy')).filter(([id]) => id.startsWith(role));
  return policies.flatMap(
    ([, { Properties }]) => (Properties as { PolicyDocument: { Statement: Statement[] } }).PolicyDocument.Statement,
  );
}

const jobOf = (template: Template) => statesOf(template)['Start the job']!.Arguments!;

describe('a compression of language models', () => {
  test('asks for a quantised model of the folder that the input names', () => {
    expect(jobOf(deploy().template)).toEqual({
      OptimizationJobName: '{% $states.input.JobName %}',
      RoleArn: 'REF',
      ModelSource: { S3: { S3Uri: '{% $states.input.Source %}' } },
      DeploymentInstanceType: 'ml.g6.12xlarge',
      OptimizationEnvironment: { HF_MODEL_ID: '/opt/ml/model' },
      OptimizationConfigs: [
        {
          ModelQuantizationConfig: {
            Image: expect.stringMatching(/^763104351884\.dkr\.ecr\.us-east-1\.amazonaws\.com\/djl-inference:.*-lmi/),
            OverrideEnvironment: { OPTION_QUANTIZE: 'awq' },
          },
        },
      ],
      OutputConfig: { S3OutputLocation: expect.stringContaining("s3://REF/models/' & $states.input.JobName & '/'") },
      StoppingCondition: { MaxRuntimeInSeconds: 21_600 },
    });
  });

  test('passes its options on', () => {
    const { template } = deploy((stack) => ({
      technique: LanguageModelTechnique.FP8,
      image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/lmi:1',
      environment: { OPTION_MAX_MODEL_LEN: '4096' },
      acceptEula: true,
      outputKey: new kms.Key(stack, 'Key'),
      vpc: new ec2.Vpc(stack, 'Vpc', { maxAzs: 1 }),
    }));
    expect(jobOf(template)).toMatchObject({
      ModelSource: { S3: { ModelAccessConfig: { AcceptEula: true } } },
      OptimizationEnvironment: { HF_MODEL_ID: '/opt/ml/model', OPTION_MAX_MODEL_LEN: '4096' },
      OptimizationConfigs: [
        {
          ModelQuantizationConfig: {
            Image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/lmi:1',
            OverrideEnvironment: { OPTION_QUANTIZE: 'fp8' },
          },
        },
      ],
      OutputConfig: { KmsKeyId: 'REF' },
      VpcConfig: { Subnets: ['REF'], SecurityGroupIds: ['REF'] },
    });
    expect(statementsOf(template, 'AwqJobPolicy').flatMap(({ Action }) => Action)).toContain(
      'ec2:CreateNetworkInterface',
    );
    const keys = statementsOf(template, 'AwqJobRoleDefaultPolicy');
    expect(keys.flatMap(({ Action }) => Action).sort()).toEqual(['kms:Decrypt', 'kms:GenerateDataKey']);
  });

  test('hosts the files of the job as they are', () => {
    expect(statesOf(deploy().template)['Register the model']!.Arguments).toMatchObject({
      EnableNetworkIsolation: true,
      PrimaryContainer: {
        Image: '{% $states.input.Image %}',
        ModelDataSource: {
          S3DataSource: { S3Uri: '{% $states.input.Data %}', S3DataType: 'S3Prefix', CompressionType: 'None' },
        },
        Environment: { HF_MODEL_ID: '/opt/ml/model', OPTION_QUANTIZE: 'awq' },
      },
    });
  });

  test('registers a version with its parent in a registry, and none without', () => {
    expect(statesOf(deploy().template)['Register the version']).toBeUndefined();
    const { template } = deploy((stack) => ({ registry: new ModelRegistry(stack, 'Registry') }));
    const version = statesOf(template)['Register the version']!.Arguments!;
    expect(version['ModelApprovalStatus']).toBe('PendingManualApproval');
    for (const name of ['optimization-job', 'quantization', 'parent-model-data', 'parent-model-package']) {
      expect(version['CustomerMetadataProperties']).toContain(`"tidegate:${name}"`);
    }
  });

  test.each([
    [6, 60],
    [28 * 24, 1210],
  ])('looks at a job of %d hours every %d seconds, within the 25,000 events of an execution', (hours, seconds) => {
    const wait = statesOf(deploy(() => ({ maxRuntime: Duration.hours(hours) })).template)['Wait']!;
    expect(wait.Seconds).toBe(seconds);
    // Nine events a look, and an hour for the instance.
    expect((((hours + 1) * 3600) / seconds) * 9).toBeLessThan(25_000);
  });

  test('asks the guard before a job where there is one', () => {
    expect(statesOf(deploy().template)['Begin']!.Next).toBe('Start the job');
    const { template } = deploy((stack) => ({ guardTable: dynamodb.Table.fromTableName(stack, 'Guard', 'guard') }));
    const states = statesOf(template);
    expect(states['Begin']!.Next).toBe('Read the guard');
    expect(states['Refused']).toMatchObject({ Type: 'Fail', Error: 'Tidegate.GrowthFrozen' });
    expect(statementsOf(template, 'AwqMachinePolicy').find(({ Sid }) => Sid === 'ReadGuard')).toBeDefined();
  });

  test('may do to its own jobs and models what its states do, and nothing else', () => {
    const { template } = deploy((stack) => ({ jobNamePrefix: 'awq', registry: new ModelRegistry(stack, 'Registry') }));
    const named = (actions: string): unknown =>
      statementsOf(template, 'AwqMachinePolicy').find(({ Action }) => String(Action) === actions)?.Resource;
    const jobs = JSON.stringify(named('sagemaker:CreateOptimizationJob,sagemaker:DescribeOptimizationJob'));
    expect(jobs).toContain(':optimization-job/awq--*');
    expect(JSON.stringify(named('sagemaker:CreateModel'))).toContain(':model/awq--*');
    const passed = statementsOf(template, 'AwqMachinePolicy').filter(({ Action }) => Action === 'iam:PassRole');
    expect(passed.map(({ Resource }) => JSON.stringify(Resource)).join()).toMatch(/JobRole.*ModelRole/);
    expect(passed).toEqual(
      passed.map((one) => ({
        ...one,
        Condition: { StringEquals: { 'iam:PassedToService': 'sagemaker.amazonaws.com' } },
      })),
    );
  });

  test('lets its jobs read the models and write below its own prefix', () => {
    const statements = statementsOf(deploy(() => ({ modelsPrefix: 'hf' })).template, 'AwqJobPolicy');
    const of = (sid: string): string => JSON.stringify(statements.find(({ Sid }) => Sid === sid)!.Resource);
    expect(of('ReadModels')).toContain(':s3:::language-models/hf/*');
    expect(of('KeepModels')).toContain('/models/*');
    deploy().template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Condition: { StringLike: { 'cloudwatch:namespace': '/aws/sagemaker/*' } } }),
        ]),
      },
    });
  });

  test('lets others start it, and counts failures', () => {
    const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
    const pipeline = pipelineIn(stack);
    pipeline.grantStart(new iam.Role(stack, 'Starter', { assumedBy: new iam.AccountRootPrincipal() }));
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: { Statement: [Match.objectLike({ Action: 'states:StartExecution' })] },
    });
    expect(pipeline.metricFailed().metricName).toBe('ExecutionsFailed');
  });

  test('has no open finding of the AwsSolutions rules', () => {
    const report = nagReport(
      (stack) =>
        void pipelineIn(stack, {
          registry: new ModelRegistry(stack, 'Registry'),
          vpc: ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
            vpcId: 'vpc-12345678',
            availabilityZones: ['us-east-1a'],
            privateSubnetIds: ['subnet-11111111'],
            privateSubnetRouteTableIds: ['rtb-11111111'],
          }),
        }),
    );
    expect(report.open).toEqual([]);
  });
});

describe('settings that SageMaker refuses', () => {
  test.each<[string, Props]>([
    [
      "technique ('int8') is not known; use LanguageModelTechnique.FP8",
      { technique: 'int8' as LanguageModelTechnique },
    ],
    [
      "deploymentInstanceType ('ml.g6.13xlarge') is none for which SageMaker optimises models; use one of the families g4dn to g7e and p4d to p6-b200, such as ml.g6.12xlarge",
      { deploymentInstanceType: 'ml.g6.13xlarge' },
    ],
    [
      "deploymentInstanceType ('ml.inf2.xlarge') has Neuron chips, for which SageMaker quantises no model; use one with GPUs",
      { deploymentInstanceType: 'ml.inf2.xlarge' },
    ],
    ['environment.OPTION_QUANTIZE is set by the pipeline; leave it out', { environment: { OPTION_QUANTIZE: 'fp8' } }],
    ['environment.A has 257 characters; at most 256 are allowed', { environment: { A: 'x'.repeat(257) } }],
    ['environment has a name of 1 characters; 1 to 256 are allowed', { environment: { ' ': 'x' } }],
    [
      'environment has 24 variables; at most 23 are allowed',
      { environment: Object.fromEntries(Array.from({ length: 24 }, (_, n) => [`V${n}`, 'x'])) },
    ],
    ['image has 256 characters; at most 255 are allowed', { image: 'x'.repeat(256) }],
    ['maxRuntime (1 s) is out of range; a minute to 28 days is allowed', { maxRuntime: Duration.seconds(1) }],
    ["jobNamePrefix ('a--b') is not allowed", { jobNamePrefix: 'a--b' }],
    ["modelsPrefix ('/hf') must be", { modelsPrefix: '/hf' }],
    ['vpcSubnets and securityGroups belong to a VPC', { securityGroups: [] }],
    ['autoDeleteObjects (true) needs removalPolicy RemovalPolicy.DESTROY', { autoDeleteObjects: true }],
  ])('are named: %s', (message, props) => {
    expect(() => deploy(() => props)).toThrow(message);
  });
});

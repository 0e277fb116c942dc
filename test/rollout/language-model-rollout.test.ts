import { App, Aws, Duration, Size, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { GpuEndpoint, ModelArtifact, ModelServer } from '../../lib/inference';
import {
  AnswerMatch,
  type LanguageModelEvaluation,
  LiveModel,
  ModelRollout,
  type ModelRolloutProps,
  PromptSchema,
} from '../../lib/rollout';
import { ModelRegistry } from '../../lib/training';

interface Given {
  readonly rollout?: Partial<ModelRolloutProps>;
  readonly languageModel?: LanguageModelEvaluation;
  readonly server?: ModelServer;
  readonly region?: string;
}

function serving({ rollout, languageModel = {}, server, region = 'us-east-1' }: Given = {}): Template {
  const stack = new Stack(new App(), 'Serving', { env: { account: '123456789012', region } });
  const models = s3.Bucket.fromBucketName(stack, 'Models', 'models');
  const live = new LiveModel(stack, 'Live', { initialModel: ModelArtifact.fromBucketPrefix(models, 'first/chat') });
  const endpoint = new GpuEndpoint(stack, 'Chat', {
    modelServer: server ?? ModelServer.lmi({ maxContextTokens: 8192 }),
    modelArtifact: live.artifact,
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
  });
  new ModelRollout(stack, 'Rollout', {
    endpoint,
    live,
    registry: ModelRegistry.fromModelPackageGroupName(stack, 'Registry', 'chat'),
    models: [s3.Bucket.fromBucketName(stack, 'Compressed', 'compressed')],
    evaluationData: s3.Bucket.fromBucketName(stack, 'Prompts', 'prompts'),
    maxRuntime: Duration.hours(2),
    languageModel,
    ...rollout,
  });
  return Template.fromStack(stack);
}

interface Job {
  readonly AlgorithmSpecification: { readonly TrainingImage: string; readonly ContainerEntrypoint: readonly string[] };
  readonly HyperParameters: { readonly [name: string]: string };
  readonly Environment: { readonly [name: string]: string };
  readonly InputDataConfig: readonly { readonly ChannelName: string; readonly InputMode: string }[];
  readonly ResourceConfig: { readonly VolumeSizeInGB: number };
  readonly EnableNetworkIsolation: boolean;
}

function jobOf(template: Template): Job {
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  const { DefinitionString: text } = machine!.Properties as { DefinitionString: { 'Fn::Join': [string, unknown[]] } };
  const flat = text['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : '<ref>')).join('');
  const { States } = JSON.parse(flat) as { States: { [name: string]: { Parameters: Job } } };
  return States['Evaluate on ml.g5.xlarge']!.Parameters;
}

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

function statementsOf(template: Template, policy: string): readonly Statement[] {
  const [, found] = Object.entries(template.findResources('AWS::IAM::Policy')).find(([id]) => id.startsWith(policy))!;
  return (found as { Properties: { PolicyDocument: { Statement: Statement[] } } }).Properties.PolicyDocument.Statement;
}

describe('the evaluation of language models', () => {
  test('runs in the image of the endpoint, with its variables, without a network, and starts the server itself', () => {
    const job = jobOf(serving());
    expect(job.AlgorithmSpecification.TrainingImage).toMatch(
      /^763104351884\.dkr\.ecr\.us-east-1\.amazonaws\.com\/djl-inference:/,
    );
    expect(job.AlgorithmSpecification.ContainerEntrypoint.slice(0, 2)).toEqual(['/bin/bash', '-c']);
    for (const part of job.AlgorithmSpecification.ContainerEntrypoint) expect(part.length).toBeLessThanOrEqual(256);
    expect(job.EnableNetworkIsolation).toBe(true);
    expect(job.Environment).toMatchObject({ HF_MODEL_ID: '/opt/ml/model', OPTION_MAX_MODEL_LEN: '8192' });
    expect(job.InputDataConfig.map(({ ChannelName }) => ChannelName)).toEqual([
      'live',
      'candidate',
      'evaluation',
      'code',
    ]);
    expect(job.HyperParameters).toEqual({
      'slice-by': 'slice',
      'price-per-hour-usd': '1.408',
      'instance-type': 'ml.g5.xlarge',
      match: 'normalized',
      'max-tokens': '256',
      concurrency: '1,2,4,8,16,32',
      'server-command': '["/usr/local/bin/dockerd-entrypoint.sh","serve"]',
      'prompt-schema': 'lmi',
      'startup-seconds': '1200',
      'request-seconds': '60',
      'load-seconds': '20',
    });
    expect(job.ResourceConfig.VolumeSizeInGB).toBe(500);
  });

  test('starts the server of vLLM by its own command, and asks it in its schema', () => {
    const { HyperParameters, Environment } = jobOf(serving({ server: ModelServer.vllm() }));
    expect(HyperParameters).toMatchObject({
      'server-command': '["/usr/local/bin/sagemaker_entrypoint.sh"]',
      'prompt-schema': 'openai',
    });
    expect(Environment).toMatchObject({ SM_VLLM_MODEL: '/opt/ml/model' });
  });

  test('has the settings, the image and the slices that are given', () => {
    const image = '123456789012.dkr.ecr.us-east-1.amazonaws.com/server:1';
    const job = jobOf(
      serving({
        rollout: { image, sliceBy: ['topic', 'language'] },
        languageModel: {
          match: AnswerMatch.CONTAINS,
          maxTokens: 16,
          concurrencies: [1, 64],
          serverCommand: ['/serve'],
          promptSchema: PromptSchema.LMI,
          startupTimeout: Duration.minutes(40),
          requestTimeout: Duration.seconds(30),
          loadDuration: Duration.minutes(1),
          volumeSize: Size.tebibytes(1),
        },
      }),
    );
    expect(job.AlgorithmSpecification.TrainingImage).toBe(image);
    expect(job.HyperParameters).toMatchObject({
      'slice-by': 'topic,language',
      match: 'contains',
      'max-tokens': '16',
      concurrency: '1,64',
      'server-command': '["/serve"]',
      'prompt-schema': 'lmi',
      'startup-seconds': '2400',
      'request-seconds': '30',
      'load-seconds': '60',
    });
    expect(job.ResourceConfig.VolumeSizeInGB).toBe(1024);
  });

  test('may make no endpoint and no model, and reads the folders of the models alone', () => {
    const template = serving();
    for (const policy of ['RolloutTrainingPolicy', 'RolloutMachineRolePolicy']) {
      const actions = statementsOf(template, policy).flatMap(({ Action }) => Action);
      expect(actions.filter((action) => /Endpoint|CreateModel|Invoke(?!Function)/.test(action))).toEqual([]);
    }
    const reads = statementsOf(template, 'RolloutTrainingPolicy').filter(({ Action }) => Action === 's3:GetObject');
    expect(JSON.stringify(reads)).toContain(':s3:::compressed/models/*');
    expect(JSON.stringify(reads)).toContain(':s3:::models/first/chat/*');
  });

  test('and the endpoint read the folder that the stack declares, and those of versions', () => {
    const template = serving();
    const statements = JSON.stringify(statementsOf(template, 'RolloutServingPolicy'));
    expect(statements).toContain(':s3:::models/first/chat/*');
    expect(statements).toContain('"s3:prefix":"first/chat/*"');
    expect(statements).toContain(':s3:::compressed/models/*');
    template.hasResourceProperties('AWS::SSM::Parameter', {
      Value: '{"bucket":"models","key":"first/chat/","maxConcurrencyPerInstance":8}',
    });
    template.hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: { ModelDataSource: { S3DataSource: { S3DataType: 'S3Prefix', CompressionType: 'None' } } },
    });
  });

  test('names the way out where the image is known only at deployment', () => {
    expect(() => serving({ region: Aws.REGION })).toThrow(
      "Serving/Rollout: image is missing, and that of the endpoint is known only at deployment; give the URI of the server's image in ECR",
    );
  });
});

test.each<[string, Given, string]>([
  ['no image of rows of features', { rollout: { languageModel: undefined } }, 'image is missing; give an image in ECR'],
  [
    'half a token',
    { languageModel: { maxTokens: 0.5 } },
    'languageModel.maxTokens (0.5) is out of range; a whole number from 1 to 1000000 is allowed',
  ],
  [
    'no concurrency',
    { languageModel: { concurrencies: [] } },
    'languageModel.concurrencies is empty; name at least one',
  ],
  [
    'too many at once',
    { languageModel: { concurrencies: [1, 999] } },
    'languageModel.concurrencies (999) is out of range',
  ],
  [
    'no time to start',
    { languageModel: { startupTimeout: Duration.seconds(0) } },
    'languageModel.startupTimeout in seconds (0) is out of range',
  ],
  [
    'a fraction of a GiB',
    { languageModel: { volumeSize: Size.mebibytes(1500) } },
    'languageModel.volumeSize in GiB (1.46484375) is out of range',
  ],
  ['no command', { languageModel: { serverCommand: [] } }, 'languageModel.serverCommand has 0 parts'],
  [
    'an image of an unknown command',
    { server: ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/own/server:1') },
    'Serving/Rollout: languageModel.serverCommand is missing: the command of server:1 is not known',
  ],
  [
    'an unknown schema',
    { languageModel: { promptSchema: 'tgi' as PromptSchema } },
    "languageModel.promptSchema ('tgi') is not known; use PromptSchema.LMI or PromptSchema.OPENAI",
  ],
  [
    'an unknown way',
    { languageModel: { match: 'near' as AnswerMatch } },
    "languageModel.match ('near') is not known; use AnswerMatch.EXACT, AnswerMatch.NORMALIZED, AnswerMatch.CONTAINS",
  ],
])('a rollout of language models refuses %s', (_, given, message) => {
  expect(() => serving(given)).toThrow(message);
});

import { App, Duration, Stack, Token } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import {
  CompressionGoal,
  CompressionPipeline,
  type CompressionPipelineProps,
  CompressionTechnique,
  ServingLayout,
} from '../../lib/compression';
import { nagReport } from '../support/nag-report';

const PYTORCH_IMAGE =
  '763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312-ubuntu22.04-sagemaker';

const bucket = (stack: Stack, name: string): s3.IBucket => s3.Bucket.fromBucketName(stack, name, name.toLowerCase());

function pipelineIn(stack: Stack, props: Partial<CompressionPipelineProps> = {}): CompressionPipeline {
  return new CompressionPipeline(stack, 'Compression', {
    models: bucket(stack, 'Models'),
    trainingData: bucket(stack, 'Rows'),
    trainingDataPrefix: 'train/',
    image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312',
    instanceTypes: ['ml.c5.xlarge', 'ml.m5.xlarge'],
    maxRuntime: Duration.hours(1),
    ...props,
  });
}

function deploy(props: (stack: Stack) => Partial<CompressionPipelineProps> = () => ({})) {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const pipeline = pipelineIn(stack, props(stack));
  return { stack, pipeline, template: Template.fromStack(stack) };
}

interface State {
  readonly Type: string;
  readonly Next?: string;
  readonly Default?: string;
  readonly Choices?: readonly object[];
  readonly Parameters?: { readonly [member: string]: unknown };
}

function statesOf(template: Template): { readonly [name: string]: State } {
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  const text = (machine!.Properties as { DefinitionString: { 'Fn::Join': [string, unknown[]] } }).DefinitionString;
  const joined = text['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'REF')).join('');
  return (JSON.parse(joined) as { States: { [name: string]: State } }).States;
}

const jobOf = (template: Template) => statesOf(template)['Train on ml.c5.xlarge']!.Parameters!;

describe('a compression pipeline', () => {
  test('tells its job where the model comes from, for the report', () => {
    expect(jobOf(deploy().template)['Environment']).toEqual({
      'TIDEGATE_MODEL_DATA_URL.$': '$$.Execution.Input.ModelDataUrl',
    });
  });

  test('compresses the model that the input of its execution names, and fails before a job starts without one', () => {
    const states = statesOf(deploy().template);
    const choice = states['Names the input a model?']!;
    const Variable = '$$.Execution.Input.ModelDataUrl';
    expect(choice.Choices).toEqual([
      {
        And: [
          { Variable, IsPresent: true },
          { Variable, IsString: true },
        ],
        Next: 'Train on ml.c5.xlarge',
      },
    ]);
    expect(states[choice.Default!]).toMatchObject({ Type: 'Fail', Error: 'Tidegate.NoModel' });
    const channels = jobOf(deploy().template)['InputDataConfig'] as { ChannelName: string; DataSource: object }[];
    expect(channels.map(({ ChannelName }) => ChannelName)).toEqual(['model', 'train']);
    expect(channels[0]!.DataSource).toEqual({
      S3DataSource: {
        S3DataType: 'S3Prefix',
        'S3Uri.$': '$$.Execution.Input.ModelDataUrl',
        S3DataDistributionType: 'FullyReplicated',
      },
    });
  });

  test('tells the job techniques, gate and goal', () => {
    const { template } = deploy((stack) => ({
      techniques: [
        CompressionTechnique.int8Dynamic(),
        CompressionTechnique.distil([64, 32]).thenInt8Static(),
        CompressionTechnique.pruneUnits({ sparsity: 0.25 }),
      ],
      gate: { maxAccuracyLoss: 0.01, minSizeRatio: 3, minSpeedup: 1.5 },
      goal: CompressionGoal.SIZE,
      modelName: 'digits',
      evaluationData: bucket(stack, 'Frozen'),
    }));
    expect(jobOf(template)['HyperParameters']).toMatchObject({
      sagemaker_program: 'compress.py',
      techniques: 'int8-dynamic,distil+int8-static,prune-structured',
      'student-hidden': '64,32',
      sparsity: '0.25',
      'max-accuracy-loss': '0.01',
      'min-size-ratio': '3',
      'min-speedup': '1.5',
      prefer: 'size',
      'model-name': 'digits',
    });
    const channels = jobOf(template)['InputDataConfig'] as { ChannelName: string }[];
    expect(channels.map(({ ChannelName }) => ChannelName)).toEqual(['model', 'train', 'evaluation']);
  });

  test('registers the compressed model for Triton', () => {
    expect(statesOf(deploy().template)['Register the model']!.Parameters).toMatchObject({
      PrimaryContainer: { Environment: { SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: 'classifier' } },
    });
  });

  test('registers the compressed model for TorchServe, with the layout that its container reads', () => {
    const { template } = deploy(() => ({
      techniques: [CompressionTechnique.unchanged(), CompressionTechnique.distil([64, 32])],
      servingLayout: ServingLayout.TORCHSERVE,
      inferenceImage: PYTORCH_IMAGE,
    }));
    const settings = jobOf(template)['HyperParameters'];
    expect(settings).toMatchObject({ techniques: 'unchanged,distil', 'serving-layout': 'torchserve' });
    expect(settings).not.toHaveProperty('model-name');
    expect(statesOf(template)['Register the model']!.Parameters).toMatchObject({
      EnableNetworkIsolation: true,
      PrimaryContainer: { Image: PYTORCH_IMAGE, Environment: { SAGEMAKER_PROGRAM: 'inference.py' } },
    });
    const policies = JSON.stringify(template.findResources('AWS::IAM::Policy'));
    expect(policies).toContain(':repository/pytorch-inference');
    expect(policies).not.toContain('sagemaker-tritonserver');
  });

  test('lets its jobs read models, rows and source, and nothing else of other buckets', () => {
    const policies = Object.entries(deploy().template.findResources('AWS::IAM::Policy'));
    const [, policy] = policies.find(([id]) => id.startsWith('CompressionJobTrainingPolicy'))!;
    const { Statement } = (
      policy.Properties as { PolicyDocument: { Statement: { Sid?: string; Resource: unknown }[] } }
    ).PolicyDocument;
    const read = JSON.stringify(Statement.find(({ Sid }) => Sid === 'ReadData')!.Resource);
    expect(read).toContain(':s3:::models/models/*');
    expect(read).toContain(':s3:::rows/train/*');
  });

  test('has no open finding of the AwsSolutions rules', () => {
    expect(nagReport((stack) => void pipelineIn(stack)).open).toEqual([]);
  });
});

describe('settings that make no sense are refused', () => {
  test.each<[string, () => Partial<CompressionPipelineProps>]>([
    ['techniques is empty', () => ({ techniques: [] })],
    ["modelName ('../x') is not allowed; use 1 to 63 letters", () => ({ modelName: '../x' })],
    ['evaluationDataPrefix is in a bucket; give evaluationData', () => ({ evaluationDataPrefix: 'frozen/' })],
    [
      'gate.minSpeedup (known at deploy time only) is out of range; 0 to 1000 is allowed; give a number that is known at synthesis',
      () => ({ gate: { minSpeedup: Token.asNumber({ Ref: 'Speedup' }) } }),
    ],
    [
      'techniques has int8-dynamic twice',
      () => ({ techniques: [CompressionTechnique.int8Dynamic(), CompressionTechnique.int8Dynamic()] }),
    ],
    [
      'techniques give sparsity as 0.2 and 0.4; one value is for all techniques of a pipeline',
      () => ({
        techniques: [
          CompressionTechnique.pruneUnits({ sparsity: 0.2 }),
          CompressionTechnique.pruneWeights({ sparsity: 0.4 }),
        ],
      }),
    ],
    ['gate.maxAccuracyLoss (2) is out of range; 0 to 1 is allowed', () => ({ gate: { maxAccuracyLoss: 2 } })],
    ['gate.minSpeedup (-1) is out of range', () => ({ gate: { minSpeedup: -1 } })],
    [
      'techniques has int8-dynamic, int8-static by default, whose INT8 is an ONNX file that PyTorch cannot load; with servingLayout TORCHSERVE take pruneWeights',
      () => ({ servingLayout: ServingLayout.TORCHSERVE, inferenceImage: PYTORCH_IMAGE }),
    ],
    [
      'techniques has distil+int8-static, whose INT8 is an ONNX file that PyTorch cannot load',
      () => ({
        servingLayout: ServingLayout.TORCHSERVE,
        inferenceImage: PYTORCH_IMAGE,
        techniques: [CompressionTechnique.distil([64]).thenInt8Static()],
      }),
    ],
    [
      'inferenceImage is missing; servingLayout TORCHSERVE needs an image with the SageMaker PyTorch container',
      () => ({ servingLayout: ServingLayout.TORCHSERVE, techniques: [CompressionTechnique.unchanged()] }),
    ],
    [
      "modelName (digits) names a model in Triton's repository; leave it out with servingLayout TORCHSERVE",
      () => ({
        servingLayout: ServingLayout.TORCHSERVE,
        inferenceImage: PYTORCH_IMAGE,
        techniques: [CompressionTechnique.unchanged()],
        modelName: 'digits',
      }),
    ],
  ])('%s', (message, props) => {
    expect(() => deploy(props)).toThrow(message);
  });

  test.each<[string, () => CompressionTechnique]>([
    [
      'int8-static is quantised already; leave int8-dynamic out',
      () => CompressionTechnique.int8Static().thenInt8Dynamic(),
    ],
    ['unchanged stands alone; take int8-static without it', () => CompressionTechnique.unchanged().thenInt8Static()],
    ['sparsity (1) must be above 0 and below 1', () => CompressionTechnique.pruneWeights({ sparsity: 1 })],
    ['hiddenWidths (0) must be whole numbers from 1', () => CompressionTechnique.distil([0])],
    ['hiddenWidths () must be whole numbers from 1', () => CompressionTechnique.distil([])],
  ])('%s', (message, technique) => {
    expect(technique).toThrow(message);
  });
});

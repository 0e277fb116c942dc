import { App, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { GpuEndpoint, ModelArtifact, ModelServer } from '../../../lib/inference';

const env = { account: '123456789012', region: 'us-east-1' };
const LANGUAGE_MODEL = { maxContextTokens: 4096, maxSequences: 8, tensorParallelDegree: 1, quantization: 'awq' };

function stackWith(modelServer: ModelServer, isolation = true): Stack {
  const stack = new Stack(new App(), 'Test', { env });
  const models = s3.Bucket.fromBucketName(stack, 'Models', 'models');
  new GpuEndpoint(stack, 'Chat', {
    modelServer,
    network: { isolation },
    modelArtifact: ModelArtifact.fromBucketPrefix(models, 'chat/'),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
  });
  return stack;
}

describe('the servers of AWS', () => {
  test.each<[string, ModelServer, string, string, { [name: string]: string } | undefined]>([
    [
      'vLLM',
      ModelServer.vllm(LANGUAGE_MODEL),
      'vllm:server-sagemaker-cuda-',
      'al2023-ami-sagemaker-inference-gpu-4-1',
      {
        SM_VLLM_MODEL: '/opt/ml/model',
        SM_VLLM_MAX_MODEL_LEN: '4096',
        SM_VLLM_MAX_NUM_SEQS: '8',
        SM_VLLM_TENSOR_PARALLEL_SIZE: '1',
        SM_VLLM_QUANTIZATION: 'awq',
      },
    ],
    [
      'LMI',
      ModelServer.lmi(LANGUAGE_MODEL),
      'djl-inference:',
      'al2023-ami-sagemaker-inference-gpu-4-1',
      {
        HF_MODEL_ID: '/opt/ml/model',
        OPTION_MAX_MODEL_LEN: '4096',
        OPTION_MAX_ROLLING_BATCH_SIZE: '8',
        OPTION_TENSOR_PARALLEL_DEGREE: '1',
        OPTION_QUANTIZE: 'awq',
      },
    ],
    [
      'Hugging Face',
      ModelServer.huggingFace(),
      'huggingface-vllm:',
      'al2023-ami-sagemaker-inference-gpu-4-1',
      { HF_MODEL_ID: '/opt/ml/model' },
    ],
    [
      'TorchServe',
      ModelServer.torchServe({ entryPoint: 'serve.py', workersPerModel: 2 }),
      'pytorch-inference:',
      'al2-ami-sagemaker-inference-gpu-3-1',
      { SAGEMAKER_PROGRAM: 'serve.py', SAGEMAKER_MODEL_SERVER_WORKERS: '2' },
    ],
  ])('%s has its image, driver and environment', (_name, server, image, ami, environment) => {
    const template = Template.fromStack(stackWith(server));
    template.hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: {
        Image: Match.stringLikeRegexp(`^763104351884\\.dkr\\.ecr\\.us-east-1\\.amazonaws\\.com/${image}`),
        Environment: environment,
      },
    });
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [Match.objectLike({ InferenceAmiVersion: ami })],
    });
  });

  test('TensorFlow Serving batches where maxBatchSize is set', () => {
    const server = ModelServer.tensorFlowServing({ defaultModelName: 'scores', maxBatchSize: 16 });
    Template.fromStack(stackWith(server)).hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: {
        Environment: {
          SAGEMAKER_TFS_DEFAULT_MODEL_NAME: 'scores',
          SAGEMAKER_TFS_ENABLE_BATCHING: 'true',
          SAGEMAKER_TFS_MAX_BATCH_SIZE: '16',
        },
      },
    });
  });

  test('warn where AWS no longer patches the image, unless a tag is named', () => {
    const warning = Match.stringLikeRegexp('AWS has not patched .* since 2026-06-30');
    Annotations.fromStack(stackWith(ModelServer.torchServe())).hasWarning('*', warning);
    Annotations.fromStack(stackWith(ModelServer.torchServe({ tag: '9.9-own' }))).hasNoWarning('*', warning);
    Annotations.fromStack(stackWith(ModelServer.vllm())).hasNoWarning('*', Match.anyValue());
  });

  test('refuse an instance that cannot hold the model', () => {
    const memory = { billionParameters: 70, layers: 80, keyValueHeads: 8, headDimension: 128 };
    expect(() => stackWith(ModelServer.vllm({ memory, maxContextTokens: 4096, maxSequences: 1 }))).toThrow(
      /ml\.g5\.xlarge cannot hold the model: weights 140\.0 GB \(70 billion × 2 bytes\)/,
    );
  });

  test.each([
    ['vLLM', (options: object) => ModelServer.vllm(options), 'SM_VLLM_TENSOR_PARALLEL_SIZE'],
    ['Hugging Face', (options: object) => ModelServer.huggingFace(options), 'SM_VLLM_TENSOR_PARALLEL_SIZE'],
    ['LMI', (options: object) => ModelServer.lmi(options), 'OPTION_TENSOR_PARALLEL_DEGREE'],
  ])('%s spreads a model over all accelerators of an instance, and is checked so', (_name, server, variable) => {
    const memory = { billionParameters: 20, layers: 32, keyValueHeads: 8, headDimension: 128 };
    const needs = { memory, maxContextTokens: 4096, maxSequences: 1 };
    const on = (options: object, ...instanceTypes: string[]): Template => {
      const stack = new Stack(new App(), 'Test', { env });
      const bucket = s3.Bucket.fromBucketName(stack, 'Models', 'models');
      new GpuEndpoint(stack, 'Chat', {
        modelServer: server(options),
        modelArtifact: ModelArtifact.fromBucketPrefix(bucket, 'chat/'),
        capacity: { pools: instanceTypes.map((instanceType) => ({ instanceType })) },
      });
      return Template.fromStack(stack);
    };
    on(needs, 'ml.g5.12xlarge', 'ml.g6.12xlarge').hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: { Environment: Match.objectLike({ [variable]: '4' }) },
    });
    on({}, 'ml.g5.xlarge').hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: { Environment: Match.objectLike({ [variable]: Match.absent() }) },
    });
    expect(() => on({ ...needs, tensorParallelDegree: 1 }, 'ml.g5.12xlarge')).toThrow(
      /above 21\.6 GB \(1 × A10G 24 GB × 0\.9\); raise tensorParallelDegree \(ml\.g5\.12xlarge has 4\), use a larger type/,
    );
    expect(() => on({}, 'ml.g6e.xlarge', 'ml.g5.12xlarge')).toThrow(
      'pools have 1 and 4 accelerators, and the model server takes one number for all of them; set tensorParallelDegree',
    );
    on({ tensorParallelDegree: 1 }, 'ml.g6e.xlarge', 'ml.g5.12xlarge');
  });

  test.each<[string, () => unknown, string]>([
    [
      'a KV cache of unknown size',
      () => ModelServer.vllm({ memory: { billionParameters: 8, layers: 32, keyValueHeads: 8, headDimension: 128 } }),
      'memory needs maxContextTokens and maxSequences',
    ],
    [
      'quantised weights that are counted as others',
      () =>
        ModelServer.vllm({
          quantization: 'awq',
          maxContextTokens: 4096,
          maxSequences: 4,
          memory: { billionParameters: 8, layers: 32, keyValueHeads: 8, headDimension: 128 },
        }),
      'give memory.bytesPerParameter (1 for 8-bit, 0.5 for 4-bit weights)',
    ],
    ['a negative degree', () => ModelServer.vllm({ tensorParallelDegree: -1.5 }), 'tensorParallelDegree (-1.5)'],
    ['a context that is no number', () => ModelServer.lmi({ maxContextTokens: Number.NaN }), 'maxContextTokens (NaN)'],
    ['no worker', () => ModelServer.torchServe({ workersPerModel: 0 }), 'workersPerModel (0)'],
    ['batches of nothing', () => ModelServer.tensorFlowServing({ maxBatchSize: 0 }), 'maxBatchSize (0)'],
    ['a model without a name', () => ModelServer.vllm({ modelId: '' }), 'modelId is empty'],
    ['a tag without a name', () => stackWith(ModelServer.triton({ tag: '' })), 'tag of ModelServer (triton) is empty'],
  ])('refuse %s', (_what, make, message) => expect(make).toThrow(message));

  test('refuse accelerators that the image is not built for, unless another tag is named', () => {
    const on = (modelServer: ModelServer): unknown =>
      new GpuEndpoint(new Stack(new App(), 'Test', { env }), 'Chat', {
        modelServer,
        capacity: { pools: [{ instanceType: 'ml.inf2.xlarge' }] },
      });
    expect(() => on(ModelServer.tensorFlowServing())).toThrow(
      /is built for gpus, ml\.inf2\.xlarge has neuron accelerators/,
    );
    expect(() =>
      on(ModelServer.tensorFlowServing({ tag: 'neuron', inferenceAmi: 'al2-ami-sagemaker-inference-neuron-2' })),
    ).not.toThrow();
  });

  test('refuse to fetch a model from behind network isolation', () => {
    const server = ModelServer.vllm({ modelId: 'meta-llama/Llama-3.1-8B-Instruct' });
    expect(() => stackWith(server)).toThrow('set network.isolation to false');
    expect(() => stackWith(server, false)).not.toThrow();
  });
});

import { App, Size, Stack } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { AsyncEndpoint, GpuEndpoint, ModelArtifact, ModelServer, SharedGpuEndpoint } from '../../../lib/inference';
import { templateOf } from '../chat-endpoint';

const capacity = { pools: [{ instanceType: 'ml.g5.xlarge' }] };

/** Warnings of a stack about models that are missing. */
function missingModels(declare: (stack: Stack) => void): string[] {
  const stack = new Stack(new App(), 'Stack', { env: { account: '123456789012', region: 'us-east-1' } });
  declare(stack);
  return Annotations.fromStack(stack)
    .findWarning('*', Match.stringLikeRegexp('has no model'))
    .map(({ id, entry }) => `${id}: ${String(entry.data)}`);
}

describe('a model server without a model', () => {
  test.each([
    ['triton', ModelServer.triton(), 'give modelArtifact or, for an image'],
    ['vllm', ModelServer.vllm(), 'give modelArtifact, or modelId of the model server, or, for an image'],
    ['lmi', ModelServer.lmi(), 'give modelArtifact, or modelId of the model server, or, for an image'],
    ['huggingFace', ModelServer.huggingFace(), 'give modelArtifact, or modelId of the model server, or, for an image'],
    ['torchServe', ModelServer.torchServe(), 'give modelArtifact or, for an image'],
    ['tensorFlowServing', ModelServer.tensorFlowServing(), 'give modelArtifact or, for an image'],
  ])('is warned of at synthesis, with the property to set: %s', (_, modelServer, wayOut) => {
    const warnings = missingModels((stack) => new GpuEndpoint(stack, 'Chat', { modelServer, capacity }));
    expect(warnings).toEqual([expect.stringMatching(/^\/Stack\/Chat: the model server \(.+\) has no model: /)]);
    expect(warnings[0]).toContain(wayOut);
  });

  test('is warned of on asynchronous and shared endpoints, further variants and shadows too', () => {
    const warnings = missingModels((stack) => {
      const modelServer = ModelServer.triton();
      const models = s3.Bucket.fromBucketName(stack, 'Models', 'models');
      const modelArtifact = ModelArtifact.fromBucket(models, 'chat/model.tar.gz');
      new AsyncEndpoint(stack, 'Films', { modelServer, capacity });
      const inferenceAmi = 'al2-ami-sagemaker-inference-gpu-3-1';
      const shared = new SharedGpuEndpoint(stack, 'Shared', { capacity, maxInstances: 2, inferenceAmi });
      shared.addModel('Part', { modelServer: ModelServer.torchServe(), memory: Size.gibibytes(4) });
      const endpoint = new GpuEndpoint(stack, 'Chat', { modelServer, modelArtifact, capacity });
      endpoint.addVariant('second', { modelServer, capacity });
      new GpuEndpoint(stack, 'Shadowed', {
        modelServer,
        modelArtifact,
        capacity,
        shadow: { modelServer, trafficPercent: 10 },
      });
    });
    const paths = warnings.map((warning) => warning.split(':')[0]);
    expect(paths.sort()).toEqual([
      '/Stack/Chat/Variant-second',
      '/Stack/Films',
      '/Stack/Shadowed',
      '/Stack/Shared/Part',
    ]);
  });

  test('is none with files, with a name to fetch, with a variable that names one, or with an image of its own', () => {
    const warnings = missingModels((stack) => {
      const models = s3.Bucket.fromBucketName(stack, 'Models', 'models');
      const network = { isolation: false };
      new GpuEndpoint(stack, 'Files', {
        modelServer: ModelServer.triton(),
        modelArtifact: ModelArtifact.fromBucket(models, 'chat/model.tar.gz'),
        capacity,
      });
      new GpuEndpoint(stack, 'Name', { modelServer: ModelServer.vllm({ modelId: 'a/b' }), capacity, network });
      const environment = { HF_MODEL_ID: 's3://models/chat/' };
      new GpuEndpoint(stack, 'Variable', { modelServer: ModelServer.lmi({ environment }), capacity, network });
      const image = '123456789012.dkr.ecr.us-east-1.amazonaws.com/chat:1';
      new GpuEndpoint(stack, 'Image', { modelServer: ModelServer.image(image), capacity });
    });
    expect(warnings).toEqual([]);
  });
});

describe('the inference AMI of a model server', () => {
  test('has to be one that SageMaker knows', () => {
    expect(() => templateOf({ modelServer: ModelServer.triton({ inferenceAmi: 'gpu-9' }) })).toThrow(
      "unknown inferenceAmi 'gpu-9'",
    );
  });

  test('has to run on the accelerators of the instances', () => {
    expect(() => templateOf({ capacity: { pools: [{ instanceType: 'ml.inf2.xlarge' }] } })).toThrow(
      /does not run on neuron instances/,
    );
  });
});

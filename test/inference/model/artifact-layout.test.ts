import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { GpuEndpoint, ModelArtifact, ModelServer, ServerlessEndpoint } from '../../../lib/inference';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-layout-'));
afterAll(() => fs.rmSync(directory, { recursive: true }));

/** Packs files of these names as a user would, with the machine's own tar. */
function archiveOf(names: readonly string[], link?: string): string {
  const folder = fs.mkdtempSync(path.join(directory, 'files-'));
  for (const name of names) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), name);
  }
  if (link !== undefined) fs.symlinkSync('elsewhere', path.join(folder, link));
  const archive = `${folder}.tar.gz`;
  expect(spawnSync('tar', ['-czf', archive, '-C', folder, '.']).status).toBe(0);
  return archive;
}

function declare(modelServer: ModelServer, archive: string): Stack {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  new GpuEndpoint(stack, 'Chat', {
    modelServer,
    modelArtifact: ModelArtifact.fromAsset(archive),
    capacity: { pools: [{ instanceType: 'ml.g6e.xlarge' }] },
  });
  return stack;
}

const TRITON = ModelServer.triton();
const TORCH = ModelServer.torchServe({ entryPoint: 'inference.py' });
const TENSOR_FLOW = ModelServer.tensorFlowServing();

describe('a local model artifact', () => {
  test.each<[string, ModelServer, string[]]>([
    ['a Triton repository', TRITON, ['chat/config.pbtxt', 'chat/1/model.onnx']],
    ['a Triton model that configures itself', TRITON, ['chat/1/model.plan']],
    [
      'the model that Triton is told of',
      ModelServer.triton({ defaultModelName: 'b' }),
      ['a/config.pbtxt', 'b/1/model.py'],
    ],
    ['a TorchServe model with its script', TORCH, ['model.pth', 'code/inference.py', 'code/requirements.txt']],
    ['a TorchServe model without one', ModelServer.torchServe(), ['model.pt']],
    ['a TensorFlow model', TENSOR_FLOW, ['1/saved_model.pb', '1/variables/variables.index']],
    ['a TensorFlow model in the folders of its exporter', TENSOR_FLOW, ['export/Servo/1700000000/saved_model.pb']],
    ['a folder in the format of Hugging Face', ModelServer.vllm(), ['config.json', 'model-00001-of-00002.safetensors']],
    ['a model of LMI with its own settings', ModelServer.lmi(), ['serving.properties']],
    [
      'anything for an image of yours',
      ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/chat:1'),
      ['whatever'],
    ],
  ])('may be %s', (_name, server, names) => {
    Template.fromStack(declare(server, archiveOf(names))).resourceCountIs('AWS::SageMaker::Model', 1);
  });

  test.each<[string, ModelServer, string[], RegExp]>([
    [
      'a repository with a folder around it',
      TRITON,
      ['model_repository/chat/config.pbtxt', 'model_repository/chat/1/model.onnx'],
      /expected <model>\/config\.pbtxt .* with no folder around them; found model_repository\/chat\//,
    ],
    [
      'a repository without the model that Triton is told of',
      ModelServer.triton({ defaultModelName: 'chat' }),
      ['other/config.pbtxt'],
      /does not have the layout that the model server reads for 'chat'/,
    ],
    ['a TorchServe model without its script', TORCH, ['model.pth'], /for 'inference\.py': expected model\.pth/],
    ['a TensorFlow model without a version', TENSOR_FLOW, ['saved_model.pb'], /expected <version>\/saved_model\.pb/],
    [
      'weights without a configuration',
      ModelServer.vllm(),
      ['chat/config.json', 'chat/model.safetensors'],
      /expected config\.json and the weights/,
    ],
    ['an empty archive', TRITON, [], /found no file/],
  ])('cannot be %s', (_name, server, names, message) => {
    expect(() => declare(server, archiveOf(names))).toThrow(message);
  });

  test('cannot hold links, which SageMaker refuses', () => {
    const archive = archiveOf(['chat/config.pbtxt'], 'weights');
    expect(() => declare(TRITON, archive)).toThrow(/has links \(weights\), which SageMaker refuses/);
  });

  test('has to be an archive in fact', () => {
    const archive = path.join(directory, 'renamed.tar.gz');
    fs.writeFileSync(archive, 'PK not an archive');
    expect(() => declare(TRITON, archive)).toThrow(
      /renamed\.tar\.gz' cannot be read \(.+\); pack it again with tar -czf/,
    );
  });

  test('is checked for shadows and serverless endpoints too', () => {
    const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
    const modelArtifact = ModelArtifact.fromAsset(archiveOf(['saved_model.pb']));
    expect(
      () =>
        new GpuEndpoint(stack, 'Chat', {
          modelServer: TRITON,
          capacity: { pools: [{ instanceType: 'ml.g6e.xlarge' }] },
          shadow: { modelServer: TENSOR_FLOW, modelArtifact },
        }),
    ).toThrow(/shadow: model artifact .* expected <version>\/saved_model\.pb/);
    expect(() => new ServerlessEndpoint(stack, 'Router', { modelServer: TENSOR_FLOW, modelArtifact })).toThrow(
      /expected <version>\/saved_model\.pb/,
    );
  });
});

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CreateEndpointCommand, CreateModelCommand, UpdateEndpointCommand } from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { ensureOnnxRuntime } from '../../../lib/emulator/model-server/onnx/onnx-runtime';
import { createConfig, EmulatedAccount, inStatus } from '../../support/emulated-account';
import { missingForModelServers } from '../../support/model-server';
import { describeWith } from '../../support/needs';

const projectDirectory = path.resolve(__dirname, '../../..');

/** Writes a network that multiplies a row of two features by weights, with the names of two classes. */
const WRITE = `
import sys
from onnx import TensorProto, helper, numpy_helper, save
import numpy
path, first, second = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
weights = numpy_helper.from_array(numpy.diag([first, second]).astype(numpy.float32), "weights")
graph = helper.make_graph([helper.make_node("MatMul", ["features", "weights"], ["scores"])], "g",
    [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 2])],
    [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])], [weights])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
`;

describeWith(missingForModelServers(), 'an endpoint with ONNX Runtime behind it', () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-artifacts-'));
  let python: string;
  let account: EmulatedAccount;
  beforeAll(async () => {
    python = await ensureOnnxRuntime({ projectDirectory });
  }, 600_000);
  beforeEach(async () => {
    const directory = fs.mkdtempSync(path.join(root, 'run-'));
    account = await EmulatedAccount.start({ onnxRuntime: { projectDirectory, python, directory } });
  });
  afterEach(() => account.stop());
  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  /** Packs a Triton repository with the network, or a damaged one, as the artifact of a model. */
  async function model(name: string, weights: readonly [number, number] | 'damaged'): Promise<void> {
    const folder = fs.mkdtempSync(path.join(root, 'repository-'));
    const version = path.join(folder, 'classifier', '1');
    fs.mkdirSync(version, { recursive: true });
    const file = path.join(version, 'model.onnx');
    if (weights === 'damaged') fs.writeFileSync(file, 'no network');
    else execFileSync(python, ['-c', WRITE, file, ...weights.map(String)]);
    fs.writeFileSync(path.join(folder, 'classifier', 'labels.txt'), 'cat\ndog\n');
    const archive = path.join(folder, 'model.tar.gz');
    execFileSync('tar', ['-czf', archive, '-C', folder, 'classifier']);
    account.engine.objects.set(`artifacts/${name}/model.tar.gz`, fs.readFileSync(archive));
    await account.sageMaker.send(
      new CreateModelCommand({
        ModelName: name,
        ExecutionRoleArn: 'arn:aws:iam::123456789012:role/model',
        PrimaryContainer: { Image: 'triton:latest', ModelDataUrl: `s3://artifacts/${name}/model.tar.gz` },
      }),
    );
  }

  const infer = async (inputs: unknown): Promise<{ readonly [name: string]: readonly unknown[] }> => {
    const body = JSON.stringify({ inputs });
    const call = new InvokeEndpointCommand({ EndpointName: 'chat', ContentType: 'application/json', Body: body });
    const { Body } = await account.finish(account.runtime.send(call));
    const { outputs } = JSON.parse(Buffer.from(Body).toString('utf8')) as {
      readonly outputs: readonly { readonly name: string; readonly data: readonly unknown[] }[];
    };
    return Object.fromEntries(outputs.map(({ name, data }) => [name, data]));
  };
  const row = (data: readonly number[]) => ({ name: 'features', datatype: 'FP32', shape: [1, data.length], data });

  test('gives the answers of the model that it serves, the old or the new one while it changes', async () => {
    await model('first', [1, 2]);
    await model('second', [5, 1]);
    await createConfig(account, 'one', { ModelName: 'first' });
    await createConfig(account, 'two', { ModelName: 'second' });
    await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'one' }));
    await inStatus(account, 'InService');
    expect(await infer([row([1, 1])])).toEqual({ scores: [1, 2], label: ['dog'] });
    await account.sageMaker.send(new UpdateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'two' }));
    expect(await infer([row([1, 1])])).toEqual({ scores: [1, 2], label: ['dog'] });
    await inStatus(account, 'InService');
    expect(await infer([row([1, 1])])).toEqual({ scores: [5, 1], label: ['cat'] });
  }, 120_000);

  test('refuses tensors that the network does not take, in its own words, and counts them', async () => {
    await model('first', [1, 2]);
    await createConfig(account, 'one', { ModelName: 'first' });
    await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'one' }));
    await inStatus(account, 'InService');
    await expect(infer([{ ...row([1, 1]), name: 'pixels' }])).rejects.toThrow("input 'features' is missing");
    await expect(infer([{ ...row([1, 1]), datatype: 'INT64' }])).rejects.toThrow('the model takes FP32');
    await expect(infer([{ ...row([1, 1]), shape: [3, 3] }])).rejects.toThrow('cannot reshape');
    await expect(infer([row([1, 1, 1])])).rejects.toThrow('features');
    await expect(infer([row([1, 1]), { name: 'more' }])).rejects.toThrow("unknown inputs ['more']");
    expect(account.emulator.snapshot().endpoints[0]!.variants[0]!.invocations).toMatchObject({
      refused: 5,
      succeeded: 0,
    });
  }, 120_000);

  test('responds with an error of the server where the artifact has no network that loads', async () => {
    await model('first', 'damaged');
    await createConfig(account, 'one', { ModelName: 'first' });
    await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'one' }));
    await inStatus(account, 'InService');
    await expect(infer([row([1, 1])])).rejects.toThrow('ONNX Runtime cannot load classifier/1/model.onnx');
    expect(account.emulator.snapshot().endpoints[0]!.variants[0]!.invocations).toMatchObject({ failed: 1 });
  }, 120_000);
});

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { InputError } from '../../../lib/core/errors';
import { type ModelRepository, openArtifact } from '../../../lib/emulator/model-server/artifact/open-artifact';
import { readPayloads, sampleRequests } from '../../../lib/emulator/model-server/artifact/sample-requests';

const projectDirectory = path.resolve(__dirname, '../../..');
let root: string;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-open-'));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const open = (location: string, modelName?: string): Promise<ModelRepository> =>
  openArtifact({ source: { location, modelName }, projectDirectory, directory: path.join(root, 'opened') });

/** Writes files into a folder of an artifact and returns it. */
function artifact(...files: readonly string[]): string {
  const folder = path.join(root, 'artifact');
  fs.mkdirSync(folder);
  for (const file of files) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), `content of ${file}`);
  }
  return folder;
}

/** Makes an archive with one member by a program, so that its name may be any. */
function archive(name: string, more = ''): string {
  const file = path.join(root, 'model.tar.gz');
  const program = `
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w:gz") as members:
    member = tarfile.TarInfo(sys.argv[2])
    content = b"x" * 100000
    member.size = len(content)
    ${more}
    members.addfile(member, io.BytesIO(content))
`;
  const { status, stderr } = spawnSync(process.env.PYTHON ?? 'python3', ['-c', program, file, name], {
    encoding: 'utf8',
  });
  expect(`${status} ${stderr}`).toBe('0 ');
  return file;
}

const filesOf = ({ directory }: ModelRepository): string[] =>
  (fs.readdirSync(directory, { recursive: true }) as string[])
    .filter((file) => fs.statSync(path.join(directory, file)).isFile())
    .sort();

describe('the repository of an artifact', () => {
  const REPOSITORY = ['tides/config.pbtxt', 'tides/labels.txt', 'tides/1/model.onnx'];

  test('is a copy of the folder that the compression pipeline writes, without its report', async () => {
    const opened = await open(artifact(...REPOSITORY, 'report.json'));
    expect(opened.model).toBe('tides');
    expect(filesOf(opened)).toEqual([...REPOSITORY].sort());
    fs.writeFileSync(path.join(opened.directory, 'tides', 'labels.txt'), 'changed');
    expect(fs.readFileSync(path.join(root, 'artifact', 'tides', 'labels.txt'), 'utf8')).toContain('content of');
  });

  test('is the content of its archive', async () => {
    const folder = artifact(...REPOSITORY);
    const file = path.join(root, 'model.tar.gz');
    expect(spawnSync('tar', ['-czf', file, '-C', folder, '.']).status).toBe(0);
    const opened = await open(file);
    expect(opened.model).toBe('tides');
    expect(filesOf(opened)).toEqual([...REPOSITORY].sort());
    const { directory, model } = opened;
    expect(fs.readFileSync(path.join(directory, model, '1', 'model.onnx'), 'utf8')).toBe(
      'content of tides/1/model.onnx',
    );
  });

  test('is made of the folder of one model, and of one ONNX file with its weights', async () => {
    const folder = artifact(...REPOSITORY, 'loose/net.onnx', 'loose/net.onnx.data');
    const one = await open(path.join(folder, 'tides'));
    expect([one.model, filesOf(one)]).toEqual(['tides', [...REPOSITORY].sort()]);
    const loose = await open(path.join(folder, 'loose'));
    expect([loose.model, filesOf(loose)]).toEqual(['model', ['model/1/model.onnx', 'model/1/net.onnx.data']]);
  });

  test('has the model that is named where there are several', async () => {
    const folder = artifact('a/config.pbtxt', 'b/config.pbtxt');
    expect(await open(folder, 'b')).toMatchObject({ model: 'b' });
    await expect(open(folder)).rejects.toThrow('it has 2 models, a, b; say with --model-name which responds');
    await expect(open(folder, 'c')).rejects.toThrow("there is no model 'c' (--model-name); it has a, b");
  });
});

describe('an artifact is refused', () => {
  test.each<[string, () => string, string]>([
    ['that is not there', () => path.join(root, 'none'), 'there is no such file or folder'],
    ['without files', () => artifact(), 'it has no config.pbtxt and no ONNX file'],
    ['without a configuration and a network', () => artifact('weights.bin'), 'It has weights.bin'],
    ['with two networks', () => artifact('a.onnx', 'b.onnx'), 'it has 2 ONNX files and no config.pbtxt'],
    [
      "in the layout of SageMaker's PyTorch container",
      () => artifact('model.pt', 'code/inference.py', 'labels.txt'),
      'compress the model with ServingLayout.TRITON',
    ],
    ['with its configuration at the top of the archive', () => archive('config.pbtxt'), 'so pack that folder'],
    ['whose member leaves the folder', () => archive('../outside/model.onnx'), 'would be written outside'],
    ['whose member has an absolute path', () => archive('/etc/model.onnx'), 'would be written outside'],
    [
      'whose member is a link',
      () =>
        archive('tides/model.onnx', 'member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0'),
      "'tides/model.onnx' is a link",
    ],
    [
      'that is no archive',
      () => {
        fs.writeFileSync(path.join(root, 'model.tar.gz'), 'no archive');
        return path.join(root, 'model.tar.gz');
      },
      'it cannot be unpacked',
    ],
    [
      'that is a network itself',
      () => {
        fs.writeFileSync(path.join(root, 'tides.onnx'), 'a network');
        return path.join(root, 'tides.onnx');
      },
      'give the folder of a model, also for a single ONNX file, or its model.tar.gz',
    ],
    [
      'that is cut off',
      () => {
        const file = archive('tides/1/model.onnx', 'import os; content = os.urandom(len(content))');
        fs.truncateSync(file, fs.statSync(file).size - 5_000);
        return file;
      },
      'it cannot be unpacked',
    ],
  ])('%s', async (_what, make, message) => {
    const location = make();
    const error = await open(location).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toContain(`--model ${location}: `);
    expect((error as Error).message).toContain(message);
    expect(fs.existsSync(path.join(root, 'outside'))).toBe(false);
  });
});

describe('requests for a model', () => {
  const input = (dims: readonly (number | string)[], data_type = 'TYPE_FP32') => ({ name: 'x', data_type, dims });
  const first = (text: string) => (JSON.parse(text) as { inputs: { shape: number[]; data: unknown[] }[] }).inputs[0]!;

  test('have the name, the shape and the type of its inputs', () => {
    const made = sampleRequests({ max_batch_size: 8, input: [input([2, '3'])] }, 1).map(({ body }) => first(body));
    expect(made[0]).toMatchObject({ name: 'x', shape: [1, 2, 3], datatype: 'FP32' });
    expect(made[0]!.data).toHaveLength(6);
    expect(new Set(made.map(({ data }) => data.join())).size).toBe(made.length);
    expect(first(sampleRequests({ input: [input([4])] }, 1)[0]!.body)).toMatchObject({ shape: [4] });
    expect(first(sampleRequests({ input: [input([-1, 4])] }, 1)[0]!.body)).toMatchObject({ shape: [1, 4] });
    const typed = (type: string) => first(sampleRequests({ input: [input([4], type)] }, 1)[0]!.body);
    expect(typed('TYPE_STRING')).toMatchObject({ datatype: 'BYTES', data: ['text', 'text', 'text', 'text'] });
    expect(typed('TYPE_INT64').data.every((one) => one === 0 || one === 1)).toBe(true);
    expect(typed('TYPE_BOOL').data.every((one) => typeof one === 'boolean')).toBe(true);
  });

  test('cannot be made for a dynamic shape', () => {
    expect(() => sampleRequests({ max_batch_size: 8, input: [input([-1])] }, 1)).toThrow(
      "the input 'x' has the dynamic shape [-1], so no request can be made for it; give requests of yours with --payload FILE",
    );
    expect(() => sampleRequests({ input: [input([-1, -1])] }, 1)).toThrow('--payload FILE');
  });

  test('are read from a file, whose wrong lines are named', () => {
    const file = path.join(root, 'payload.jsonl');
    const write = (text: string): string => {
      fs.writeFileSync(file, text);
      return file;
    };
    expect(readPayloads(write('{"inputs": [1]}\n\n{"inputs": [2]}\n'))).toEqual([
      { body: '{"inputs": [1]}', place: `${file}:1` },
      { body: '{"inputs": [2]}', place: `${file}:3` },
    ]);
    expect(readPayloads(write('{\n  "inputs": []\n}\n'))).toEqual([{ body: '{\n  "inputs": []\n}', place: file }]);
    expect(() => readPayloads(write('{}\n[1, 2]\n'))).toThrow(`--payload ${file}:2: expected the JSON body`);
    expect(() => readPayloads(write('  \n'))).toThrow('it is empty');
    expect(() => readPayloads(write('{}\n'.repeat(1001)))).toThrow('it has 1001 requests; at most 1000');
    expect(() => readPayloads(root)).toThrow('it cannot be read (EISDIR)');
  });
});

import * as fs from 'node:fs';
import * as path from 'node:path';
import { COMMANDS } from '../../bin/command-list';
import { projectDirectory } from '../architecture/imports';

interface Metafile {
  readonly outputs: {
    readonly [file: string]: {
      readonly bytes: number;
      readonly entryPoint?: string;
      readonly imports: readonly { readonly path: string; readonly kind: string; readonly external?: true }[];
      readonly inputs: { readonly [file: string]: { readonly bytesInOutput: number } };
    };
  };
}

function metafile(name: string): Metafile {
  return JSON.parse(fs.readFileSync(path.join(projectDirectory, 'dist', 'meta', `${name}.json`), 'utf8')) as Metafile;
}

function inputsOf(name: string): [string, number][] {
  return Object.values(metafile(name).outputs).flatMap((output) =>
    Object.entries(output.inputs).map(([file, { bytesInOutput }]): [string, number] => [file, bytesInOutput]),
  );
}

/** Sources and bytes that Node.js reads for an entry point of the command line, without what is loaded later. */
function filesRead(entryPoint: string): { readonly inputs: readonly string[]; readonly bytes: number } {
  const { outputs } = metafile('command-line');
  const [entry] = Object.keys(outputs).filter((file) => outputs[file]!.entryPoint === entryPoint);
  const read = new Set<string>();
  const add = (file: string): void => {
    if (read.has(file)) return;
    read.add(file);
    for (const { path: imported, kind, external } of outputs[file]!.imports)
      if (kind === 'import-statement' && external !== true) add(imported);
  };
  add(entry!);
  const files = [...read].map((file) => outputs[file]!);
  return {
    inputs: files.flatMap(({ inputs }) => Object.keys(inputs)),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

const handlers = fs
  .readdirSync(path.join(projectDirectory, 'lambda'))
  .filter((name) => fs.existsSync(path.join(projectDirectory, 'lambda', name, 'index.ts')));

/** What a handler may weigh without the AWS SDK and the client of Kafka: larger means that a room's index came along. */
const OWN_CODE_LIMIT_BYTES = 70_000;

describe('the bundle', () => {
  test('exists for every handler of the platform', () => {
    expect(handlers).toEqual(
      expect.arrayContaining(['capacity-forecaster', 'cost-guard', 'scale-events', 'stream-consumer']),
    );
  });

  test.each(handlers)('of %s contains no part of the CDK', (name) => {
    const cdk = inputsOf(`handler-${name}`).filter(([file]) =>
      /node_modules\/(aws-cdk-lib|constructs|cdk-nag)\//.test(file),
    );
    expect(cdk).toEqual([]);
  });

  test.each(handlers)('of %s stays small apart from the AWS SDK and the client of Kafka', (name) => {
    const own = inputsOf(`handler-${name}`).filter(
      ([file]) => !/node_modules\/(@aws-sdk|@smithy|@aws-crypto|@aws|tslib|kafkajs)/.test(file),
    );
    expect(own.reduce((sum, [, bytes]) => sum + bytes, 0)).toBeLessThan(OWN_CODE_LIMIT_BYTES);
  });

  test('has the client of Kafka only where a handler is one', () => {
    const clients = handlers.filter((name) =>
      inputsOf(`handler-${name}`).some(([file]) => file.startsWith('node_modules/kafkajs/')),
    );
    expect(clients).toEqual(['kafka-redrive', 'result-sink']);
  });

  test('of the command line reads little before it knows the command', () => {
    const files = filesRead('bin/tidegate.ts');
    expect(files.inputs.filter((file) => /^(lib\/(?!core\/)|bin\/commands\/)/.test(file))).toEqual([]);
    expect(files.bytes).toBeLessThan(120_000);
  });

  test.each(COMMANDS.map(({ name }) => (name === 'version' ? 'help' : name)))(
    'of %s is read without the code of other commands, the engine and the AWS SDK',
    (name) => {
      const { inputs, bytes } = filesRead(`bin/commands/${name}.ts`);
      const others = COMMANDS.filter((other) => other.name !== name).map((other) => `bin/commands/${other.name}.ts`);
      expect(inputs.filter((file) => others.includes(file))).toEqual([]);
      const unwanted = /^(node_modules\/(zod|@aws-sdk|@smithy)|lib\/emulator\/(cloudformation|sagemaker))\//;
      expect(inputs.filter((file) => unwanted.test(file))).toEqual([]);
      expect(bytes).toBeLessThan(1_000_000);
    },
  );

  test('of the command line contains no part of the CDK', () => {
    expect(inputsOf('command-line').filter(([file]) => /node_modules\/(aws-cdk-lib|constructs)\//.test(file))).toEqual(
      [],
    );
  });
});

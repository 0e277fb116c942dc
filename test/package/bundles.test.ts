import * as fs from 'node:fs';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';

interface Metafile {
  readonly outputs: {
    readonly [file: string]: {
      readonly bytes: number;
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

const handlers = fs
  .readdirSync(path.join(projectDirectory, 'lambda'))
  .filter((name) => fs.existsSync(path.join(projectDirectory, 'lambda', name, 'index.ts')));

/** What a handler may weigh without the AWS SDK: larger means that a room's index came along. */
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

  test.each(handlers)('of %s stays small apart from the AWS SDK', (name) => {
    const own = inputsOf(`handler-${name}`).filter(
      ([file]) => !/node_modules\/(@aws-sdk|@smithy|@aws-crypto|@aws|tslib)/.test(file),
    );
    expect(own.reduce((sum, [, bytes]) => sum + bytes, 0)).toBeLessThan(OWN_CODE_LIMIT_BYTES);
  });

  test('of the command line contains no part of the CDK', () => {
    expect(inputsOf('command-line').filter(([file]) => /node_modules\/(aws-cdk-lib|constructs)\//.test(file))).toEqual(
      [],
    );
  });
});

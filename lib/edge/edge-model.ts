import * as fs from 'node:fs';
import * as path from 'node:path';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { InputError } from '../core/errors';

/** Settings of an {@link EdgeModel}. */
export interface EdgeModelOptions {
  /**
   * Accept only a model whose `report.json` says that the gate of a `CompressionPipeline` let it through. Devices check it too.
   *
   * @default true
   */
  readonly gated?: boolean;
}

interface EdgeModelSource {
  readonly directory?: string;
  readonly bucket?: s3.IBucket;
  readonly key?: string;
  readonly gated: boolean;
}

/**
 * Model for devices: an ONNX file whose only input is a matrix of float features, `labels.txt` with a label a line, and the `report.json` of its
 * compression.
 */
export class EdgeModel {
  /**
   * Model in a folder of this machine, with the three files anywhere below it. It is uploaded with the stack.
   *
   * @param directory path of the folder
   * @param options other settings
   */
  public static fromDirectory(directory: string, options: EdgeModelOptions = {}): EdgeModel {
    return new EdgeModel({ directory, gated: options.gated ?? true });
  }

  /**
   * Artifact of a `CompressionPipeline`: `models/JOB/output/model.tar.gz` in its `modelBucket`. The name of the job makes it unchangeable.
   *
   * @param bucket bucket of the artifact
   * @param key key of the artifact
   * @param options other settings
   */
  public static fromBucket(bucket: s3.IBucket, key: string, options: EdgeModelOptions = {}): EdgeModel {
    return new EdgeModel({ bucket, key, gated: options.gated ?? true });
  }

  /** @internal */
  public readonly _source: EdgeModelSource;

  private constructor(source: EdgeModelSource) {
    this._source = source;
  }

  /** @internal */
  public _check(): string[] {
    const { directory, key, gated } = this._source;
    if (key !== undefined) {
      if (/(^|\/)model\.tar\.gz$/.test(key)) return [];
      return [
        `model: the key '${key}' is no model.tar.gz; give the artifact of a pipeline, models/JOB/output/model.tar.gz`,
      ];
    }
    return checkDirectory(directory!, gated);
  }
}

function checkDirectory(directory: string, gated: boolean): string[] {
  if (!fs.existsSync(directory)) return [`model: the folder ${directory} does not exist; check the path`];
  const files = fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  const problems: string[] = [];
  const count = (what: string, found: readonly string[]): void => {
    if (found.length !== 1) problems.push(`model: ${directory} has ${found.length} files ${what}; a model has one`);
  };
  count(
    '*.onnx',
    files.filter((file) => file.endsWith('.onnx')),
  );
  count(
    'labels.txt',
    files.filter((file) => path.basename(file) === 'labels.txt'),
  );
  if (!gated) return problems;
  const report = files.find((file) => path.basename(file) === 'report.json');
  if (report === undefined) {
    problems.push(
      `model: ${directory} has no report.json, by which a CompressionPipeline says that its gate let the model through; ` +
        'deploy its artifact, or say gated: false',
    );
  } else problems.push(...checkReport(report));
  return problems;
}

interface CompressionReport {
  readonly chosen?: string | null;
  readonly models?: { readonly [name: string]: { readonly refusedFor?: readonly string[] } };
}

function checkReport(file: string): string[] {
  let report: CompressionReport;
  try {
    report = JSON.parse(fs.readFileSync(file, 'utf8')) as CompressionReport;
  } catch (error) {
    throw new InputError(`model: ${file} is not JSON: ${(error as Error).message}`);
  }
  const { chosen, models = {} } = report;
  if (chosen === undefined || chosen === null) return [`model: ${file} names no model that the gate let through`];
  const refused = models[chosen]?.refusedFor ?? [];
  return refused.length === 0
    ? []
    : [`model: the gate refused ${chosen}: ${refused.join(', ')}; train or compress again`];
}

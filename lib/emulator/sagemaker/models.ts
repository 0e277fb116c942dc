import type { EpochSeconds } from '../../core/time';
import { sageMakerArn } from '../account/arns';
import type { EngineClient } from '../engine/engine-client';
import type { ModelData } from '../model-server/onnx/artifact-models';
import { parseWith } from '../http/schema-parts';
import { parseS3Location, s3UriOf } from '../account/s3-location';
import { validationError } from '../http/service-error';
import { type ModelRequest, modelSchema } from './schemas';

export interface StoredModel {
  readonly request: ModelRequest;
  readonly arn: string;
  readonly createdAt: EpochSeconds;
}

/** The models of the account. */
export class Models {
  private readonly stored = new Map<string, StoredModel>();

  public constructor(private readonly engine: EngineClient) {}

  /** Creates a model; its data must exist, as on AWS. */
  public async create(input: unknown, at: EpochSeconds): Promise<StoredModel> {
    const request = parseWith(modelSchema, input);
    const arn = sageMakerArn('model', request.ModelName);
    const refuseExisting = (): void => {
      if (this.stored.has(request.ModelName)) throw validationError(`Cannot create already existing model "${arn}".`);
    };
    refuseExisting();
    const containers = request.PrimaryContainer ? [request.PrimaryContainer] : request.Containers!;
    for (const container of containers) {
      if (container.Image === undefined) throw validationError('a container needs an Image');
      const data = container.ModelDataUrl ?? container.ModelDataSource?.S3DataSource.S3Uri;
      if (data !== undefined) await this.checkData(data);
    }
    refuseExisting();
    const model = { request, arn, createdAt: at };
    this.stored.set(request.ModelName, model);
    return model;
  }

  public describe(name: string): StoredModel {
    const model = this.stored.get(name);
    if (!model) throw validationError(`Could not find model "${sageMakerArn('model', name)}".`);
    return model;
  }

  /** Location of the data of a model's first container; undefined where it has none. */
  public dataOf(name: string): ModelData | undefined {
    const { PrimaryContainer, Containers } = this.describe(name).request;
    const container = PrimaryContainer ?? Containers?.[0];
    const source = container?.ModelDataSource?.S3DataSource;
    const uri = container?.ModelDataUrl ?? source?.S3Uri;
    if (uri === undefined) return undefined;
    return { ...parseS3Location(uri), isArchive: source === undefined || source.CompressionType === 'Gzip' };
  }

  public has(name: string): boolean {
    return this.stored.has(name);
  }

  public delete(name: string): void {
    this.describe(name);
    this.stored.delete(name);
  }

  public list(): StoredModel[] {
    return [...this.stored.values()];
  }

  /** Throws when there is no data; a key that ends with a slash, or that names no object, is a prefix. */
  private async checkData(uri: string): Promise<void> {
    const location = parseS3Location(uri);
    const { bucket, key } = location;
    let found: boolean;
    try {
      found =
        (key !== '' && !key.endsWith('/') && (await this.engine.objectExists(bucket, key))) ||
        (await this.hasObjects(bucket, key));
    } catch (error) {
      throw validationError(`Could not access model data at ${s3UriOf(location)}: ${(error as Error).message}`);
    }
    if (!found)
      throw validationError(
        `Could not access model data at ${s3UriOf(location)}. Please ensure that the object exists.`,
      );
  }

  private async hasObjects(bucket: string, prefix: string): Promise<boolean> {
    return (await this.engine.listObjects(bucket, prefix)).length > 0;
  }
}

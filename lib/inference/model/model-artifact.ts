import * as fs from 'node:fs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as assets from 'aws-cdk-lib/aws-s3-assets';
import type { Construct } from 'constructs';
import { InputError } from '../../core/errors';

/** Location of a model artifact in S3. */
export interface ModelArtifactConfig {
  /** Bucket of the artifact. */
  readonly bucket: s3.IBucket;

  /** Key of the object, or prefix of several objects (ending with `/`). */
  readonly key: string;

  /** True if `key` is a prefix of uncompressed files instead of one archive. */
  readonly isPrefix: boolean;
}

/** Files of a model, which SageMaker puts into `/opt/ml/model`. */
export abstract class ModelArtifact {
  /** Archive (`.tar.gz`) in a bucket; it is unpacked on every new instance. */
  public static fromBucket(bucket: s3.IBucket, key: string): ModelArtifact {
    return new ObjectArtifact(bucket, key);
  }

  /** Files below a prefix of a bucket, uncompressed: the faster choice for large models, as nothing needs to be unpacked. */
  public static fromBucketPrefix(bucket: s3.IBucket, prefix: string): ModelArtifact {
    return new PrefixArtifact(bucket, prefix);
  }

  /**
   * Local archive (`.tar.gz`), uploaded with the deployment. Up to 256 MiB its content is checked when the stack is synthesized: links, and
   * layouts that the model server does not read, are refused.
   */
  public static fromAsset(archive: string): ModelArtifact {
    return new AssetArtifact(archive);
  }

  /**
   * Archive on this machine, where the artifact is one.
   *
   * @internal
   */
  public get _localArchive(): string | undefined {
    return undefined;
  }

  /** Binds the artifact to the construct that hosts the model. */
  public abstract bind(scope: Construct): ModelArtifactConfig;
}

class ObjectArtifact extends ModelArtifact {
  public constructor(
    private readonly bucket: s3.IBucket,
    private readonly key: string,
  ) {
    super();
    if (key === '')
      throw new InputError(
        'the key of the model artifact is empty; name the object, for example models/chat/model.tar.gz',
      );
  }

  public bind(_scope: Construct): ModelArtifactConfig {
    return { bucket: this.bucket, key: this.key, isPrefix: false };
  }
}

class PrefixArtifact extends ModelArtifact {
  public constructor(
    private readonly bucket: s3.IBucket,
    private readonly prefix: string,
  ) {
    super();
    if (prefix === '')
      throw new InputError('the prefix of the model artifact is empty; name the folder, for example models/chat/');
  }

  public bind(_scope: Construct): ModelArtifactConfig {
    return { bucket: this.bucket, key: this.prefix.endsWith('/') ? this.prefix : `${this.prefix}/`, isPrefix: true };
  }
}

class AssetArtifact extends ModelArtifact {
  private asset?: assets.Asset;

  public constructor(private readonly archive: string) {
    super();
    if (!archive.endsWith('.tar.gz')) {
      throw new InputError(
        `model artifact '${archive}' is not a .tar.gz archive, the only format that SageMaker unpacks; pack it with tar -czf`,
      );
    }
    if (!fs.existsSync(archive)) throw new InputError(`model artifact '${archive}' does not exist; check the path`);
  }

  /** @internal */
  public get _localArchive(): string | undefined {
    return this.archive;
  }

  public bind(scope: Construct): ModelArtifactConfig {
    this.asset ??= new assets.Asset(scope, 'ModelArtifact', { path: this.archive });
    return { bucket: this.asset.bucket, key: this.asset.s3ObjectKey, isPrefix: false };
  }
}

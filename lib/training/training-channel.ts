import type * as s3 from 'aws-cdk-lib/aws-s3';
import { InputError } from '../core/errors';

/** Way in which a job gets the objects of a channel. */
export enum ChannelInputMode {
  /** Downloaded before the script starts. */
  FILE = 'File',
  /** Files that are read from S3 while the script reads them. */
  FAST_FILE = 'FastFile',
}

/** File system of a channel. */
export enum ChannelFileSystem {
  /** Amazon EFS. */
  EFS = 'EFS',
  /** Amazon FSx for Lustre. */
  FSX_LUSTRE = 'FSxLustre',
}

/** Artifact in the input of an execution, in the context object of Step Functions. */
const MODEL_DATA_URL = '$$.Execution.Input.ModelDataUrl';

/** Options of a channel in S3. */
export interface BucketChannelOptions {
  /**
   * Key prefix of the objects.
   *
   * @default - all objects of the bucket
   */
  readonly prefix?: string;

  /**
   * Media type of the objects, told to the script.
   *
   * @default - none
   */
  readonly contentType?: string;

  /**
   * Way in which the job gets them.
   *
   * @default ChannelInputMode.FAST_FILE
   */
  readonly inputMode?: ChannelInputMode;

  /**
   * True to give each instance its own part of the objects, false to give all to each.
   *
   * @default false
   */
  readonly sharded?: boolean;
}

/** Options of a channel in a file system. */
export interface FileSystemChannelOptions {
  /** Id of the file system, `fs-` and hexadecimal digits. */
  readonly fileSystemId: string;

  /** Kind of file system. */
  readonly fileSystem: ChannelFileSystem;

  /** Folder of the channel, absolute; of FSx for Lustre it begins with the mount name. */
  readonly directoryPath: string;

  /**
   * True to let the job write to the file system.
   *
   * @default false
   */
  readonly writable?: boolean;
}

/**
 * Input channel of a training job, which the script finds in `SM_CHANNEL_<NAME>`.
 *
 * @example
 * training.TrainingChannel.fromBucket(s3.Bucket.fromBucketName(this, 'Images', 'images'), { prefix: 'train/', sharded: true });
 */
export class TrainingChannel {
  /**
   * Channel of the objects in a bucket, or below a prefix of it.
   *
   * @param bucket bucket of the objects
   * @param options prefix, media type, and the way to the instances
   */
  public static fromBucket(bucket: s3.IBucket, options: BucketChannelOptions = {}): TrainingChannel {
    return new TrainingChannel({ bucket, ...options }, undefined);
  }

  /**
   * Channel of a folder in EFS or FSx for Lustre. The pipeline then needs a `vpc` from which the file system is reachable.
   *
   * @param options the file system, and the folder in it
   */
  public static fromFileSystem(options: FileSystemChannelOptions): TrainingChannel {
    if (!/^fs-[0-9a-f]{8,}$/.test(options.fileSystemId)) {
      throw new InputError(
        `fileSystemId ('${options.fileSystemId}') is no file system; expected is fs-0123456789abcdef0`,
      );
    }
    if (!options.directoryPath.startsWith('/')) {
      throw new InputError(`directoryPath ('${options.directoryPath}') is not absolute; begin it with /`);
    }
    return new TrainingChannel(undefined, options);
  }

  /**
   * Channel of the artifact that the input of the execution names: `{"ModelDataUrl": "s3://bucket/models/job/output/model.tar.gz"}`, which is
   * what the output of a `TrainingPipeline` has. An execution without it fails before a job starts. The script finds the location itself in
   * `TIDEGATE_MODEL_DATA_URL`.
   *
   * @param bucket bucket of the artifacts
   * @param prefix key prefix below which the artifacts lie, and the job may read
   */
  public static fromExecutionInput(bucket: s3.IBucket, prefix: string): TrainingChannel {
    return new TrainingChannel({ bucket, prefix, inputMode: ChannelInputMode.FILE }, undefined, MODEL_DATA_URL);
  }

  /** @internal */
  public readonly _inputPath: string | undefined;

  /** @internal */
  public readonly _bucket: ({ readonly bucket: s3.IBucket } & BucketChannelOptions) | undefined;

  /** @internal */
  public readonly _fileSystem: FileSystemChannelOptions | undefined;

  private constructor(
    bucket: ({ readonly bucket: s3.IBucket } & BucketChannelOptions) | undefined,
    fileSystem: FileSystemChannelOptions | undefined,
    inputPath?: string,
  ) {
    this._inputPath = inputPath;
    this._bucket = bucket;
    this._fileSystem = fileSystem;
  }

  /** @internal */
  public _render(name: string): object {
    if (this._fileSystem !== undefined) {
      const { fileSystemId, fileSystem, directoryPath, writable } = this._fileSystem;
      return {
        ChannelName: name,
        DataSource: {
          FileSystemDataSource: {
            FileSystemId: fileSystemId,
            FileSystemType: fileSystem,
            FileSystemAccessMode: writable === true ? 'rw' : 'ro',
            DirectoryPath: directoryPath,
          },
        },
      };
    }
    const { bucket, prefix = '', contentType, inputMode = ChannelInputMode.FAST_FILE, sharded = false } = this._bucket!;
    return {
      ChannelName: name,
      ...(contentType === undefined ? {} : { ContentType: contentType }),
      InputMode: inputMode,
      DataSource: {
        S3DataSource: {
          S3DataType: 'S3Prefix',
          ...(this._inputPath === undefined
            ? { S3Uri: `s3://${bucket.bucketName}/${prefix}` }
            : { 'S3Uri.$': this._inputPath }),
          S3DataDistributionType: sharded ? 'ShardedByS3Key' : 'FullyReplicated',
        },
      },
    };
  }
}

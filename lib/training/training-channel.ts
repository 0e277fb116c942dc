import type * as s3 from 'aws-cdk-lib/aws-s3';
import { InputError } from '../core/errors';

/** Way in which a job gets the objects of a channel. */
export enum ChannelInputMode {
  /** Downloaded before the script starts. */
  FILE = 'File',
  /** Files that are read from S3 while the script reads them. */
  FAST_FILE = 'FastFile',
  /** A named pipe that the script reads once an epoch. */
  PIPE = 'Pipe',
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

  /**
   * Names of the `instanceGroups` that get the objects, at most 5.
   *
   * @default - all instances
   */
  readonly instanceGroups?: string[];

  /**
   * Seed by which the objects are shuffled.
   *
   * @default - the order of their keys
   */
  readonly shuffleSeed?: number;

  /**
   * True for objects compressed by gzip, which a pipe decompresses. For `ChannelInputMode.PIPE` only.
   *
   * @default false
   */
  readonly gzipped?: boolean;

  /**
   * True to wrap each object in a RecordIO record. For `ChannelInputMode.PIPE` only.
   *
   * @default false
   */
  readonly recordIo?: boolean;

  /**
   * True to accept the licence of the model that lies there, such as one of JumpStart.
   *
   * @default - no licence is accepted
   */
  readonly acceptEula?: boolean;

  /**
   * ARN of the entry of a private hub that refers to the model.
   *
   * @default - none
   */
  readonly hubContentArn?: string;
}

/** Options of a channel whose objects a manifest lists. */
export interface ManifestChannelOptions extends BucketChannelOptions {
  /** Key of the manifest. The job may read the objects below `prefix`, which has to contain those that the manifest lists. */
  readonly manifestKey: string;

  /**
   * Attributes to read from each line, at most 16. With them the manifest is an augmented one, in JSON lines, for `ChannelInputMode.PIPE` only.
   *
   * @default - a plain manifest
   */
  readonly attributeNames?: string[];
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

/** Objects of a channel in S3. */
interface BucketChannel extends BucketChannelOptions {
  readonly bucket: s3.IBucket;
  readonly manifestKey?: string;
  readonly attributeNames?: string[];
}

/** Limits of Channel and S3DataSource in the API reference. */
const MAX_GROUPS = 5;
const MAX_ATTRIBUTES = { names: 16, characters: 256 };

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
   * Channel of the objects that a manifest lists.
   *
   * @param bucket bucket of the manifest and the objects
   * @param options key of the manifest, and what holds for the objects
   */
  public static fromManifest(bucket: s3.IBucket, options: ManifestChannelOptions): TrainingChannel {
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
  public readonly _bucket: BucketChannel | undefined;

  /** @internal */
  public readonly _fileSystem: FileSystemChannelOptions | undefined;

  private constructor(
    bucket: BucketChannel | undefined,
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
    const channel = this._bucket!;
    const { inputMode = ChannelInputMode.FAST_FILE } = channel;
    return {
      ChannelName: name,
      ...(channel.contentType === undefined ? {} : { ContentType: channel.contentType }),
      ...(channel.gzipped === true ? { CompressionType: 'Gzip' } : {}),
      ...(channel.recordIo === true ? { RecordWrapperType: 'RecordIO' } : {}),
      InputMode: inputMode,
      ...(channel.shuffleSeed === undefined ? {} : { ShuffleConfig: { Seed: channel.shuffleSeed } }),
      DataSource: { S3DataSource: this.s3DataSource(channel) },
    };
  }

  private s3DataSource(channel: BucketChannel): object {
    const { bucket, prefix = '', manifestKey, attributeNames, instanceGroups, acceptEula, hubContentArn } = channel;
    const listedBy = attributeNames === undefined ? 'ManifestFile' : 'AugmentedManifestFile';
    return {
      S3DataType: manifestKey === undefined ? 'S3Prefix' : listedBy,
      ...(this._inputPath === undefined
        ? { S3Uri: `s3://${bucket.bucketName}/${manifestKey ?? prefix}` }
        : { 'S3Uri.$': this._inputPath }),
      S3DataDistributionType: channel.sharded === true ? 'ShardedByS3Key' : 'FullyReplicated',
      ...(attributeNames === undefined ? {} : { AttributeNames: attributeNames }),
      ...(instanceGroups === undefined ? {} : { InstanceGroupNames: instanceGroups }),
      ...(acceptEula === undefined ? {} : { ModelAccessConfig: { AcceptEula: acceptEula } }),
      ...(hubContentArn === undefined ? {} : { HubAccessConfig: { HubContentArn: hubContentArn } }),
    };
  }

  /**
   * Objects that the job reads.
   *
   * @internal
   */
  public _inputs(): { readonly bucket: s3.IBucket; readonly prefix?: string }[] {
    if (this._bucket === undefined) return [];
    const { bucket, prefix, manifestKey } = this._bucket;
    return [{ bucket, prefix }, ...(manifestKey === undefined ? [] : [{ bucket, prefix: manifestKey }])];
  }

  /**
   * Problems of the channel, in a job with these groups.
   *
   * @internal
   */
  public _problems(property: string, groupNames: readonly string[]): string[] {
    if (this._bucket === undefined) return [];
    const { inputMode, gzipped, recordIo, attributeNames, manifestKey, instanceGroups, shuffleSeed } = this._bucket;
    const problems: string[] = [];
    const pipeOnly = {
      gzipped: gzipped === true,
      recordIo: recordIo === true,
      attributeNames: attributeNames !== undefined,
    };
    for (const [option, isSet] of Object.entries(pipeOnly)) {
      if (!isSet || inputMode === ChannelInputMode.PIPE) continue;
      problems.push(
        `${property}: ${option} is for a pipe; give inputMode ChannelInputMode.PIPE, or leave ${option} out`,
      );
    }
    if (manifestKey === '') problems.push(`${property}: manifestKey is empty; give the key of the manifest`);
    const { names, characters } = MAX_ATTRIBUTES;
    if (
      attributeNames !== undefined &&
      (attributeNames.length > names || attributeNames.some(({ length }) => length < 1 || length > characters))
    ) {
      problems.push(`${property}: at most ${names} attributeNames of 1 to ${characters} characters are allowed`);
    }
    if (shuffleSeed !== undefined && !Number.isSafeInteger(shuffleSeed)) {
      problems.push(`${property}: shuffleSeed (${shuffleSeed}) must be a whole number`);
    }
    const unknown = (instanceGroups ?? []).filter((name) => !groupNames.includes(name));
    if (unknown.length > 0) {
      problems.push(
        `${property}: there are no instanceGroups ${unknown.join(', ')}; ` +
          (groupNames.length === 0 ? 'the pipeline has none' : `those of the pipeline are ${groupNames.join(', ')}`),
      );
    }
    if (instanceGroups !== undefined && (instanceGroups.length === 0 || instanceGroups.length > MAX_GROUPS)) {
      problems.push(`${property}: instanceGroups has ${instanceGroups.length} names; 1 to ${MAX_GROUPS} are allowed`);
    }
    return problems;
  }
}

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { AssetStaging, FileAssetPackaging, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { packDirectory } from './pack-source';

/** The relative path is the same from `lib/` and from `build/`. */
const ASSETS_DIRECTORY = path.join(__dirname, '../../lib/training/assets');

/** Properties of {@link PackedAsset}. */
export interface PackedAssetProps {
  /** Folder to pack. */
  readonly path: string;
}

/**
 * Local folder as a `tar.gz` in the bootstrap bucket, the format of SageMaker's model artifacts and training sources. The archive depends
 * only on names and contents, so two builds of the same sources are identical.
 *
 * @example
 * new training.PackedAsset(this, 'Model', { path: training.PackedAsset.initialModelPath() });
 */
export class PackedAsset extends Construct {
  /**
   * Returns the path of an initial model: a Triton model repository with the model `service_time`, which predicts the service time of a
   * request. The training of this package creates its next versions.
   */
  public static initialModelPath(): string {
    return path.join(PackedAsset.trainingSourcePath(), 'initial-model');
  }

  /** Returns the path of the default training source: `train.py`, which learns the service time of requests, and its model repository. */
  public static trainingSourcePath(): string {
    return path.join(ASSETS_DIRECTORY, 'service-time');
  }

  /**
   * Returns the path of a training source for PyTorch: `train.py`, which trains a classifier of feature vectors, on several instances too, from
   * the beginning or from an earlier model. It needs an image with PyTorch.
   */
  public static classifierSourcePath(): string {
    return path.join(ASSETS_DIRECTORY, 'classifier');
  }

  /** Bucket of the archive. */
  public readonly bucket: s3.IBucket;

  /** Key of the archive in the bucket. */
  public readonly objectKey: string;

  /** URI of the archive, `s3://bucket/key`. */
  public readonly s3Uri: string;

  /** ARN of the archive. */
  public readonly objectArn: string;

  public constructor(scope: Construct, id: string, props: PackedAssetProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), `tidegate-pack-${process.pid}-`));
    const file = path.join(folder, 'packed.tar.gz');
    fs.writeFileSync(file, packDirectory(props.path));
    const staging = new AssetStaging(this, 'Staging', { sourcePath: file });
    // Without staging the toolkit reads the file from this path later.
    if (staging.absoluteStagedPath !== file) fs.rmSync(folder, { recursive: true });
    // The default key ends in `.gz`; SageMaker requires `.tar.gz` (API reference of ContainerDefinition, ModelDataUrl).
    const location = stack.synthesizer.addFileAsset({
      sourceHash: `${staging.assetHash}.tar`,
      fileName: staging.relativeStagedPath(stack),
      packaging: FileAssetPackaging.FILE,
      displayName: this.node.path,
    });

    this.bucket = s3.Bucket.fromBucketName(this, 'Bucket', location.bucketName);
    this.objectKey = location.objectKey;
    this.s3Uri = location.s3ObjectUrl;
    this.objectArn = this.bucket.arnForObjects(location.objectKey);
  }

  /**
   * Allows a principal to download the archive, and no other object of the bucket.
   *
   * @param grantee principal that may read
   */
  public grantRead(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({ grantee, actions: ['s3:GetObject'], resourceArns: [this.objectArn] });
  }
}

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { AssetStaging, FileAssetPackaging, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { packDirectory } from './pack-source';

/** Equally far from `lib/` and from `build/`. */
const ASSETS_DIRECTORY = path.join(__dirname, '../../lib/training/assets');

/** Properties of {@link PackedAsset}. */
export interface PackedAssetProps {
  /** The folder whose content is packed. */
  readonly path: string;
}

/**
 * A folder of this machine as a `tar.gz` in the bootstrap bucket, as SageMaker wants model artifacts and training sources. The archive
 * depends on names and contents alone, so that nothing changes between two builds of the same sources.
 *
 * @example
 * new training.PackedAsset(this, 'Model', { path: training.PackedAsset.initialModelPath() });
 */
export class PackedAsset extends Construct {
  /**
   * The model that an endpoint can begin with: a Triton model repository with the model `service_time`, which predicts how long a
   * request is worked on. The training of this package makes the next versions of it.
   */
  public static initialModelPath(): string {
    return path.join(ASSETS_DIRECTORY, 'initial-model');
  }

  /** The training source of this package: `train.py` and the model repository that it fills. */
  public static trainingSourcePath(): string {
    return ASSETS_DIRECTORY;
  }

  /** The bucket that holds the archive. */
  public readonly bucket: s3.IBucket;

  /** The archive's key in the bucket. */
  public readonly objectKey: string;

  /** The archive as `s3://bucket/key`. */
  public readonly s3Uri: string;

  /** The archive's ARN. */
  public readonly objectArn: string;

  public constructor(scope: Construct, id: string, props: PackedAssetProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-pack-'));
    const file = path.join(folder, 'packed.tar.gz');
    fs.writeFileSync(file, packDirectory(props.path));
    const staging = new AssetStaging(this, 'Staging', { sourcePath: file });
    // Without staging the toolkit reads the file from here later on.
    if (staging.absoluteStagedPath !== file) fs.rmSync(folder, { recursive: true });
    // The asset's own key would end in `.gz`; SageMaker wants `.tar.gz` (API reference of ContainerDefinition, ModelDataUrl).
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
   * Allows a principal to download the archive, and nothing else of the bucket.
   *
   * @param grantee who may read
   */
  public grantRead(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({ grantee, actions: ['s3:GetObject'], resourceArns: [this.objectArn] });
  }
}

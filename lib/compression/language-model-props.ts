import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { IModelRegistry } from '../training';

/** Number format into which the weights of a language model are quantised. */
export enum LanguageModelTechnique {
  /** Weights and activations in FP8: half the size of FP16. */
  FP8 = 'fp8',
  /** Weights in INT4, scaled by activation-aware quantisation (AWQ): a quarter of the size of FP16. */
  INT4_AWQ = 'awq',
}

/** Properties of {@link LanguageModelCompression}. */
export interface LanguageModelCompressionProps {
  /** Bucket of the models to compress. */
  readonly models: s3.IBucket;

  /**
   * Key prefix of the models to compress. Below it each model is a folder with its files as they come from Hugging Face, not packed.
   *
   * @default models/
   */
  readonly modelsPrefix?: string;

  /** Number format of the compressed model. */
  readonly technique: LanguageModelTechnique;

  /** Instance type that will host the model: one of the 48 types with GPUs that SageMaker optimises for. SageMaker chooses the one of the job. */
  readonly deploymentInstanceType: string;

  /** Maximum runtime of a job. */
  readonly maxRuntime: Duration;

  /**
   * LMI image in ECR that runs the job and hosts the model.
   *
   * @default - AWS's image of DJL Serving in the region of the stack
   */
  readonly image?: string;

  /**
   * Variables of the containers, of the job and of the hosted model: at most 23, such as `OPTION_MAX_MODEL_LEN`.
   *
   * @default - those of the technique and of the location of the model
   */
  readonly environment?: { [name: string]: string };

  /**
   * True to accept the license of the model, where it has one.
   *
   * @default false
   */
  readonly acceptEula?: boolean;

  /**
   * VPC that the instances of a job attach to. They reach S3 from there: give the VPC a gateway endpoint for it.
   *
   * @default - not attached to a VPC
   */
  readonly vpc?: ec2.IVpc;

  /**
   * Subnets of the VPC.
   *
   * @default - the private subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * Security groups of the instances in the VPC.
   *
   * @default - a group of the pipeline's own that allows all outbound traffic, and inbound traffic among its members
   */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * Key with which the compressed models are encrypted.
   *
   * @default - the key of S3
   */
  readonly outputKey?: kms.IKey;

  /**
   * Beginning of the names of jobs and models: at most 21 letters, digits and single hyphens.
   *
   * @default - derived from the construct's path
   */
  readonly jobNamePrefix?: string;

  /**
   * Registry in which every compressed model becomes a version, pending approval, with the model that it comes from.
   *
   * @default - SageMaker models only
   */
  readonly registry?: IModelRegistry;

  /**
   * Table of a `CostGuard`: from `freeze-growth` on no job starts. The guard does not meter the jobs, whose instances SageMaker chooses.
   *
   * @default - jobs start at any level of a guard
   */
  readonly guardTable?: dynamodb.ITable;

  /**
   * Bucket for the server access logs of the new bucket of compressed models.
   *
   * @default - no access logs
   */
  readonly accessLogsBucket?: s3.IBucket;

  /**
   * Removal policy of the bucket of compressed models.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * True to delete the compressed models with their bucket; requires `RemovalPolicy.DESTROY`.
   *
   * @default false
   */
  readonly autoDeleteObjects?: boolean;
}

import { z } from 'zod';
import type { EpochSeconds } from '../../core/time';
import { nameOfArn, sageMakerArn } from '../account/arns';
import type { AccountEvents } from '../events';
import { keptAsIs, notAvailable, parseWith, resourceName, s3Uri, tags, textMap } from '../http/schema-parts';
import { ServiceError, validationError } from '../http/service-error';

/** Source: API reference, CreateModelPackage: 50 entries, keys of 128 characters, values of 256. */
const metadata = () =>
  z
    .record(
      z.string().min(1).max(128),
      z.string().max(256, 'a value of CustomerMetadataProperties has at most 256 characters'),
    )
    .refine((entries) => Object.keys(entries).length <= 50, { message: 'at most 50 entries are allowed' });

const approvalStatus = z.enum(['Approved', 'Rejected', 'PendingManualApproval']);

const inferenceSpecification = z.strictObject({
  Containers: z
    .array(
      z.strictObject({
        ContainerHostname: z.string().optional(),
        Image: z.string(),
        ImageDigest: z.string().optional(),
        ModelDataUrl: s3Uri().optional(),
        ModelDataSource: keptAsIs().optional(),
        ProductId: notAvailable('ProductId'),
        Environment: textMap().optional(),
        ModelInput: keptAsIs().optional(),
        Framework: z.string().optional(),
        FrameworkVersion: z.string().optional(),
        NearestModelName: z.string().optional(),
      }),
    )
    .min(1)
    .max(15),
  SupportedContentTypes: z.array(z.string()).optional(),
  SupportedResponseMIMETypes: z.array(z.string()).optional(),
  SupportedRealtimeInferenceInstanceTypes: z.array(z.string()).optional(),
  SupportedTransformInstanceTypes: z.array(z.string()).optional(),
});

const createGroupSchema = z.strictObject({
  ModelPackageGroupName: resourceName(),
  ModelPackageGroupDescription: z.string().max(1024).optional(),
  Tags: tags().optional(),
});

const createSchema = z.strictObject({
  ModelPackageName: notAvailable('ModelPackageName, a package without versions,'),
  ModelPackageGroupName: z.string().min(1),
  ModelPackageDescription: z.string().max(1024).optional(),
  InferenceSpecification: inferenceSpecification,
  ModelApprovalStatus: approvalStatus.default('PendingManualApproval'),
  CustomerMetadataProperties: metadata().optional(),
  MetadataProperties: keptAsIs().optional(),
  ModelMetrics: keptAsIs().optional(),
  DriftCheckBaselines: keptAsIs().optional(),
  Domain: z.string().optional(),
  Task: z.string().optional(),
  SamplePayloadUrl: s3Uri().optional(),
  SourceUri: z.string().optional(),
  SkipModelValidation: z.enum(['All', 'None']).optional(),
  ClientToken: z.string().max(36).optional(),
  ValidationSpecification: notAvailable('ValidationSpecification'),
  SourceAlgorithmSpecification: notAvailable('SourceAlgorithmSpecification'),
});

const updateSchema = z.strictObject({
  ModelPackageArn: z.string().min(1),
  ModelApprovalStatus: approvalStatus.optional(),
  ApprovalDescription: z.string().max(1024).optional(),
  CustomerMetadataProperties: metadata().optional(),
  CustomerMetadataPropertiesToRemove: z.array(z.string()).optional(),
});

export interface ModelPackageGroup {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: EpochSeconds;
  description: string | undefined;
  tags: readonly { readonly Key: string; readonly Value: string }[];
  /** Version of the next package. */
  nextVersion: number;
}

export interface ModelPackage {
  readonly request: z.output<typeof createSchema>;
  readonly group: string;
  readonly version: number;
  readonly arn: string;
  readonly createdAt: EpochSeconds;
  lastModifiedAt: EpochSeconds;
  approvalStatus: z.output<typeof approvalStatus>;
  approvalDescription: string | undefined;
  metadata: { readonly [name: string]: string };
}

/** The model registry of the account: groups of versioned packages. */
export class ModelPackages {
  private readonly groups = new Map<string, ModelPackageGroup>();
  private readonly packages = new Map<string, ModelPackage>();

  public constructor(private readonly events: AccountEvents) {}

  public createGroup(input: unknown, at: EpochSeconds): ModelPackageGroup {
    const request = parseWith(createGroupSchema, input);
    const name = request.ModelPackageGroupName;
    const arn = sageMakerArn('model-package-group', name);
    if (this.groups.has(name.toLowerCase())) throw validationError(`Model Package Group already exists: ${arn}`);
    const group = {
      name,
      arn,
      createdAt: at,
      description: request.ModelPackageGroupDescription,
      tags: request.Tags ?? [],
      nextVersion: 1,
    };
    this.groups.set(name.toLowerCase(), group);
    return group;
  }

  public group(nameOrArn: string): ModelPackageGroup {
    const group = this.groups.get(nameOfArn(nameOrArn).toLowerCase());
    if (group === undefined) throw validationError(`Model Package Group ${nameOrArn} does not exist.`);
    return group;
  }

  public listGroups(): ModelPackageGroup[] {
    return [...this.groups.values()];
  }

  /** Deletes a group, which must be empty, as on AWS. */
  public deleteGroup(nameOrArn: string): void {
    const { name } = this.group(nameOrArn);
    if (this.list(name).length > 0) {
      throw new ServiceError(
        'ConflictException',
        `Model Package Group ${name} cannot be deleted because it still contains Model Packages.`,
      );
    }
    this.groups.delete(name.toLowerCase());
  }

  public create(input: unknown, at: EpochSeconds): ModelPackage {
    const request = parseWith(createSchema, input);
    const group = this.group(request.ModelPackageGroupName);
    const version = group.nextVersion++;
    const created: ModelPackage = {
      request,
      group: group.name,
      version,
      arn: `${sageMakerArn('model-package', group.name)}/${version}`,
      createdAt: at,
      lastModifiedAt: at,
      approvalStatus: request.ModelApprovalStatus,
      approvalDescription: undefined,
      metadata: request.CustomerMetadataProperties ?? {},
    };
    this.packages.set(created.arn, created);
    this.publish(created, at);
    return created;
  }

  public describe(arn: string): ModelPackage {
    const found = this.packages.get(arn.toLowerCase());
    if (found === undefined) throw validationError(`ModelPackage ${arn} does not exist.`);
    return found;
  }

  /** Packages of a group, or of all groups. */
  public list(group?: string): ModelPackage[] {
    const all = [...this.packages.values()];
    return group === undefined ? all : all.filter((one) => one.group === this.group(group).name);
  }

  public update(input: unknown, at: EpochSeconds): ModelPackage {
    const request = parseWith(updateSchema, input);
    const found = this.describe(request.ModelPackageArn);
    const kept = { ...found.metadata, ...request.CustomerMetadataProperties };
    const removed = new Set(request.CustomerMetadataPropertiesToRemove);
    found.metadata = parseWith(
      metadata(),
      Object.fromEntries(Object.entries(kept).filter(([name]) => !removed.has(name))),
    );
    found.approvalDescription = request.ApprovalDescription ?? found.approvalDescription;
    found.lastModifiedAt = at;
    const { ModelApprovalStatus: status = found.approvalStatus } = request;
    if (status !== found.approvalStatus) {
      found.approvalStatus = status;
      this.publish(found, at);
    }
    return found;
  }

  public delete(arn: string): void {
    this.packages.delete(this.describe(arn).arn);
  }

  private publish(one: ModelPackage, at: EpochSeconds): void {
    this.events.putEvent({
      source: 'aws.sagemaker',
      detailType: 'SageMaker Model Package State Change',
      resources: [one.arn],
      detail: {
        ModelPackageGroupName: one.group,
        ModelPackageVersion: one.version,
        ModelPackageArn: one.arn,
        ModelPackageDescription: one.request.ModelPackageDescription,
        InferenceSpecification: one.request.InferenceSpecification,
        ModelPackageStatus: 'Completed',
        ModelApprovalStatus: one.approvalStatus,
        CreationTime: new Date(one.createdAt * 1000).toISOString(),
        LastModifiedTime: new Date(one.lastModifiedAt * 1000).toISOString(),
        CertifyForMarketplace: false,
      },
      atSeconds: at,
    });
  }
}

import { Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';

/** Group of SageMaker's model registry, whose packages are the versions of one model. */
export interface IModelRegistry {
  /** Name of the model package group. */
  readonly modelPackageGroupName: string;

  /** ARN of the model package group. */
  readonly modelPackageGroupArn: string;

  /** ARN of all packages of the group, which ends with a wildcard. */
  readonly modelPackageArns: string;
}

/** Properties of {@link ModelRegistry}. */
export interface ModelRegistryProps {
  /**
   * Name of the model package group, at most 63 letters, digits and hyphens. A change replaces the group.
   *
   * @default - a unique name made from the construct's path
   */
  readonly modelPackageGroupName?: string;

  /**
   * Description of the models, at most 1,024 characters.
   *
   * @default - none
   */
  readonly description?: string;

  /**
   * Removal policy of the group. SageMaker deletes no group that has packages.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * Group of SageMaker's model registry: every model that a pipeline trains or compresses becomes a version in it, with the model that it comes
 * from, what was measured, and its approval.
 *
 * @example
 * const registry = new training.ModelRegistry(this, 'Registry');
 * new training.TrainingPipeline(this, 'Training', {
 *   trainingData: requests.resultsBucket,
 *   instanceTypes: ['ml.g5.xlarge'],
 *   maxRuntime: Duration.hours(1),
 *   registry,
 * });
 */
export class ModelRegistry extends Construct implements IModelRegistry {
  /** Imports an existing model package group of the stack's account and region by its name. */
  public static fromModelPackageGroupName(scope: Construct, id: string, modelPackageGroupName: string): IModelRegistry {
    class Import extends Construct implements IModelRegistry {
      public readonly modelPackageGroupName = modelPackageGroupName;
      public readonly modelPackageGroupArn = registryArn(scope, 'model-package-group', modelPackageGroupName);
      public readonly modelPackageArns = registryArn(scope, 'model-package', `${modelPackageGroupName}/*`);
    }
    return new Import(scope, id);
  }

  public readonly modelPackageGroupName: string;
  public readonly modelPackageGroupArn: string;
  public readonly modelPackageArns: string;

  public constructor(scope: Construct, id: string, props: ModelRegistryProps = {}) {
    super(scope, id);
    const name =
      props.modelPackageGroupName ?? Names.uniqueResourceName(this, { maxLength: 63, separator: '-' }).toLowerCase();
    throwProblems(this.node.path, checkName(props.modelPackageGroupName));
    const group = new sagemaker.CfnModelPackageGroup(this, 'Group', {
      modelPackageGroupName: name,
      modelPackageGroupDescription: props.description,
    });
    group.applyRemovalPolicy(props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    this.modelPackageGroupName = name;
    this.modelPackageGroupArn = group.attrModelPackageGroupArn;
    this.modelPackageArns = registryArn(this, 'model-package', `${name}/*`);
  }
}

/** Source: API reference, CreateModelPackageGroup. */
function checkName(name: string | undefined): string[] {
  if (name === undefined || /^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/.test(name)) return [];
  return [
    `modelPackageGroupName ('${name}') is not allowed; use 1 to 63 letters, digits and hyphens that begin and end with no hyphen`,
  ];
}

function registryArn(scope: Construct, resource: string, resourceName: string): string {
  return Stack.of(scope).formatArn({ service: 'sagemaker', resource, resourceName });
}

import { Size, SizeRoundingBehavior, Stack, Token } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { DependencyGroup, type Construct, type IDependable } from 'constructs';
import { throwProblems } from '../../core/errors';
import { acknowledgeVolumeEncryption } from '../../runtime/acknowledge';
import type { AutoScaleProps, FleetScaling } from '../../scaling';
import { endpointArn, importedVariantName, resolveNames } from '../endpoint/endpoint-names';
import { endpointLogGroup, executionPolicy, executionRole } from '../endpoint/execution-policy';
import { keepReplaced } from '../endpoint/replaced';
import { declareModel, resolveContainer } from '../model/model-container';
import type { ModelServerConfig } from '../model/model-server';
import { checkWhole, problemsOf } from '../value-checks';
import { ServerlessEndpointBase, type IServerlessEndpoint } from './serverless-endpoint-base';
import type { ServerlessEndpointAttributes, ServerlessEndpointProps } from './serverless-endpoint-props';

/** Limits of the SageMaker API reference, ProductionVariantServerlessConfig. */
const MEMORY_SIZES_MIB: readonly number[] = [1024, 2048, 3072, 4096, 5120, 6144];
const MAX_CONCURRENCY = 200;

/**
 * Serverless SageMaker endpoint: no instances, paid by use, on CPUs; for small models and rare requests.
 *
 * Creates the model, the configuration, the endpoint and a role. Provisioned concurrency, where configured, keeps environments warm and
 * can be scaled.
 *
 * @example
 * new inference.ServerlessEndpoint(this, 'Router', {
 *   modelServer: inference.ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/router:3'),
 *   memory: Size.gibibytes(2),
 *   maxConcurrency: 20,
 * });
 */
export class ServerlessEndpoint extends ServerlessEndpointBase {
  /**
   * Imports an existing endpoint by its name and the name of its variant.
   *
   * @param endpointName name of the endpoint
   * @param variantName name of the variant; `AllTraffic` where the SageMaker Python SDK made the endpoint
   */
  public static fromEndpointName(
    scope: Construct,
    id: string,
    endpointName: string,
    variantName: string,
  ): IServerlessEndpoint {
    return ServerlessEndpoint.fromServerlessEndpointAttributes(scope, id, { endpointName, variantName });
  }

  /** Imports an existing endpoint in the stack's account and region. */
  public static fromServerlessEndpointAttributes(
    scope: Construct,
    id: string,
    attrs: ServerlessEndpointAttributes,
  ): IServerlessEndpoint {
    class Import extends ServerlessEndpointBase {
      public readonly endpointName = attrs.endpointName;
      public readonly endpointArn = endpointArn(Stack.of(this), attrs.endpointName);
      public readonly variantName = importedVariantName(this, attrs);
      public readonly initialCapacity = 1;
      public readonly scalingDependency: IDependable = new DependencyGroup();
    }
    return new Import(scope, id);
  }

  public readonly endpointArn: string;
  public readonly endpointName: string;
  public readonly variantName: string;
  public readonly initialCapacity: number;
  public readonly scalingDependency: IDependable;

  /** Maximum number of concurrent requests; provisioned concurrency is a part of them. */
  public readonly maxConcurrency: number;

  /** Role that SageMaker runs the model with. */
  public readonly executionRole: iam.IRole;

  public constructor(scope: Construct, id: string, props: ServerlessEndpointProps) {
    super(scope, id, { physicalName: props.endpointName });
    const { provisionedConcurrency, maxConcurrency = 20, memory = Size.gibibytes(2) } = props;
    const names = resolveNames(this, props);
    const memorySizeInMb = memory.toMebibytes({ rounding: SizeRoundingBehavior.NONE });
    const container = resolveContainer(this, props, { instanceTypes: [], networkIsolation: false });
    throwProblems(this.node.path, [
      ...problemsOf(container, names),
      ...checkCpuImage(container.value.server),
      ...checkMemory(memorySizeInMb),
      ...checkWhole('maxConcurrency', maxConcurrency, 1, MAX_CONCURRENCY),
      ...checkProvisioned(provisionedConcurrency, maxConcurrency),
    ]);

    const { endpointName, variantName } = names.value;
    const role = executionRole(this, props.executionRole, `Runs the model of endpoint ${endpointName}`);
    const permissions = executionPolicy(this, {
      role,
      logGroupName: endpointLogGroup(endpointName),
      models: [container.value],
    });
    // Serverless endpoints support no network isolation (developer guide, "Serverless Inference", feature exclusions).
    const host = { kind: 'endpoint', name: endpointName } as const;
    const model = declareModel(this, 'Model', container.value, { host, executionRole: role, permissions });
    const config = new sagemaker.CfnEndpointConfig(this, 'Config', {
      productionVariants: [
        {
          variantName,
          modelName: model.attrModelName,
          initialVariantWeight: 1,
          serverlessConfig: { memorySizeInMb, maxConcurrency, provisionedConcurrency },
        },
      ],
    });
    keepReplaced(config, host);
    acknowledgeVolumeEncryption(config, 'a serverless endpoint has no volume to encrypt.');
    const endpoint = new sagemaker.CfnEndpoint(this, 'Endpoint', {
      endpointName,
      endpointConfigName: config.attrEndpointConfigName,
      retainAllVariantProperties: true,
    });
    this.variantName = variantName;
    this.initialCapacity = provisionedConcurrency ?? 0;
    this.maxConcurrency = maxConcurrency;
    this.executionRole = role;
    this.scalingDependency = endpoint;
    this.endpointName = this.getResourceNameAttribute(endpoint.attrEndpointName);
    this.endpointArn = this.getResourceArnAttribute(endpoint.ref, {
      service: 'sagemaker',
      resource: 'endpoint',
      resourceName: this.physicalName,
    });
  }

  /**
   * Registers the provisioned concurrency with Application Auto Scaling.
   *
   * @throws InputError if the endpoint has none, if maxCapacity is above maxConcurrency, and on a second call
   */
  public autoScale(props: AutoScaleProps): FleetScaling {
    const { maxCapacity } = props;
    const problems: string[] = [];
    if (this.initialCapacity === 0) {
      problems.push(
        'provisionedConcurrency is not set, and only provisioned concurrency can be scaled; set provisionedConcurrency: 1, or omit autoScale',
      );
    }
    if (
      !Token.isUnresolved(maxCapacity) &&
      !Token.isUnresolved(this.maxConcurrency) &&
      maxCapacity > this.maxConcurrency
    ) {
      problems.push(
        `maxCapacity (${maxCapacity}) is above maxConcurrency (${this.maxConcurrency}), of which provisioned concurrency is a part; ` +
          'lower it or raise maxConcurrency',
      );
    }
    throwProblems(this.node.path, problems);
    return super.autoScale(props);
  }
}

/** Images for GPUs cannot run here (developer guide, "Serverless Inference", feature exclusions). */
function checkCpuImage({ acceleratorKind, inferenceAmi, imageUri }: ModelServerConfig): string[] {
  if (acceleratorKind === undefined && inferenceAmi === undefined) return [];
  return [
    `modelServer (${imageUri.split('/').at(-1)!}) is built for accelerators, and serverless endpoints run on CPUs; give an image for CPUs ` +
      '(ModelServer.image or fromEcrRepository), or use another kind of endpoint',
  ];
}

function checkMemory(memoryMib: number): string[] {
  if (MEMORY_SIZES_MIB.includes(memoryMib)) return [];
  return [`memory (${memoryMib} MiB) must be one of ${MEMORY_SIZES_MIB.join(', ')} MiB`];
}

function checkProvisioned(provisioned: number | undefined, maxConcurrency: number): string[] {
  if (provisioned === undefined) return [];
  const problems = checkWhole('provisionedConcurrency', provisioned, 1, MAX_CONCURRENCY);
  if (provisioned > maxConcurrency) {
    problems.push(
      `provisionedConcurrency (${provisioned}) is above maxConcurrency (${maxConcurrency}); lower it or raise maxConcurrency`,
    );
  }
  return problems;
}

import { Aws, CfnMapping, Stack, Token } from 'aws-cdk-lib';
import type * as ecr from 'aws-cdk-lib/aws-ecr';
import type { Construct } from 'constructs';
import { ecrDomainSuffix, servingImage, servingImageAccount, servingImageAccounts } from '../catalog/serving-images';
import { InputError } from '../core/errors';
import { TRITON_ENVIRONMENT } from './contract';

/** What every model server may be given. */
export interface ModelServerOptions {
  /**
   * Environment variables of the container.
   *
   * @default - none beside the server's own
   */
  readonly environment?: { [key: string]: string };

  /**
   * The inference AMI, which brings the GPU driver: a value of `ProductionVariantInferenceAmiVersion`.
   *
   * @default - what the image needs, or SageMaker's default for images that the catalog does not know
   */
  readonly inferenceAmi?: string;
}

/** Options of the Triton model server. */
export interface TritonOptions extends ModelServerOptions {
  /**
   * The model of the repository that answers `InvokeEndpoint`.
   *
   * @default - Triton serves the one model of the repository
   */
  readonly defaultModelName?: string;

  /**
   * Threads that take HTTP requests.
   *
   * @default - Triton's own number
   */
  readonly threadCount?: number;

  /**
   * Log every request.
   *
   * @default false
   */
  readonly verboseLogging?: boolean;

  /**
   * The tag of the image. Tags are mutable in practice: name the one you have tested.
   *
   * @default - the newest tag of the catalog
   */
  readonly tag?: string;

  /**
   * The account that publishes the image.
   *
   * @default - the account of AWS's Deep Learning Containers in the stack's region
   */
  readonly account?: string;
}

/** What a model server comes down to. */
export interface ModelServerConfig {
  /** The image's URI. */
  readonly imageUri: string;

  /** The ARN of the ECR repository it is pulled from. */
  readonly repositoryArn: string;

  /** Environment variables of the container. */
  readonly environment: { [key: string]: string };

  /**
   * The inference AMI it needs.
   *
   * @default - SageMaker's default
   */
  readonly inferenceAmi?: string;
}

/** The program that serves the model: an image with its settings. */
export abstract class ModelServer {
  /**
   * NVIDIA Triton Inference Server, from AWS's image. The artifact is a model repository (`<model>/config.pbtxt`,
   * `<model>/<version>/…`) in a `model.tar.gz`.
   */
  public static triton(options?: TritonOptions): ModelServer {
    return new TritonServer(options ?? {});
  }

  /** An image of an ECR repository that follows SageMaker's container contract (port 8080, `/ping`, `/invocations`). */
  public static fromEcrRepository(
    repository: ecr.IRepository,
    tagOrDigest: string,
    options?: ModelServerOptions,
  ): ModelServer {
    return new RepositoryServer(repository, tagOrDigest, options ?? {});
  }

  /**
   * An image by its URI, `<account>.dkr.ecr.<region>.<suffix>/<repository>:<tag>` or `@<digest>`, that follows SageMaker's container
   * contract (port 8080, `/ping`, `/invocations`).
   */
  public static image(imageUri: string, options?: ModelServerOptions): ModelServer {
    return new ImageServer(imageUri, options ?? {});
  }

  /** Called when an endpoint is created with the server. */
  public abstract bind(scope: Construct): ModelServerConfig;
}

class TritonServer extends ModelServer {
  public constructor(private readonly options: TritonOptions) {
    super();
  }

  public bind(scope: Construct): ModelServerConfig {
    const stack = Stack.of(scope);
    const image = servingImage('triton');
    const { defaultModelName, threadCount, verboseLogging } = this.options;
    const account = this.options.account ?? accountIn(scope);
    const suffix = Token.isUnresolved(stack.region) ? Aws.URL_SUFFIX : ecrDomainSuffix(stack.region);
    return {
      imageUri: `${account}.dkr.ecr.${stack.region}.${suffix}/${image.repository}:${this.options.tag ?? image.tag}`,
      repositoryArn: repositoryArn(stack, account, stack.region, image.repository),
      environment: {
        ...(defaultModelName === undefined ? {} : { [TRITON_ENVIRONMENT.defaultModelName]: defaultModelName }),
        ...(threadCount === undefined ? {} : { [TRITON_ENVIRONMENT.threadCount]: String(threadCount) }),
        ...(verboseLogging === true ? { [TRITON_ENVIRONMENT.verboseLogging]: 'true' } : {}),
        ...this.options.environment,
      },
      inferenceAmi: this.options.inferenceAmi ?? image.inferenceAmi,
    };
  }
}

class RepositoryServer extends ModelServer {
  public constructor(
    private readonly repository: ecr.IRepository,
    private readonly tagOrDigest: string,
    private readonly options: ModelServerOptions,
  ) {
    super();
  }

  public bind(_scope: Construct): ModelServerConfig {
    return {
      imageUri: this.repository.repositoryUriForTagOrDigest(this.tagOrDigest),
      repositoryArn: this.repository.repositoryArn,
      environment: { ...this.options.environment },
      inferenceAmi: this.options.inferenceAmi,
    };
  }
}

class ImageServer extends ModelServer {
  public constructor(
    private readonly imageUri: string,
    private readonly options: ModelServerOptions,
  ) {
    super();
  }

  public bind(scope: Construct): ModelServerConfig {
    const match =
      /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)(?::[^:@]+)?(?:@sha256:[0-9a-f]{64})?$/.exec(
        this.imageUri,
      );
    if (match === null) {
      throw new InputError(
        `image '${this.imageUri}' is no ECR image; expected <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag> ` +
          '(SageMaker pulls from ECR; use ModelServer.fromEcrRepository for a repository of the stack)',
      );
    }
    const [, account, region, repository] = match;
    return {
      imageUri: this.imageUri,
      repositoryArn: repositoryArn(Stack.of(scope), account!, region!, repository!),
      environment: { ...this.options.environment },
      inferenceAmi: this.options.inferenceAmi,
    };
  }
}

/** The account by the catalog; looked up at deploy time in stacks that do not know their region. */
function accountIn(scope: Construct): string {
  const { region } = Stack.of(scope);
  if (!Token.isUnresolved(region)) return servingImageAccount(region);
  const stack = Stack.of(scope);
  const id = 'TidegateServingImageAccounts';
  const mapping =
    (stack.node.tryFindChild(id) as CfnMapping | undefined) ??
    new CfnMapping(stack, id, {
      mapping: Object.fromEntries(Object.entries(servingImageAccounts()).map(([name, account]) => [name, { account }])),
    });
  return mapping.findInMap(Aws.REGION, 'account');
}

function repositoryArn(stack: Stack, account: string, region: string, repository: string): string {
  return stack.formatArn({ service: 'ecr', account, region, resource: 'repository', resourceName: repository });
}

import { Annotations, Aws, CfnMapping, Stack, Token } from 'aws-cdk-lib';
import type * as ecr from 'aws-cdk-lib/aws-ecr';
import type * as ecrAssets from 'aws-cdk-lib/aws-ecr-assets';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import type { Construct } from 'constructs';
import { serverMetrics } from '../catalog/server-metrics';
import {
  servingImage,
  SERVING_IMAGES_AS_OF,
  servingImageAccount,
  servingImageAccounts,
} from '../catalog/serving-images';
import { InputError } from '../core/errors';
import type {
  LanguageModelOptions,
  ModelMemoryNeeds,
  ModelServerOptions,
  PublishedServerOptions,
  TensorFlowServingOptions,
  TorchServeOptions,
  TritonOptions,
} from './model-server-options';
import {
  huggingFaceSettings,
  lmiSettings,
  tensorFlowServingSettings,
  torchServeSettings,
  tritonSettings,
  vllmSettings,
  type PublishedServerSettings,
} from './model-server-settings';

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

  /**
   * What the model needs of the accelerators' memory; checked against the instance types.
   *
   * @default - not checked
   */
  readonly memory?: ModelMemoryNeeds;

  /**
   * The number of accelerators that one copy of the model is spread over.
   *
   * @default - all of the instance
   */
  readonly tensorParallelDegree?: number;

  /**
   * How the server wants its files: `triton`, `torchserve`, `tensorflow-serving` or `hugging-face`. Local archives are held against it.
   *
   * @default - anything
   */
  readonly artifactLayout?: string;

  /**
   * The model or script of the artifact that the server is told to use.
   *
   * @default - the one there is
   */
  readonly artifactEntry?: string;

  /**
   * The metrics that the server writes itself, by name.
   *
   * @default - not known
   */
  readonly metricNames?: string[];

  /**
   * Why SageMaker does not collect them, as a clause.
   *
   * @default - with detailed observability it does, from `/metrics` on port 8080
   */
  readonly metricsUnreadBecause?: string;

  /**
   * The environment variable that tells the server how many accelerators a copy is spread over. Without a degree it is set to all of them.
   *
   * @default - the server spreads nothing
   */
  readonly tensorParallelVariable?: string;

  /**
   * What its image is built for: `gpu` or `neuron`.
   *
   * @default - not known
   */
  readonly acceleratorKind?: string;

  /**
   * The region of the registry that it is pulled from.
   *
   * @default - not known
   */
  readonly imageRegion?: string;

  /**
   * The server fetches the model from the network as it starts, so that network isolation has to be off.
   *
   * @default false
   */
  readonly fetchesModel?: boolean;
}

/** The program that serves the model: an image with its settings. */
export abstract class ModelServer {
  /**
   * NVIDIA Triton Inference Server, from AWS's image. The artifact is a model repository (`<model>/config.pbtxt`,
   * `<model>/<version>/…`) in a `model.tar.gz`.
   */
  public static triton(options?: TritonOptions): ModelServer {
    return publishedServer('triton', options ?? {}, tritonSettings(options ?? {}));
  }

  /** vLLM, from AWS's image: language models with continuous batching. The artifact is a folder in the format of Hugging Face. */
  public static vllm(options?: LanguageModelOptions): ModelServer {
    return publishedServer('vllm', options ?? {}, vllmSettings(options ?? {}));
  }

  /** Large Model Inference (DJL), from AWS's image: language models, with vLLM inside. */
  public static lmi(options?: LanguageModelOptions): ModelServer {
    return publishedServer('djl-lmi', options ?? {}, lmiSettings(options ?? {}));
  }

  /** Hugging Face's own image for language models, with vLLM inside. */
  public static huggingFace(options?: LanguageModelOptions): ModelServer {
    return publishedServer('huggingface-vllm', options ?? {}, huggingFaceSettings(options ?? {}));
  }

  /**
   * TorchServe, from AWS's PyTorch image. The artifact has `model.pth` and `code/inference.py`. AWS has ended the patches of this line:
   * prefer Triton, vLLM or LMI.
   */
  public static torchServe(options?: TorchServeOptions): ModelServer {
    return publishedServer('torchserve', options ?? {}, torchServeSettings(options ?? {}));
  }

  /**
   * TensorFlow Serving, from AWS's image. The artifact has `<version>/saved_model.pb`. AWS has ended the patches of this line: prefer
   * Triton.
   */
  public static tensorFlowServing(options?: TensorFlowServingOptions): ModelServer {
    return publishedServer('tensorflow-serving', options ?? {}, tensorFlowServingSettings(options ?? {}));
  }

  /** An image of an ECR repository that follows SageMaker's container contract (port 8080, `/ping`, `/invocations`). */
  public static fromEcrRepository(
    repository: ecr.IRepository,
    tagOrDigest: string,
    options?: ModelServerOptions,
  ): ModelServer {
    return new RepositoryServer(repository, tagOrDigest, options ?? {});
  }

  /** An image that is built from this machine's files with the deployment, and follows SageMaker's container contract. */
  public static fromImageAsset(asset: ecrAssets.DockerImageAsset, options?: ModelServerOptions): ModelServer {
    return new RepositoryServer(asset.repository, asset.imageTag, options ?? {});
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

function publishedServer(
  server: string,
  options: PublishedServerOptions,
  settings: PublishedServerSettings,
): ModelServer {
  return new PublishedServer(server, options, settings);
}

/** A server whose image AWS publishes in every region. */
class PublishedServer extends ModelServer {
  public constructor(
    private readonly server: string,
    private readonly options: PublishedServerOptions,
    private readonly settings: PublishedServerSettings,
  ) {
    super();
  }

  public bind(scope: Construct): ModelServerConfig {
    const stack = Stack.of(scope);
    const image = servingImage(this.server);
    const account = this.options.account ?? accountIn(scope);
    const suffix = Token.isUnresolved(stack.region)
      ? Aws.URL_SUFFIX
      : (RegionInfo.get(stack.region).domainSuffix ?? 'amazonaws.com');
    if (this.options.tag === '') {
      throw new InputError(`tag of ModelServer (${this.server}) is empty; name one, or leave it out for ${image.tag}`);
    }
    if (this.options.tag === undefined && (image.endOfPatch ?? SERVING_IMAGES_AS_OF) < SERVING_IMAGES_AS_OF) {
      Annotations.of(scope).addWarningV2(
        `tidegate:image-past-end-of-patch:${this.server}`,
        `AWS patches ${image.repository}:${image.tag} no more since ${image.endOfPatch}; serve the model with Triton, vLLM or LMI, ` +
          'or name a tag that you maintain',
      );
    }
    const metrics = serverMetrics(this.server);
    return {
      imageUri: `${account}.dkr.ecr.${stack.region}.${suffix}/${image.repository}:${this.options.tag ?? image.tag}`,
      repositoryArn: repositoryArn(stack, account, stack.region, image.repository),
      environment: { ...this.settings.environment, ...this.options.environment },
      inferenceAmi: this.options.inferenceAmi ?? image.inferenceAmi,
      memory: this.settings.memory,
      tensorParallelDegree: this.settings.tensorParallelDegree,
      tensorParallelVariable: this.settings.tensorParallelVariable,
      // Another tag may be of an image for other accelerators.
      acceleratorKind: this.options.tag === undefined ? 'gpu' : undefined,
      fetchesModel: this.settings.fetchesModel,
      artifactLayout: this.settings.artifactLayout,
      artifactEntry: this.settings.artifactEntry,
      ...(metrics.metricNames === undefined ? {} : { metricNames: [...metrics.metricNames] }),
      metricsUnreadBecause: metrics.unreadBecause,
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
    if (Token.isUnresolved(this.imageUri)) {
      throw new InputError(
        'the image of ModelServer.image is only known at deploy time, so that its repository cannot be granted; use fromImageAsset or fromEcrRepository',
      );
    }
    const match =
      /^(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|[a-z0-9.]+\.gov)\/([^:@]+)(?::[^:@]+)?(?:@sha256:[0-9a-f]{64})?$/.exec(
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
      imageRegion: region!,
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

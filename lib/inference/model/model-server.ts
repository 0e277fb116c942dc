import { Annotations, Aws, CfnMapping, Stack, Token } from 'aws-cdk-lib';
import type * as ecr from 'aws-cdk-lib/aws-ecr';
import type * as ecrAssets from 'aws-cdk-lib/aws-ecr-assets';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import type { Construct } from 'constructs';
import { serverMetrics } from '../../catalog/model-server-metrics';
import {
  servingImage,
  SERVING_IMAGES_AS_OF,
  servingImageAccount,
  type ServingImage,
} from '../../catalog/serving-images';
import { InputError } from '../../core/errors';
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

/** Resolved configuration of a model server. */
export interface ModelServerConfig {
  /** URI of the image. */
  readonly imageUri: string;

  /** ARN of the ECR repository that the image is pulled from. */
  readonly repositoryArn: string;

  /** Environment variables of the container. */
  readonly environment: { [key: string]: string };

  /**
   * Inference AMI that the image needs.
   *
   * @default - SageMaker's default
   */
  readonly inferenceAmi?: string;

  /**
   * Dimensions of the model; the memory that it needs is checked against the instance types.
   *
   * @default - not checked
   */
  readonly memory?: ModelMemoryNeeds;

  /**
   * Number of accelerators that one copy of the model is spread over.
   *
   * @default - all of the instance
   */
  readonly tensorParallelDegree?: number;

  /**
   * Layout of the files that the server reads: `triton`, `torchserve`, `tensorflow-serving` or `hugging-face`. Local archives are checked
   * against it.
   *
   * @default - any layout
   */
  readonly artifactLayout?: string;

  /**
   * Model or script of the artifact that the server uses.
   *
   * @default - the only one
   */
  readonly artifactEntry?: string;

  /**
   * Names of the metrics that the server publishes.
   *
   * @default - not known
   */
  readonly metricNames?: string[];

  /**
   * Reason why SageMaker does not collect them, as a clause.
   *
   * @default - with detailed observability SageMaker collects them, from `/metrics` on port 8080
   */
  readonly metricsUnavailableReason?: string;

  /**
   * Environment variable for the number of accelerators that a copy is spread over. Without a degree it is set to all of them.
   *
   * @default - the server does not spread a model
   */
  readonly tensorParallelVariable?: string;

  /**
   * Kind of accelerator that its image is built for: `gpu` or `neuron`.
   *
   * @default - not known
   */
  readonly acceleratorKind?: string;

  /**
   * Region of the registry that the image is pulled from.
   *
   * @default - not known
   */
  readonly imageRegion?: string;

  /**
   * True if the server fetches the model from the network at its start, so that network isolation has to be off.
   *
   * @default false
   */
  readonly fetchesModel?: boolean;
}

/** Program that serves the model: an image with its settings. */
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

  /** Image of Hugging Face for language models, with vLLM inside. */
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

  /** Image of an ECR repository that follows SageMaker's container contract (port 8080, `/ping`, `/invocations`). */
  public static fromEcrRepository(
    repository: ecr.IRepository,
    tagOrDigest: string,
    options?: ModelServerOptions,
  ): ModelServer {
    return new RepositoryServer(repository, tagOrDigest, options ?? {});
  }

  /** Image that is built from local files with the deployment, and follows SageMaker's container contract. */
  public static fromImageAsset(asset: ecrAssets.DockerImageAsset, options?: ModelServerOptions): ModelServer {
    return new RepositoryServer(asset.repository, asset.imageTag, options ?? {});
  }

  /**
   * Image by its URI, `<account>.dkr.ecr.<region>.<suffix>/<repository>:<tag>` or `@<digest>`, that follows SageMaker's container
   * contract (port 8080, `/ping`, `/invocations`).
   */
  public static image(imageUri: string, options?: ModelServerOptions): ModelServer {
    return new ImageServer(imageUri, options ?? {});
  }

  /** Binds the server to the construct that hosts the model. */
  public abstract bind(scope: Construct): ModelServerConfig;
}

function publishedServer(
  server: string,
  options: PublishedServerOptions,
  settings: PublishedServerSettings,
): ModelServer {
  return new PublishedServer(server, options, settings);
}

/** Server whose image AWS publishes. */
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
    const account = this.options.account ?? accountIn(scope, image);
    const suffix = Token.isUnresolved(stack.region)
      ? Aws.URL_SUFFIX
      : (RegionInfo.get(stack.region).domainSuffix ?? 'amazonaws.com');
    if (this.options.tag === '') {
      throw new InputError(`tag of ModelServer (${this.server}) is empty; name one, or omit tag for ${image.tag}`);
    }
    if (this.options.tag === undefined && (image.endOfPatch ?? SERVING_IMAGES_AS_OF) < SERVING_IMAGES_AS_OF) {
      Annotations.of(scope).addWarningV2(
        `tidegate:image-past-end-of-patch:${this.server}`,
        `AWS has not patched ${image.repository}:${image.tag} since ${image.endOfPatch}; serve the model with Triton, vLLM or LMI, ` +
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
      metricsUnavailableReason: metrics.unavailableReason,
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
        'the image of ModelServer.image is known only at deploy time, so no permission on its repository can be granted; use fromImageAsset or fromEcrRepository',
      );
    }
    const match =
      /^(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|[a-z0-9.]+\.gov)\/([^:@]+)(?::[^:@]+)?(?:@sha256:[0-9a-f]{64})?$/.exec(
        this.imageUri,
      );
    if (match === null) {
      throw new InputError(
        `image '${this.imageUri}' is not an ECR image; expected <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag> ` +
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

/** Account by the catalog; in stacks without a known region a mapping supplies it at deploy time. */
function accountIn(scope: Construct, image: ServingImage): string {
  const stack = Stack.of(scope);
  const remedy = `copy the image into a repository ${image.repository} of that region and give its account, or use ModelServer.image`;
  if (!Token.isUnresolved(stack.region)) return servingImageAccount(image, stack.region, remedy);
  const id = `TidegateImageAccounts-${image.server}`.replace(/[^A-Za-z0-9]/g, '');
  const mapping =
    (stack.node.tryFindChild(id) as CfnMapping | undefined) ??
    new CfnMapping(stack, id, {
      mapping: Object.fromEntries(Object.entries(image.accounts).map(([name, account]) => [name, { account }])),
    });
  return mapping.findInMap(Aws.REGION, 'account');
}

function repositoryArn(stack: Stack, account: string, region: string, repository: string): string {
  return stack.formatArn({ service: 'ecr', account, region, resource: 'repository', resourceName: repository });
}

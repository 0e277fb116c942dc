import { CACHED_PROVISIONING, type ProvisioningTime } from '../../catalog/provisioning-times';
import type { Random } from '../../simulation/random';
import { DEFAULT_SERVICE_PROFILE, type ServiceProfile } from '../../simulation/traffic/service-profile';
import type { PricePerHour } from '../account/billing';
import type { Capacity } from '../account/capacity';
import type { Reservations } from '../account/reservations';
import type { RunClock } from '../clock';
import type { Driver } from '../driver';
import type { EngineClient } from '../engine/engine-client';
import type { AccountEvents } from '../events';
import type { ModelServerProcess } from '../model-server/model-server-process';
import { ArtifactModels } from '../model-server/onnx/artifact-models';
import { InferenceComponents } from './components/inference-components';
import { EndpointConfigs } from './endpoints/endpoint-configs';
import { Endpoints } from './endpoints/endpoints';
import { FleetFactory } from './endpoints/fleet-factory';
import { ContainerNetworks } from './invocations/container-networks';
import { CapturedExchanges } from './invocations/captured-exchanges';
import { Invocations } from './invocations/invocations';
import { ResponseStreams } from './invocations/response-streams';
import { ModelPackages } from './model-packages';
import { Models } from './models';

/** Settings of SageMaker's hosting. */
export interface HostingOptions {
  /** @default 8000 tokens/s read, 50 tokens/s generated, 0.05 s overhead */
  readonly profile?: ServiceProfile;
  /** Time of an endpoint's instance from launch to in service. @default median 258 s */
  readonly endpointProvisioning?: ProvisioningTime;
  /** Maximum number of requests queued in one instance's container. @default 256, an assumption */
  readonly queueLimitPerInstance?: number;
  /** A real model server, which runs for each request; its predictions become part of the responses, and a model of the user takes tensors. @default none */
  readonly modelServer?: Pick<ModelServerProcess, 'predict' | 'infer'>;
  /** ONNX Runtime, which runs the network of each model's artifact on tensors in the form of Triton. @default - tensors are refused */
  readonly onnxRuntime?: {
    readonly projectDirectory: string;
    /** An interpreter with ONNX Runtime. */
    readonly python: string;
    /** Folder of the artifacts, which is created. */
    readonly directory: string;
  };
}

const QUEUE_LIMIT_PER_INSTANCE = 256;
/** SageMaker waits 60 seconds for a container's response (API reference of InvokeEndpoint). */
const REQUEST_TIMEOUT_SECONDS = 60;

/** SageMaker's hosting: models, endpoints with their components, and the requests that they serve. */
export class SageMakerHosting {
  public readonly models: Models;
  public readonly modelPackages: ModelPackages;
  public readonly configs: EndpointConfigs;
  public readonly endpoints: Endpoints;
  public readonly components: InferenceComponents;
  public readonly streams = new ResponseStreams();
  public readonly invocations: Invocations;
  private readonly artifacts: ArtifactModels | undefined;
  private readonly capture: CapturedExchanges;

  public constructor(
    parts: {
      readonly engine: EngineClient;
      readonly clock: RunClock;
      readonly driver: Driver;
      readonly events: AccountEvents;
      readonly capacity: Capacity;
      readonly reservations: Reservations;
      readonly priceOf: PricePerHour;
      readonly random: Random;
      readonly log: (message: string) => void;
    },
    options: HostingOptions,
  ) {
    const { engine, clock, driver, events, capacity, reservations, priceOf, random, log } = parts;
    const profile = options.profile ?? DEFAULT_SERVICE_PROFILE;
    const queueLimit = options.queueLimitPerInstance ?? QUEUE_LIMIT_PER_INSTANCE;
    this.models = new Models(engine);
    this.artifacts = options.onnxRuntime && new ArtifactModels({ ...options.onnxRuntime, engine });
    this.capture = new CapturedExchanges({ clock, engine, random: random.fork('data-capture'), log });
    const networks = new ContainerNetworks(this.models, this.artifacts, options.modelServer?.infer);
    this.modelPackages = new ModelPackages(events);
    this.configs = new EndpointConfigs(this.models, priceOf);
    this.endpoints = new Endpoints({
      configs: this.configs,
      capacity,
      events,
      priceOf,
      fleets: new FleetFactory({
        random: random.fork('endpoints'),
        capacity,
        reservations,
        settings: {
          provisioning: options.endpointProvisioning ?? CACHED_PROVISIONING,
          queueLimitPerInstance: queueLimit,
          requestTimeoutSeconds: REQUEST_TIMEOUT_SECONDS,
        },
      }),
      queues: {
        store: {
          read: ({ bucket, key }) => engine.readObject(bucket, key),
          write: ({ bucket, key }, body) => engine.writeObject(bucket, key, body),
          publish: (topicArn, message) => engine.publish(topicArn, JSON.stringify(message)),
        },
        profile,
        networks,
        driver,
        log,
      },
    });
    this.components = new InferenceComponents({
      endpoints: this.endpoints,
      models: this.models,
      random: random.fork('components'),
      queueLimitPerCopy: queueLimit,
      requestTimeoutSeconds: REQUEST_TIMEOUT_SECONDS,
    });
    this.invocations = new Invocations({
      endpoints: this.endpoints,
      profile,
      networks,
      capture: this.capture,
      random: random.fork('variants'),
      streams: this.streams,
      modelServer: options.modelServer,
    });
  }
  /** Ends every open request, writes the last copies, and ends the networks. */
  public async close(): Promise<void> {
    this.invocations.close();
    await this.capture.close();
    await this.artifacts?.stop();
  }
}

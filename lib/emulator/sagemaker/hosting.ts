import { CACHED_PROVISIONING, type ProvisioningTime } from '../../catalog/provisioning-times';
import type { Random } from '../../simulation/random';
import {
  DEFAULT_SERVICE_PROFILE,
  type ServiceProfile,
  type TokenCounts,
} from '../../simulation/traffic/service-profile';
import type { PricePerHour } from '../account/billing';
import type { Capacity } from '../account/capacity';
import type { Reservations } from '../account/reservations';
import type { Driver } from '../driver';
import type { EngineClient } from '../engine/engine-client';
import type { AccountEvents } from '../events';
import { InferenceComponents } from './components/inference-components';
import { EndpointConfigs } from './endpoints/endpoint-configs';
import { Endpoints } from './endpoints/endpoints';
import { FleetFactory } from './endpoints/fleet-factory';
import { Invocations } from './invocations/invocations';
import { ResponseStreams } from './invocations/response-streams';
import { Models } from './models';

/** Settings of SageMaker's hosting. */
export interface HostingOptions {
  /** @default 8000 tokens/s read, 50 tokens/s generated, 0.05 s overhead */
  readonly profile?: ServiceProfile;
  /** Time of an endpoint's instance from launch to in service. @default median 258 s */
  readonly endpointProvisioning?: ProvisioningTime;
  /** Maximum number of requests queued in one instance's container. @default 256, an assumption */
  readonly queueLimitPerInstance?: number;
  /** A real model server, whose predictions become part of the endpoints' responses. @default none */
  readonly modelServer?: { predict(request: TokenCounts): Promise<number> };
}

const QUEUE_LIMIT_PER_INSTANCE = 256;
/** SageMaker waits 60 seconds for a container's response (API reference of InvokeEndpoint). */
const REQUEST_TIMEOUT_SECONDS = 60;

/** SageMaker's hosting: models, endpoints with their components, and the requests that they serve. */
export class SageMakerHosting {
  public readonly models: Models;
  public readonly configs: EndpointConfigs;
  public readonly endpoints: Endpoints;
  public readonly components: InferenceComponents;
  public readonly streams = new ResponseStreams();
  public readonly invocations: Invocations;

  public constructor(
    parts: {
      readonly engine: EngineClient;
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
    const { engine, driver, events, capacity, reservations, priceOf, random, log } = parts;
    const profile = options.profile ?? DEFAULT_SERVICE_PROFILE;
    const queueLimit = options.queueLimitPerInstance ?? QUEUE_LIMIT_PER_INSTANCE;
    this.models = new Models(engine);
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
      random: random.fork('variants'),
      streams: this.streams,
      modelServer: options.modelServer,
    });
  }
}

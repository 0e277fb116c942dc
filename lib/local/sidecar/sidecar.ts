import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { CACHED_PROVISIONING, type ProvisioningTime } from '../../catalog/provisioning-times';
import type { EpochSeconds } from '../../core/time';
import { CloudWatch } from '../../simulation/cloudwatch';
import { lognormalProvisioning } from '../../simulation/fleet';
import { Random } from '../../simulation/random';
import { DEFAULT_SERVICE_PROFILE, type ServiceProfile, type TokenCounts } from '../../simulation/service-profile';
import type { LocalClock } from '../clock';
import { callScaling } from './application-auto-scaling-api';
import { catalogPrice, type PricePerHour } from './billing';
import { Capacity } from './capacity';
import { Provisioner } from './cloudformation/provision';
import { Driver } from './driver';
import { engineOverSdk, type EngineServices } from './engine-services';
import { PlatformEvents } from './events';
import { listen } from './http';
import { Alarms } from './monitoring/alarms';
import { MetricsPublisher } from './monitoring/metrics-publisher';
import { Outbox } from './outbox';
import { type DeclaredReservations, Reservations } from './reservations';
import { replyToError, route, type RouterParts } from './router';
import { EndpointConfigs } from './sagemaker/endpoint-configs';
import { Endpoints } from './sagemaker/endpoints';
import { FleetFactory } from './sagemaker/fleet-factory';
import { InferenceComponents } from './sagemaker/inference-components';
import { Invocations } from './sagemaker/invocations';
import { Models } from './sagemaker/models';
import { ResponseStreams } from './sagemaker/response-streams';
import { Scaling } from './scaling';
import type { CapacityState, PlatformEvent, PlatformSnapshot } from './snapshot';
import { TrainingJobs } from './training/training-jobs';

export interface SidecarOptions {
  /** 0 picks a free port. */
  readonly port: number;
  readonly clock: LocalClock;
  /** Asked at the first call to the engine, which may start after the sidecar. */
  readonly engineUrl: () => string;
  /** Equal seeds give equal provisioning times and routing. */
  readonly seed: number | string;
  /** Told of what went wrong without being anyone's answer. @default nothing is told */
  readonly log?: (message: string) => void;
  /** Where training jobs have their folders. @default a folder of its own below the system's temporary one */
  readonly dataDirectory?: string;
  /** The interpreter that runs training scripts. @default python3 */
  readonly python?: string;
  /** @default 8000 tokens/s read, 50 tokens/s written, 0.05 s overhead */
  readonly profile?: ServiceProfile;
  /** Launch to in service of an endpoint's instance. @default median 258 s */
  readonly endpointProvisioning?: ProvisioningTime;
  /** Asking for a training job's instance to having it. @default median 150 s, an assumption */
  readonly trainingProvisioning?: ProvisioningTime;
  /** Instances of ML capacity reservations by ARN. @default those that the capacity of their type allows */
  readonly reservations?: DeclaredReservations;
  /** Requests that may wait in one instance's container. @default 256, an assumption */
  readonly queueLimitPerInstance?: number;
  /** A real model server, whose answers become part of the endpoints' answers. @default none */
  readonly modelServer?: { predict(request: TokenCounts): Promise<number> };
  /** @default the dated price table of the catalog */
  readonly priceOf?: PricePerHour;
  /** @default the engine at `engineUrl` */
  readonly engine?: EngineServices;
}

/** The services the engine lacks, running. */
export interface Sidecar {
  readonly port: number;
  readonly url: string;
  /** Where InvokeEndpoint is answered without the way over the engine; the AWS SDK takes it as endpoint. */
  readonly invokeUrl: string;
  snapshot(): PlatformSnapshot;
  /** Calls the listener for every event from now on; the function returned ends that. */
  onEvent(listener: (event: PlatformEvent) => void): () => void;
  /** Says whether new instances of a type can be had from now on. Throws an InputError for a type that does not exist. */
  setCapacity(instanceType: string, state: CapacityState): void;
  /** Resolves when the engine has been told of everything so far. */
  flush(): Promise<void>;
  /** Ends the server, every training script and every timer. */
  stop(): Promise<void>;
}

const TRAINING_PROVISIONING: ProvisioningTime = { medianSeconds: 150, sigma: 0.2 };
const QUEUE_LIMIT_PER_INSTANCE = 256;
/** SageMaker waits 60 seconds for a container's answer (API reference of InvokeEndpoint). */
const REQUEST_TIMEOUT_SECONDS = 60;

/** Starts SageMaker, Application Auto Scaling and the evaluation of CloudWatch alarms on the loopback interface. */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { clock } = options;
  const log = options.log ?? (() => undefined);
  const priceOf = options.priceOf ?? catalogPrice;
  const random = new Random(options.seed);
  const stopping = new AbortController();
  const ownDirectory = options.dataDirectory === undefined;
  const dataDirectory = options.dataDirectory ?? path.join(os.tmpdir(), `tidegate-training-${randomUUID()}`);

  const engine = options.engine ?? engineOverSdk(options.engineUrl);
  const outbox = new Outbox(log);
  const events = new PlatformEvents(engine, outbox, log);
  const cloudWatch = new CloudWatch();
  const capacity = new Capacity();
  const reservations = new Reservations(options.reservations ?? {});
  const models = new Models(engine);
  const configs = new EndpointConfigs(models, priceOf);

  const endpoints = new Endpoints({
    configs,
    capacity,
    events,
    priceOf,
    fleets: new FleetFactory({
      random: random.fork('endpoints'),
      capacity,
      reservations,
      settings: {
        provisioning: options.endpointProvisioning ?? CACHED_PROVISIONING,
        queueLimitPerInstance: options.queueLimitPerInstance ?? QUEUE_LIMIT_PER_INSTANCE,
        requestTimeoutSeconds: REQUEST_TIMEOUT_SECONDS,
      },
    }),
    queues: {
      store: {
        read: ({ bucket, key }) => engine.readObject(bucket, key),
        write: ({ bucket, key }, body) => engine.writeObject(bucket, key, body),
        publish: (topicArn, message) => engine.publish(topicArn, JSON.stringify(message)),
      },
      profile: options.profile ?? DEFAULT_SERVICE_PROFILE,
      catchUp: () => catchUp(),
      rearm: () => rearm(),
      log,
    },
    isScalableTarget: (resourceId) => scaling.isScalableTarget(resourceId),
    onDelete: (endpointName) => {
      scaling.onEndpointDeleted(endpointName);
      onScalingChange();
    },
  });
  const components = new InferenceComponents({
    endpoints,
    models,
    random: random.fork('components'),
    queueLimitPerCopy: options.queueLimitPerInstance ?? QUEUE_LIMIT_PER_INSTANCE,
    requestTimeoutSeconds: REQUEST_TIMEOUT_SECONDS,
    onDelete: (componentName) => {
      scaling.onComponentDeleted(componentName);
      onScalingChange();
    },
  });
  const scaling: Scaling = new Scaling(cloudWatch, endpoints, components, events);
  const catchUp = (): EpochSeconds => driver.catchUp();
  const rearm = (): void => driver.rearm();
  const alarms: Alarms = new Alarms({
    cloudWatch,
    engine,
    outbox,
    events,
    log,
    catchUp,
    onEvaluations: (evaluations) => {
      for (const { alarmName, state, atSeconds } of evaluations) {
        if (state === 'ALARM') endpoints.onAlarm(alarmName, atSeconds);
      }
      scaling.onEvaluations(evaluations);
    },
  });
  const onScalingChange = (): void => alarms.syncOwned(scaling.ownedAlarmNames());
  const metrics = new MetricsPublisher(
    { endpoints, cloudWatch, engine, outbox, random: random.fork('metrics') },
    clock.now(),
  );
  const streams = new ResponseStreams();
  const driver = new Driver(clock, [endpoints, streams, metrics, alarms, scaling], (error) =>
    log(`the platform's driver: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  );
  const trainingJobs = new TrainingJobs(
    {
      clock,
      engine,
      capacity,
      python: options.python ?? 'python3',
      dataDirectory,
      environment: clock.toEnvironment(),
      provisioningSeconds: lognormalProvisioning(
        random.fork('training'),
        options.trainingProvisioning ?? TRAINING_PROVISIONING,
      ),
    },
    events,
    priceOf,
  );
  const profile = options.profile ?? DEFAULT_SERVICE_PROFILE;
  const invocations = new Invocations({
    endpoints,
    profile,
    random: random.fork('variants'),
    streams,
    catchUp,
    rearm,
    modelServer: options.modelServer,
  });
  const provisioner = new Provisioner({
    models,
    configs,
    endpoints,
    components,
    random: random.fork('names'),
    catchUp,
    rearm,
    stopping: stopping.signal,
    call: (operation, input, at) => callScaling({ scaling, onChange: onScalingChange }, operation, input, at),
  });

  const snapshot = (): PlatformSnapshot => {
    const at = catchUp();
    rearm();
    const ofEndpoints = endpoints.billedUsd(at);
    const ofTraining = trainingJobs.billedUsd(at);
    return {
      atSeconds: at,
      endpoints: endpoints.snapshot(at),
      targets: scaling.targetSnapshots(),
      activities: scaling.activitySnapshots(),
      alarms: alarms.snapshot(),
      trainingJobs: trainingJobs.snapshot(at),
      capacity: capacity.snapshot(),
      billedUsd: { total: ofEndpoints + ofTraining, endpoints: ofEndpoints, training: ofTraining },
    };
  };

  const parts: RouterParts = {
    models,
    configs,
    reservations,
    endpoints,
    components,
    trainingJobs,
    invocations,
    scaling,
    alarms,
    provisioner,
    onScalingChange,
    catchUp,
    rearm,
    snapshot,
    log,
  };
  const server = await listen({
    port: options.port,
    handler: (request) => route(parts, request),
    onError: (error, request) => replyToError(log, error, request),
  });
  driver.start();

  return {
    port: server.port,
    url: server.url,
    invokeUrl: server.url,
    snapshot,
    onEvent: (listener) => events.listen(listener),
    setCapacity: (instanceType, state) => {
      const at = catchUp();
      capacity.set(instanceType, state, at);
      events.tell({ kind: 'capacity-set', atSeconds: at, instanceType, state });
      rearm();
    },
    flush: () => outbox.flush(),
    stop: async () => {
      driver.stop();
      stopping.abort(new Error('the local services are stopping'));
      invocations.close();
      await server.close();
      await trainingJobs.close();
      await alarms.close();
      await outbox.close();
      engine.close();
      if (ownDirectory) await fs.rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

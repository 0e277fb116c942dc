import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import type { ProvisioningTime } from '../catalog/provisioning-times';
import { CloudWatch } from '../simulation/aws/cloudwatch';
import { DEFAULT_QUIET_METRICS, type QuietMetrics } from '../simulation/aws/sagemaker-metrics';
import { type CapacityState, lognormalProvisioning } from '../simulation/fleet';
import { Random } from '../simulation/random';
import { catalogPrice, type PricePerHour } from './account/billing';
import { Capacity } from './account/capacity';
import { type DeclaredReservations, Reservations } from './account/reservations';
import { type DeclaredQuotas, ServiceQuotas } from './account/service-quotas';
import type { RunClock } from './clock';
import { Provisioner } from './cloudformation/provision';
import type { RollbackReport } from './cloudformation/rollback-report';
import { Driver } from './driver';
import { Greengrass } from './edge/greengrass';
import { Emulator } from './emulator';
import { DeliveryQueue } from './engine/delivery-queue';
import { createEngineClient, type EngineClient } from './engine/engine-client';
import { AccountEvents } from './events';
import { EngineGate } from './http/engine-gate';
import { replyToError, route } from './http/router';
import { listen } from './http/server';
import { KafkaEventSources, type TopicBacklog } from './kafka/kafka-event-sources';
import { Alarms } from './monitoring/alarms';
import { MetricsPublisher } from './monitoring/metrics-publisher';
import { monotonicMs } from './monotonic';
import { type HostingOptions, SageMakerHosting } from './sagemaker/hosting';
import { OptimizationJobs } from './optimization/optimization-jobs';
import { ProcessingJobs } from './processing/processing-jobs';
import { Scaling } from './scaling/scaling';
import type { AccountEvent, AccountSnapshot } from './snapshot';
import { TrainingJobs } from './training/training-jobs';

export interface EmulatorOptions extends HostingOptions {
  /** Port on the loopback interface; 0 picks a free one. */
  readonly port: number;
  readonly clock: RunClock;
  /** Returns the engine's URL; called at the first call to the engine, which may start after the emulator. */
  readonly engineUrl: () => string;
  /** Equal seeds give equal provisioning times and routing. */
  readonly seed: number | string;
  /** Receives errors that are not part of a response. @default they are discarded */
  readonly log?: (message: string) => void;
  /** Folder of the training jobs. @default a folder of its own below the system's temporary one */
  readonly dataDirectory?: string;
  /** Interpreter that runs training scripts. @default python3 */
  readonly python?: string;
  /** Program that plays the containers of optimisation jobs: it is given the folder of the model and that of its output. @default - they fail */
  readonly optimizer?: string;
  /** Time from the request for a training job's instance to the instance. @default median 150 s, an assumption */
  readonly trainingProvisioning?: ProvisioningTime;
  /** Instances of ML capacity reservations, by ARN. @default as many as the capacity of their type allows */
  readonly reservations?: DeclaredReservations;
  /** Quotas by their names in Service Quotas. @default - 100 instances of each type for each use */
  readonly quotas?: DeclaredQuotas;
  /** Outcome that CloudFormation reports for an endpoint's update that was rolled back. @default failed */
  readonly rollbacks?: RollbackReport;
  /** Datapoints of the metrics of requests while there are none. @default zeros */
  readonly quietMetrics?: QuietMetrics;
  /** @default the dated price table of the catalog */
  readonly priceOf?: PricePerHour;
  /** @default the engine at `engineUrl` */
  readonly engine?: EngineClient;
  /** Address of a Kafka broker, which stands for every cluster of the account. @default - Kafka event sources are not played */
  readonly kafkaBroker?: string;
}

/** An emulator that serves HTTP. */
export interface RunningEmulator {
  readonly port: number;
  readonly url: string;
  /** Endpoint URL of SageMaker's runtime API for the AWS SDK, without the way through the engine, which is asked for the permissions of roles. */
  readonly invokeUrl: string;
  /** Requests that were received and have no reply yet. */
  openRequests(): number;
  snapshot(): AccountSnapshot;
  /** Calls the listener for every event from now on; the returned function ends that. */
  onEvent(listener: (event: AccountEvent) => void): () => void;
  /** Says whether new instances of a type are available from now on. Throws an InputError for a type that does not exist. */
  setCapacity(instanceType: string, state: CapacityState): void;
  /** Takes the spot instances of a training job away; false where its script does not run on any. Throws for a job that does not exist. */
  interruptTraining(jobName: string): boolean;
  /** Records of a Kafka topic that its event source has not passed yet; undefined for a topic without one. */
  kafkaBacklog(topic: string): Promise<TopicBacklog | undefined>;
  /** Component versions, deployments and role aliases of stacks, which core devices take. */
  readonly greengrass: Greengrass;
  /** Resolves when everything so far has been delivered to the engine. */
  flush(): Promise<void>;
  /** Ends the server, every training script and every timer. */
  stop(): Promise<void>;
}

const TRAINING_PROVISIONING: ProvisioningTime = { medianSeconds: 150, sigma: 0.2 };

/** Starts SageMaker, Application Auto Scaling and the evaluation of CloudWatch alarms on the loopback interface. */
export async function startEmulator(options: EmulatorOptions): Promise<RunningEmulator> {
  const { clock, python = 'python3', priceOf = catalogPrice, log = () => undefined } = options;
  const dataDirectory = options.dataDirectory ?? path.join(os.tmpdir(), `tidegate-training-${randomUUID()}`);
  const random = new Random(options.seed);
  const onError = (error: unknown): void =>
    log(`the emulator's loop: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);

  const engine = options.engine ?? createEngineClient(options.engineUrl);
  const deliveries = new DeliveryQueue(log);
  const events = new AccountEvents(engine, deliveries, log);
  const driver = new Driver(clock, onError);
  const capacity = new Capacity();
  const reservations = new Reservations(options.reservations ?? {});
  const cloudWatch = new CloudWatch();

  const hosting = new SageMakerHosting(
    { engine, clock, driver, events, capacity, reservations, priceOf, random, log },
    options,
  );
  const { models, modelPackages, configs, endpoints, components, streams, invocations } = hosting;
  const metrics = new MetricsPublisher(
    {
      endpoints,
      cloudWatch,
      engine,
      deliveries,
      random: random.fork('metrics'),
      quietMetrics: options.quietMetrics ?? DEFAULT_QUIET_METRICS,
    },
    clock.now(),
  );
  const alarms = new Alarms({ cloudWatch, engine, deliveries, events, driver, log });
  const scaling = new Scaling({ cloudWatch, endpoints, components, alarms, events });
  const provisioning = options.trainingProvisioning ?? TRAINING_PROVISIONING;
  const jobs = { clock, engine, capacity, python, dataDirectory, environment: clock.toEnvironment() };
  const trainingJobs = new TrainingJobs(
    { ...jobs, provisioningSeconds: lognormalProvisioning(random.fork('training'), provisioning) },
    events,
    priceOf,
  );
  const processingJobs = new ProcessingJobs(
    { ...jobs, provisioningSeconds: lognormalProvisioning(random.fork('processing'), provisioning) },
    events,
    priceOf,
  );
  const optimizationJobs = new OptimizationJobs({
    ...jobs,
    optimizer: options.optimizer,
    provisioningSeconds: lognormalProvisioning(random.fork('optimization'), provisioning),
  });
  const emulator = new Emulator(
    { endpoints, streams, metrics, alarms, scaling, events, capacity, trainingJobs, processingJobs, onError },
    clock.now(),
  );

  const stopping = new AbortController();
  const names = random.fork('names');
  const greengrass = new Greengrass(engine);
  const provisioner = new Provisioner({
    ...hosting,
    scaling,
    driver,
    random: names,
    rollbacks: options.rollbacks ?? 'failed',
    stopping: stopping.signal,
    kafkaBroker: options.kafkaBroker,
    greengrass,
  });
  const kafka =
    options.kafkaBroker === undefined
      ? undefined
      : new KafkaEventSources({
          engineUrl: options.engineUrl,
          brokerAddress: options.kafkaBroker,
          clock,
          putMetric: (MetricName, dimensions, Value) =>
            engine.putMetricData('AWS/Lambda', [
              {
                MetricName,
                Value,
                Dimensions: Object.entries(dimensions).map(([Name, DimensionValue]) => ({
                  Name,
                  Value: DimensionValue,
                })),
                Timestamp: new Date(clock.now() * 1000),
              },
            ]),
          log,
        });
  const { kafkaBroker } = options;
  const quotas = new ServiceQuotas(options.quotas ?? {});
  const sageMaker = {
    models,
    modelPackages,
    configs,
    endpoints,
    components,
    reservations,
    trainingJobs,
    processingJobs,
    optimizationJobs,
  };
  const gate = new EngineGate({ engineUrl: options.engineUrl, nowMs: monotonicMs });
  const server = await listen({
    port: options.port,
    handler: (request) =>
      route(
        { driver, emulator, sageMaker, invocations, scaling, alarms, provisioner, quotas, kafkaBroker, gate },
        request,
      ),
    onError: (error, request) => replyToError(log, error, request),
  });
  driver.start(emulator);

  return {
    port: server.port,
    url: server.url,
    invokeUrl: server.url,
    openRequests: () => server.openRequests(),
    snapshot: () => driver.apply((at) => emulator.snapshot(at)),
    onEvent: (listener) => emulator.onEvent(listener),
    setCapacity: (instanceType, state) => driver.apply((at) => emulator.setCapacity(instanceType, state, at)),
    interruptTraining: (jobName) => trainingJobs.interrupt(jobName),
    greengrass,
    kafkaBacklog: async (topic) => kafka?.backlog(topic),
    flush: () => deliveries.flush(),
    stop: async () => {
      driver.stop();
      stopping.abort(new Error('the local services are stopping'));
      await hosting.close();
      await kafka?.stop();
      await server.close();
      gate.close();
      await trainingJobs.close();
      await processingJobs.close();
      await optimizationJobs.close();
      await alarms.close();
      await deliveries.close();
      engine.close();
      if (options.dataDirectory === undefined) await fs.rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

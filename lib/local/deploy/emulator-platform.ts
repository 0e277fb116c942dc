import * as fs from 'node:fs';
import * as path from 'node:path';
import { variantResourceId } from '../../catalog/scalable-resource';
import { startEmulator, type AccountSnapshot } from '../../emulator';
import { parseReservations, RESERVATIONS_VARIABLE } from '../../emulator/account/reservations';
import type { Greengrass } from '../../emulator/edge/greengrass';
import { OPTIMIZER_VARIABLE } from '../../emulator/optimization/optimization-job';
import { parseRollbackReport, ROLLBACKS_VARIABLE } from '../../emulator/cloudformation/rollback-report';
import type { LocalClock } from '../../emulator/clock';
import { startEngine } from '../../emulator/engine/engine';
import type { ModelServerProcess } from '../../emulator/model-server/model-server-process';
import type { QuietMetrics } from '../../simulation/aws/sagemaker-metrics';
import { InvokeConnection } from './invoke';
import type { FleetView, LocalPlatform } from './local-platform';

/** Platform on the emulator, whose whole state is visible. */
export interface EmulatorPlatform extends LocalPlatform {
  /** URL of SageMaker's runtime API in the emulator, without the detour over the engine. */
  readonly invokeUrl: string;
  /** Component versions, deployments and role aliases of stacks, which core devices take. */
  readonly greengrass: Greengrass;
  snapshot(): AccountSnapshot;
  /** Takes the spot instances of a training job away; false where its script does not run on any. */
  interruptTraining(jobName: string): boolean;
}

/** SageMaker's limit is 60 seconds on the local clock, so this real time-out ends hanging calls only. */
const INVOKE_TIMEOUT_MS = 75_000;

const EMPTY_FLEET: Omit<FleetView, 'billedUsd' | 'minCapacity' | 'maxCapacity'> = {
  desired: 0,
  inService: 0,
  provisioning: 0,
  byType: {},
  slotsPerInstance: 0,
  queued: 0,
  inFlight: 0,
};

/** Starts the emulator and its engine. */
export async function startEmulatorPlatform(options: {
  readonly projectDirectory: string;
  readonly dataDirectory: string;
  readonly python: string;
  readonly clock: LocalClock;
  readonly seed: number;
  /** Datapoints of the metrics of requests while there are none. @default zeros */
  readonly quietMetrics?: QuietMetrics;
  /** Address of a Kafka broker. @default none */
  readonly kafkaBroker?: string;
  /** Real model server behind the endpoints. @default none */
  readonly modelServer?: ModelServerProcess;
  /** Interpreter of training jobs and of the networks behind endpoints, with PyTorch and ONNX Runtime. @default - `python`, and no networks */
  readonly learningPython?: string;
  /** Receives errors of the services. */
  readonly onError: (message: string) => void;
}): Promise<EmulatorPlatform> {
  const { clock, dataDirectory, projectDirectory, python, seed, quietMetrics } = options;
  const emulatorLog = path.join(dataDirectory, 'emulator.log');
  let engineUrl = '';
  const emulator = await startEmulator({
    port: 0,
    clock,
    seed,
    quietMetrics,
    python: options.learningPython ?? python,
    dataDirectory: path.join(dataDirectory, 'training'),
    ...(options.learningPython !== undefined && {
      onnxRuntime: {
        projectDirectory,
        python: options.learningPython,
        directory: path.join(dataDirectory, 'networks'),
      },
    }),
    modelServer: options.modelServer,
    kafkaBroker: options.kafkaBroker,
    reservations: parseReservations(process.env[RESERVATIONS_VARIABLE]),
    rollbacks: parseRollbackReport(process.env[ROLLBACKS_VARIABLE]),
    optimizer: process.env[OPTIMIZER_VARIABLE],
    engineUrl: () => engineUrl,
    log: (message) => {
      fs.appendFileSync(emulatorLog, `${new Date(clock.now() * 1000).toISOString()} ${message}\n`);
      options.onError(message);
    },
  });
  let engine: Awaited<ReturnType<typeof startEngine>>;
  try {
    engine = await startEngine({
      port: 0,
      clock,
      emulatorUrl: emulator.url,
      invokeUrl: emulator.invokeUrl,
      dataDirectory,
      python,
      projectDirectory,
    });
  } catch (error) {
    await emulator.stop();
    throw error;
  }
  engineUrl = engine.url;
  return {
    engineUrl,
    invokeUrl: emulator.invokeUrl,
    greengrass: emulator.greengrass,
    snapshot: () => emulator.snapshot(),
    clock,
    enforceIam: () => engine.enforceIam(),
    watch: () => Promise.resolve(),
    fleet: (endpointName, variantName) => fleetOf(emulator.snapshot(), endpointName, variantName),
    trainingJobs: () => emulator.snapshot().trainingJobs,
    activities: () => emulator.snapshot().activities,
    onEvent: (listener) => emulator.onEvent(listener),
    connect: (endpointName) => {
      const connection = new InvokeConnection(emulator.invokeUrl, endpointName, INVOKE_TIMEOUT_MS);
      return { invoke: (body) => connection.invoke(body), close: () => connection.close() };
    },
    streamBacklog: async (streamName) => (await engine.streamBacklog())[streamName]?.queued ?? 0,
    topicBacklog: async (topicName) => (await emulator.kafkaBacklog(topicName))?.queued ?? 0,
    kafkaBroker: options.kafkaBroker,
    deniedCalls: () => engine.deniedCalls(),
    interruptTraining: (jobName) => emulator.interruptTraining(jobName),
    setCapacity: (instanceType, state) => emulator.setCapacity(instanceType, state),
    failed: engine.failed,
    logFiles: [engine.logFile, emulatorLog],
    // The engine stops first, because its handlers call the emulator.
    stop: async () => {
      await engine.stop();
      await emulator.stop();
    },
  };
}

function fleetOf(snapshot: AccountSnapshot, endpointName: string, variantName: string): FleetView {
  const endpoint = snapshot.endpoints.find(({ name }) => name === endpointName);
  const variant = endpoint?.variants.find(({ name }) => name === variantName);
  const target = snapshot.targets.find(({ resourceId }) => resourceId === variantResourceId(endpointName, variantName));
  const common = {
    minCapacity: target?.minCapacity ?? null,
    maxCapacity: target?.maxCapacity ?? null,
    billedUsd: snapshot.billedUsd.total,
  };
  if (variant === undefined) return { ...EMPTY_FLEET, ...common };
  return {
    desired: variant.desiredInstances,
    inService: variant.inServiceInstances,
    provisioning: variant.provisioningInstances,
    byType: variant.byType,
    slotsPerInstance: variant.slotsPerInstance,
    queued: variant.queued,
    inFlight: variant.inFlight,
    ...common,
  };
}

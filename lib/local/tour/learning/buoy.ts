import * as fs from 'node:fs';
import * as path from 'node:path';
import { Cable } from '../../../emulator/edge/cable';
import type { CoreDevice } from '../../../emulator/edge/core-device';
import { startGroupDevice } from '../../../emulator/edge/group-device';
import { rollOutToGroup } from '../../../emulator/edge/group-rollout';
import { startMosquitto } from '../../../emulator/edge/mosquitto';
import { edgeEnvironmentsDirectory } from '../../../emulator/state-directory';
import { LEARNING_TOUR } from '../../../platform/contract';
import { until } from '../context';
import type { FleetDevice, LearningContext } from './progress';
import type { LearningRow } from './rows';

/** Time until a request without a response is sent again, real milliseconds. */
const ASK_AGAIN_MS = 5_000;
const MAX_RESPONSE_SECONDS = 7200;

/** A device of the fleet with the real component, a broker, and cables that can be cut. */
export class Buoy implements FleetDevice {
  private readonly labels = new Map<string, string>();
  private ending: Promise<void> | undefined;

  private constructor(
    private readonly context: LearningContext,
    private readonly device: CoreDevice,
    private readonly cables: readonly Cable[],
    private readonly stopBroker: () => Promise<void>,
  ) {
    device.subscribe(context.outputs.EdgeResponseTopic, (payload) => {
      const { id, label } = JSON.parse(payload.toString('utf8')) as { id?: string; label?: string };
      if (id !== undefined && label !== undefined) this.labels.set(id, label);
    });
  }

  public static async start(context: LearningContext): Promise<Buoy> {
    const { platform, outputs, dataDirectory } = context;
    const folder = path.join(dataDirectory, 'edge');
    fs.mkdirSync(folder, { recursive: true });
    const broker = await startMosquitto(folder);
    const cables: Cable[] = [];
    try {
      const toBroker = await Cable.to(broker.port);
      cables.push(toBroker);
      const toEngine = await Cable.to(Number(new URL(platform.engineUrl).port));
      cables.push(toEngine);
      const device = await startGroupDevice({
        greengrass: platform.greengrass,
        engineUrl: platform.engineUrl,
        clock: platform.clock,
        awsEndpointUrl: `http://127.0.0.1:${toEngine.port}`,
        roleAlias: outputs.EdgeRoleAlias,
        thingName: `${LEARNING_TOUR.fleetName}-1`,
        directory: path.join(folder, 'device'),
        broker: { host: broker.host, port: toBroker.port },
      });
      return new Buoy(context, device, cables, () => broker.stop());
    } catch (error) {
      for (const cable of cables) await cable.close();
      await broker.stop();
      throw error;
    }
  }

  /** Takes the deployment of the fleet at the speed of its rollout; returns the version that runs then. */
  public async update(): Promise<string> {
    const { platform, outputs } = this.context;
    const component = outputs.EdgeComponentName;
    const deployment = platform.greengrass.deploymentOf(outputs.EdgeThingGroupArn);
    if (deployment === undefined) throw new Error('the fleet has no deployment');
    const components = {
      ...deployment.components,
      // Python packages are installed once for all runs.
      [component]: {
        ...deployment.components[component]!,
        configurationUpdate: { reset: [''], merge: { environmentDirectory: edgeEnvironmentsDirectory() } },
      },
    };
    const { results } = await rollOutToGroup({ ...deployment, components }, [this.device], platform.clock);
    this.context.signal.throwIfAborted();
    const failed = results.find(({ status }) => status !== 'SUCCESSFUL');
    if (failed !== undefined) {
      throw new Error(`the deployment to the device ended as ${failed.status}: ${failed.reason}`);
    }
    return this.version();
  }

  /** Version of the component that runs. */
  public version(): string {
    return this.device.versionOf(this.context.outputs.EdgeComponentName)!;
  }

  /** Asks for the labels of rows until each has a response; returns the labels by the ids of the rows. */
  public async ask(rows: readonly LearningRow[], condition: string): Promise<ReadonlyMap<string, string>> {
    const topic = this.context.outputs.EdgeRequestTopic;
    let sentMs = Number.NEGATIVE_INFINITY;
    await until(this.context, condition, MAX_RESPONSE_SECONDS, () => {
      const open = rows.filter(({ id }) => !this.labels.has(id));
      if (open.length > 0 && this.device.hasSubscriber(topic) && performance.now() - sentMs > ASK_AGAIN_MS) {
        sentMs = performance.now();
        for (const { id, features } of open) this.device.publish(topic, Buffer.from(JSON.stringify({ id, features })));
      }
      return open.length === 0;
    });
    return new Map(rows.map(({ id }) => [id, this.labels.get(id)!]));
  }

  public goOffline(): void {
    for (const cable of this.cables) cable.cut();
  }

  public comeBack(): void {
    for (const cable of this.cables) cable.mend();
  }

  /** Ends device and broker at once; safe to call twice. */
  public stop(): Promise<void> {
    this.ending ??= (async () => {
      await this.device.powerCut();
      for (const cable of this.cables) await cable.close();
      await this.stopBroker();
    })();
    return this.ending;
  }
}

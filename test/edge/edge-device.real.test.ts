import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { decideEdgeOffload } from '../../lib/edge/decide/offload';
import type { CoreDevice } from '../../lib/emulator/edge/core-device';
import { MqttLink } from '../../lib/emulator/edge/mqtt-link';
import { projectDirectory } from '../architecture/imports';
import { pythonWithOnnx } from '../compression/onnx-runtime';
import { eventually } from '../emulator/engine/support/local-aws';
import { describeWith } from '../support/needs';
import { type Digit, digits, startClassifier } from '../training/torch';
import { COMPONENT_NAME, deviceParts, EdgeSite, type ForwardedResult, METRICS, ModelServer } from './device';

const COMPRESS = path.join(projectDirectory, 'lib', 'compression', 'assets', 'compress.py');
const TIMEOUT_MS = 600_000;

const parts = deviceParts();
const onnx = pythonWithOnnx();
const found = digits();
const missing = [parts, onnx, found].flatMap((part) => ('missing' in part ? [part.missing] : []))[0];

interface Counts {
  readonly [metric: string]: number;
}

describeWith(missing, 'a device with the real component', () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-edge-models-'));
  const rows = found as readonly Digit[];
  const models = { small: path.join(root, 'small'), pruned: path.join(root, 'pruned'), bad: path.join(root, 'bad') };
  let site: EdgeSite;
  let server: ModelServer;
  let versions: { small: string; pruned: string };

  /** Trains a classifier, and compresses it twice behind the gate. */
  beforeAll(async () => {
    const { python } = onnx as { python: string };
    const data = path.join(root, 'rows');
    fs.mkdirSync(data);
    fs.writeFileSync(path.join(data, 'digits.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const trained = await startClassifier(path.join(root, 'trained'), {
      python,
      count: 1,
      data,
      hyperparameters: ['--epochs', '5', '--hidden', '64,64', '--checkpoint-steps', '1000'],
    });
    expect(await trained.end()).toEqual([0]);
    const compress = (target: string, technique: string): void => {
      const { status, stderr } = spawnSync(
        python,
        [
          COMPRESS,
          '--techniques',
          technique,
          '--min-speedup',
          '0',
          '--max-accuracy-loss',
          '0.05',
          '--latency-runs',
          '10',
        ],
        {
          encoding: 'utf8',
          env: {
            PATH: process.env.PATH,
            PYTHONDONTWRITEBYTECODE: '1',
            OMP_NUM_THREADS: '1',
            SM_CHANNEL_MODEL: trained.model,
            SM_CHANNEL_TRAIN: data,
            SM_CHANNEL_EVALUATION: path.join(root, 'none'),
            SM_MODEL_DIR: target,
            SM_OUTPUT_DIR: `${target}-output`,
            SM_OUTPUT_DATA_DIR: `${target}-output/data`,
          },
        },
      );
      expect([status, stderr]).toEqual([0, expect.anything()]);
    };
    compress(models.small, 'int8-dynamic');
    compress(models.pruned, 'int8-static');
    fs.cpSync(models.small, models.bad, { recursive: true });
    const broken = path.join(models.bad, 'classifier', '1', 'model.onnx');
    fs.writeFileSync(broken, fs.readFileSync(broken).subarray(0, 5_000));

    server = await ModelServer.start(
      (parts as { python: string }).python,
      path.join(models.small, 'classifier', '1', 'model.onnx'),
    );
    site = await EdgeSite.start();
    site.aws.emulator.inference = async (body) => {
      const response = await fetch(server.url, { method: 'POST', body: JSON.stringify(body) });
      return { status: 200, body: (await response.json()) as object };
    };
    versions = { small: await site.createVersion(models.small), pruned: await site.createVersion(models.pruned) };
  }, TIMEOUT_MS);

  afterAll(async () => {
    await site?.stop();
    server?.stop();
    fs.rmSync(root, { recursive: true, force: true });
  }, TIMEOUT_MS);

  const requests = (name: string, from: number, count: number, more: object = {}) =>
    rows.slice(from, from + count).map(({ features }, index) => ({ id: `${name}-${index}`, features, ...more }));

  const landedOf = async (name: string): Promise<ForwardedResult[]> =>
    (await site.landed()).filter(({ id }) => id.startsWith(`${name}-`));

  /** Results of a name by id, once as many have landed; fails where two records of an id differ. */
  async function settled(name: string, count: number): Promise<Map<string, ForwardedResult>> {
    const records = await eventually(
      () => landedOf(name),
      (all) => new Set(all.map(({ id }) => id)).size >= count,
      120_000,
    );
    const byId = new Map<string, ForwardedResult>();
    for (const record of records) {
      const earlier = byId.get(record.id);
      if (earlier !== undefined) expect(record).toEqual(earlier);
      byId.set(record.id, record);
    }
    expect(byId.size).toBe(count);
    return byId;
  }

  const logOf = (device: CoreDevice): string => fs.readFileSync(device.logFileOf(COMPONENT_NAME), 'utf8');

  test(
    'answers at the edge, and the results land with what the model said',
    async () => {
      const device = await site.startDevice('plain');
      const result = await site.deploy(device, versions.small);
      expect(result).toEqual({ deploymentId: expect.anything(), status: 'SUCCESSFUL' });
      const asked = requests('plain', 0, 200);
      await site.ask(device, asked);
      const right = asked.filter(({ id }, index) => site.responseTo(id)!.label === rows[index]!.label);
      expect(right.length).toBeGreaterThan(180);
      const landed = await settled('plain', 200);
      for (const { id } of asked) {
        expect(landed.get(id)!.label).toBe(site.responseTo(id)!.label);
        expect(landed.get(id)!.device).toBe('plain');
      }
      await device.stop();
    },
    TIMEOUT_MS,
  );

  test(
    'cut off, killed and upgraded in the middle, it loses nothing, and nothing lands twice',
    async () => {
      const device = await site.startDevice('cut');
      await site.deploy(device, versions.small);
      await site.ask(device, requests('cut', 0, 100));
      site.cutOff();
      await site.ask(device, requests('cut', 0, 300));
      // Killed while requests are on their way; the lifecycle starts it again.
      const killed = site.ask(device, requests('cut', 0, 500));
      await eventually(
        () => requests('cut', 300, 200).length,
        () => site.responseTo('cut-320') !== undefined,
        60_000,
      );
      device.kill(COMPONENT_NAME);
      await killed;
      site.reconnect();
      // Upgraded while requests are on their way and the outage is being caught up with.
      const asked = site.ask(device, requests('cut', 0, 700));
      expect((await site.deploy(device, versions.pruned)).status).toBe('SUCCESSFUL');
      await asked;
      // A power cut of the whole device, with what is on its disk.
      site.cutOff();
      await site.ask(device, requests('cut', 0, 800));
      await device.powerCut();
      site.reconnect();
      const again = await site.startDevice('cut');
      const landed = await settled('cut', 800);
      const raw = await landedOf('cut');
      console.info(
        `${raw.length} records of 800 requests in the stream, ${raw.length - landed.size} of them put again after a crash`,
      );
      expect([...landed.values()].map(({ device: name }) => name)).toEqual(Array(800).fill('cut'));
      expect(new Set([...landed.values()].map(({ model }) => model)).size).toBe(2);
      for (const [id, { label }] of landed) expect(site.responseTo(id)!.label).toBe(label);
      expect(again.versionOf(COMPONENT_NAME)).toBe(versions.pruned);
      // The same request again has the same response, and lands no second time.
      site.responses.length = 0;
      again.publish('test/requests', Buffer.from(JSON.stringify(requests('cut', 0, 1)[0])));
      await eventually(
        () => site.responses.length,
        (count) => count === 1,
      );
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect((await landedOf('cut')).length).toBe(raw.length);
      await again.stop();
    },
    TIMEOUT_MS,
  );

  test(
    'goes back to the version before when a new one cannot load its model, and to no other when its artifact is another file',
    async () => {
      const device = await site.startDevice('back');
      await site.deploy(device, versions.small);
      await site.ask(device, requests('back', 0, 10));
      const bad = await site.deploy(device, await site.createVersion(models.bad));
      expect(bad).toMatchObject({
        status: 'FAILED_ROLLBACK_COMPLETE',
        reason: expect.stringContaining('ONNX Runtime cannot load') as unknown,
      });
      expect(device.versionOf(COMPONENT_NAME)).toBe(versions.small);
      await site.ask(device, requests('back', 0, 20));
      const ungated = path.join(root, 'ungated');
      fs.cpSync(models.small, ungated, { recursive: true });
      fs.rmSync(path.join(ungated, 'report.json'));
      expect(await site.deploy(device, await site.createVersion(ungated))).toMatchObject({
        status: 'FAILED_ROLLBACK_COMPLETE',
        reason: expect.stringContaining('has no report.json') as unknown,
      });
      const pid = device.pidOf(COMPONENT_NAME);
      expect(await site.deploy(device, await site.createForgedVersion(models.pruned))).toMatchObject({
        status: 'FAILED_NO_STATE_CHANGE',
        reason: expect.stringContaining('its digest differs') as unknown,
      });
      expect(device.pidOf(COMPONENT_NAME)).toBe(pid);
      await site.ask(device, requests('back', 0, 30));
      await settled('back', 30);
      await device.stop();
    },
    TIMEOUT_MS,
  );

  test(
    'asks the cloud endpoint when unsure or told to, at once or after an outage, and tells it by its metrics',
    async () => {
      const metrics: Counts[] = [];
      const home = new MqttLink({ host: site.broker.host, port: site.broker.port, clientId: 'metrics' });
      home.subscribe(METRICS, (_, payload) => metrics.push(JSON.parse(payload.toString('utf8')) as Counts));
      const version = await site.createVersion(models.pruned, { endpointName: 'digits', confidenceThreshold: '0.9' });
      const device = await site.startDevice('unsure');
      await site.deploy(device, version);
      await site.ask(device, requests('unsure', 0, 150));
      await site.ask(device, requests('told', 0, 3, { cloud: true }));
      for (const { id } of requests('told', 0, 3)) expect(site.responseTo(id)!.source).toBe('cloud');
      site.cutOff();
      await site.ask(device, requests('outage', 150, 150));
      const unsure = requests('outage', 0, 150).filter(({ id }) => site.responseTo(id)!.source === 'edge-unsure');
      expect(unsure.length).toBeGreaterThan(0);
      site.reconnect();
      const landed = new Map([
        ...(await settled('unsure', 150)),
        ...(await settled('told', 3)),
        ...(await settled('outage', 150)),
      ]);
      for (const { id } of unsure) expect(landed.get(id)!.source).toBe('cloud');
      for (const { source, confidence } of landed.values())
        if (source === 'edge') expect(confidence).toBeGreaterThanOrEqual(0.9);
      const cloud = [...landed.values()].filter(({ source }) => source === 'cloud');
      const sum = (name: string): number => metrics.reduce((total, one) => total + (one[name] ?? 0), 0);
      await eventually(
        () => sum('EdgeAskedCloud'),
        (count) => count === cloud.length,
      );
      expect(sum('EdgeRequests')).toBe(303);
      expect(sum('EdgeForwarded')).toBe(303);
      expect(sum('EdgeDropped')).toBe(0);
      const { share } = decideEdgeOffload([{ requests: sum('EdgeRequests'), askedCloud: sum('EdgeAskedCloud') }]);
      console.info(
        `${cloud.length} of 303 requests went to the cloud endpoint: an offload of ${(100 * share).toFixed(1)} %`,
      );
      expect(share).toBeCloseTo(1 - cloud.length / 303);
      // A lower threshold needs no restart.
      const pid = device.pidOf(COMPONENT_NAME);
      expect((await site.deploy(device, version, { confidenceThreshold: '0' })).status).toBe('SUCCESSFUL');
      await eventually(
        () => logOf(device),
        (text) => text.includes('threshold 0\n'),
      );
      expect(device.pidOf(COMPONENT_NAME)).toBe(pid);
      await site.ask(device, requests('certain', 0, 100));
      for (const { id } of requests('certain', 0, 100)) expect(site.responseTo(id)!.source).toBe('edge');
      home.close();
      await device.stop();
    },
    TIMEOUT_MS,
  );

  test(
    'may do with its role what it needs and nothing else',
    async () => {
      const denied = await site.aws.engine.deniedCalls();
      expect(denied.filter(({ principal }) => principal.includes('token-exchange'))).toEqual([]);
      const device = await site.startDevice('elsewhere');
      const version = await site.createVersion(models.small, { streamName: 'other-stream' });
      await site.deploy(device, version);
      await site.ask(device, requests('elsewhere', 0, 5));
      await eventually(
        () => site.aws.engine.deniedCalls(),
        (calls) =>
          calls.some(({ action, resource }) => action === 'kinesis:PutRecords' && resource.includes('other-stream')),
      );
      expect(await landedOf('elsewhere')).toEqual([]);
      await device.stop();
    },
    TIMEOUT_MS,
  );

  test(
    'keeps within the bound of its disk, also on a full one, and counts what it drops',
    async () => {
      const metrics: Counts[] = [];
      const home = new MqttLink({ host: site.broker.host, port: site.broker.port, clientId: 'drops' });
      home.subscribe(METRICS, (_, payload) => metrics.push(JSON.parse(payload.toString('utf8')) as Counts));
      const small = await site.createVersion(models.small, { storeMaxBytes: String(4 * 1024 * 1024) });
      const device = await site.startDevice('full');
      await site.deploy(device, small);
      site.awsCable.cut();
      for (let round = 0; round < 12; round++) await site.ask(device, requests(`full-${round}`, 0, 1_000));
      const folder = path.join(site.directory, 'full', 'work', COMPONENT_NAME, 'store');
      const bytes = fs.readdirSync(folder).reduce((sum, name) => sum + fs.statSync(path.join(folder, name)).size, 0);
      expect(bytes).toBeLessThanOrEqual(4 * 1024 * 1024);
      site.awsCable.mend();
      const sum = (name: string): number => metrics.reduce((total, one) => total + (one[name] ?? 0), 0);
      // A request that was asked again on a busy machine is another one once the small store has forgotten it.
      const answered = await eventually(
        () => ({ asked: sum('EdgeRequests'), settled: sum('EdgeForwarded') + sum('EdgeDropped') }),
        ({ asked, settled }) => asked >= 12_000 && settled === asked,
        300_000,
      );
      expect(sum('EdgeDropped')).toBeGreaterThan(0);
      expect(await landedOf('full')).toHaveLength(sum('EdgeForwarded'));
      console.info(
        `${sum('EdgeDropped')} of ${answered.asked} results dropped in an outage, with ${bytes} bytes on the disk`,
      );
      await device.stop();
      home.close();
    },
    TIMEOUT_MS,
  );
});

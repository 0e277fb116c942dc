import { createHash } from 'node:crypto';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  DescribeStreamSummaryCommand,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { contentVersion, type EdgeConfiguration, edgeRecipe } from '../../lib/edge/contract';
import { Cable } from '../../lib/emulator/edge/cable';
import { CoreDevice, type CoreDeviceOptions, type DeploymentResult } from '../../lib/emulator/edge/core-device';
import { findMosquitto, MISSING_MOSQUITTO, type MqttBroker, startMosquitto } from '../../lib/emulator/edge/mosquitto';
import { parseRecipe, type Recipe } from '../../lib/emulator/edge/recipe';
import { assumeRole } from '../../lib/emulator/edge/role-credentials';
import { edgeEnvironmentsDirectory } from '../../lib/emulator/state-directory';
import { projectDirectory } from '../architecture/imports';
import { eventually, LocalAws } from '../emulator/engine/support/local-aws';

const COMPONENT = path.join(projectDirectory, 'lib', 'edge', 'assets', 'component');
export const COMPONENT_NAME = 'tidegate.edge.test';
export const REQUESTS = 'test/requests';
export const RESPONSES = 'test/responses';
export const METRICS = 'test/metrics';
const BUCKET = 'artifacts';
const STREAM = 'results';

/** Interpreter of the component with its packages, or what is missing for the tests of devices. */
export function deviceParts(): { readonly python: string } | { readonly missing: string } {
  if (findMosquitto() === undefined) return { missing: MISSING_MOSQUITTO };
  const installer = `
import sys; sys.path.insert(0, sys.argv[1])
import install; print(install.environment_of(sys.argv[2]))`;
  try {
    const output = execFileSync('python3', ['-B', '-c', installer, COMPONENT, edgeEnvironmentsDirectory()], {
      encoding: 'utf8',
      timeout: 900_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return { python: path.join(output.trim().split('\n').at(-1)!, 'bin', 'python') };
  } catch {
    return {
      missing:
        'the Python packages of the edge component (Python 3.11 or newer): check the network and pip config list',
    };
  }
}

/** Packs the contents of a folder into a file, and returns its bytes. */
export function zipFolder(folder: string, file: string): Buffer {
  fs.rmSync(file, { force: true });
  const names = fs.readdirSync(folder).map((name) => path.join(folder, name));
  execFileSync('python3', ['-m', 'zipfile', '-c', file, ...names]);
  return fs.readFileSync(file);
}

/** Writes a model of two features, whose label is the larger of both, with the report of a gate that let it through. */
export function tinyModel(python: string, folder: string): void {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'labels.txt'), 'a\nb\n');
  fs.writeFileSync(
    path.join(folder, 'report.json'),
    JSON.stringify({ chosen: 'tiny', models: { tiny: { refusedFor: [] } } }),
  );
  // The bytes of an ONNX graph with the one node Softmax; the device has no package that writes them.
  const program = `
import sys
def field(number, value):
    if isinstance(value, int): return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value
def varint(value):
    out = b''
    while value > 127: out += bytes([value & 127 | 128]); value >>= 7
    return out + bytes([value])
def tensor(name):
    shape = field(1, field(2, 'N')) + field(1, field(1, 2))
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))
node = field(1, 'x') + field(2, 'y') + field(3, 'softmax') + field(4, 'Softmax')
graph = field(1, node) + field(2, 'tiny') + field(11, tensor('x')) + field(12, tensor('y'))
open(sys.argv[1], 'wb').write(field(1, 8) + field(7, graph) + field(8, field(1, '') + field(2, 13)))
import onnxruntime; onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])`;
  execFileSync(python, ['-B', '-c', program, path.join(folder, 'model.onnx')]);
}

/** Result as a device forwards it. */
export interface ForwardedResult {
  readonly id: string;
  readonly device: string;
  readonly label: string;
  readonly confidence: number;
  readonly source: 'edge' | 'cloud' | 'edge-unsure';
  readonly model: string;
  readonly features: readonly number[];
}

/** Response of a device. */
export interface DeviceResponse {
  readonly id?: string;
  readonly label?: string;
  readonly source?: string;
  readonly error?: string;
  readonly late?: boolean;
  readonly stored?: boolean;
}

/** An account with a broker, and devices whose cables can be cut. */
export class EdgeSite {
  public readonly responses: DeviceResponse[] = [];
  private readonly recipes = new Map<string, Recipe>();
  private readonly devices: CoreDevice[] = [];
  private readonly answered = new Map<string, DeviceResponse>();

  private constructor(
    public readonly aws: LocalAws,
    public readonly broker: MqttBroker,
    public readonly brokerCable: Cable,
    public readonly awsCable: Cable,
    public readonly directory: string,
    private readonly roleArn: string,
  ) {}

  public static async start(): Promise<EdgeSite> {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-edge-'));
    const aws = await LocalAws.start();
    const broker = await startMosquitto(directory);
    const brokerCable = await Cable.to(broker.port);
    const awsCable = await Cable.to(Number(new URL(aws.engine.url).port));
    await aws.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
    await aws.kinesis.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: 1 }));
    await eventually(
      () => aws.kinesis.send(new DescribeStreamSummaryCommand({ StreamName: STREAM })),
      ({ StreamDescriptionSummary: stream }) => stream?.StreamStatus === 'ACTIVE',
    );
    const roleArn = await aws.createRole('token-exchange', 'credentials.iot.amazonaws.com', [
      { Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:aws:s3:::${BUCKET}/edge/*` },
      {
        Effect: 'Allow',
        Action: 'kinesis:PutRecords',
        Resource: `arn:aws:kinesis:us-east-1:123456789012:stream/${STREAM}`,
      },
      {
        Effect: 'Allow',
        Action: 'sagemaker:InvokeEndpoint',
        Resource: 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/digits',
      },
    ]);
    await aws.engine.enforceIam();
    return new EdgeSite(aws, broker, brokerCable, awsCable, directory, roleArn);
  }

  /** Creates a version of the component with a model, as CloudFormation and Greengrass do; returns its number. */
  public async createVersion(model: string, settings: Partial<EdgeConfiguration> = {}): Promise<string> {
    const put = async (folder: string): Promise<{ uri: string; hash: string }> => {
      const content = zipFolder(folder, path.join(this.directory, 'packed.zip'));
      const hash = createHash('sha256').update(content).digest('hex');
      await this.aws.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: `edge/${hash}.zip`, Body: content }));
      return { uri: `s3://${BUCKET}/edge/${hash}.zip`, hash };
    };
    const code = await put(COMPONENT);
    const artifact = await put(model);
    const configuration: EdgeConfiguration = {
      fleet: 'test',
      metricsNamespace: 'Tidegate',
      confidenceThreshold: '0.8',
      storeMaxBytes: String(8 * 1024 * 1024),
      dropPolicy: 'least-useful',
      requestTopic: REQUESTS,
      responseTopic: RESPONSES,
      metricsTopic: METRICS,
      forwardIntervalSeconds: '1',
      metricsIntervalSeconds: '2',
      endpointName: '',
      endpointTimeoutSeconds: '3',
      streamName: STREAM,
      region: 'us-east-1',
      gated: 'true',
      environmentDirectory: edgeEnvironmentsDirectory(),
      ...settings,
    };
    const version = contentVersion(
      createHash('sha256')
        .update(code.hash + artifact.hash + JSON.stringify(configuration))
        .digest('hex'),
    );
    const recipe = edgeRecipe({
      componentName: COMPONENT_NAME,
      componentVersion: version,
      publisher: 'test',
      code: { uri: code.uri, unarchive: 'ZIP', folder: code.hash },
      model: { uri: artifact.uri, unarchive: 'ZIP', folder: artifact.hash },
      configuration,
      installTimeoutSeconds: 300,
    });
    const parsed = parseRecipe(JSON.stringify(recipe));
    for (const item of parsed.Manifests[0]!.Artifacts) {
      const hash = item.URI.slice(item.URI.lastIndexOf('/') + 1, -'.zip'.length);
      Object.assign(item, { Digest: Buffer.from(hash, 'hex').toString('base64'), Algorithm: 'SHA-256' });
    }
    this.recipes.set(version, parsed);
    return version;
  }

  /** Creates a version whose model in the bucket is another one than that of its creation. */
  public async createForgedVersion(model: string): Promise<string> {
    const version = await this.createVersion(model, { fleet: 'forged' });
    const [, artifact] = this.recipes.get(version)!.Manifests[0]!.Artifacts;
    Object.assign(artifact!, { Digest: createHash('sha256').update('another model').digest('base64') });
    return version;
  }

  public async startDevice(name: string, overrides: Partial<CoreDeviceOptions> = {}): Promise<CoreDevice> {
    const device = await CoreDevice.start({
      thingName: name,
      directory: path.join(this.directory, name),
      recipeOf: (_, version) => {
        const recipe = this.recipes.get(version);
        if (recipe === undefined) throw new Error(`there is no version ${version}`);
        return recipe;
      },
      credentials: () => assumeRole({ engineUrl: this.aws.engine.url, roleArn: this.roleArn, sessionName: name }),
      awsEndpointUrl: `http://127.0.0.1:${this.awsCable.port}`,
      broker: { host: '127.0.0.1', port: this.brokerCable.port },
      ...overrides,
    });
    this.devices.push(device);
    device.subscribe(RESPONSES, (payload) => {
      const response = JSON.parse(payload.toString('utf8')) as DeviceResponse;
      this.responses.push(response);
      if (response.id !== undefined) this.answered.set(response.id, response);
    });
    return device;
  }

  public cutOff(): void {
    this.brokerCable.cut();
    this.awsCable.cut();
  }

  public reconnect(): void {
    this.brokerCable.mend();
    this.awsCable.mend();
  }

  public responseTo(id: string): DeviceResponse | undefined {
    return this.answered.get(id);
  }

  /** Sends requests, and those without a response again, until all have one. */
  public async ask(
    device: CoreDevice,
    requests: readonly { readonly id: string }[],
    timeoutMs = 120_000,
  ): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const open = requests.filter(({ id }) => !this.answered.has(id));
      if (open.length === 0) return;
      if (performance.now() > deadline)
        throw new Error(`${open.length} requests have no response: ${JSON.stringify(open[0])}`);
      if (device.hasSubscriber(REQUESTS)) {
        for (const request of open) device.publish(REQUESTS, Buffer.from(JSON.stringify(request)));
      }
      await eventually(
        () => requests.every(({ id }) => this.answered.has(id)),
        (all) => all,
        3_000,
      ).catch(() => undefined);
    }
  }

  /** Every record of the stream, in its order. */
  public async landed(): Promise<ForwardedResult[]> {
    const { Shards = [] } = await this.aws.kinesis.send(new ListShardsCommand({ StreamName: STREAM }));
    const results: ForwardedResult[] = [];
    for (const { ShardId } of Shards) {
      let { ShardIterator: iterator } = await this.aws.kinesis.send(
        new GetShardIteratorCommand({ StreamName: STREAM, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
      );
      while (iterator !== undefined) {
        const { Records = [], NextShardIterator } = await this.aws.kinesis.send(
          new GetRecordsCommand({ ShardIterator: iterator, Limit: 10_000 }),
        );
        if (Records.length === 0) break;
        results.push(...Records.map(({ Data }) => JSON.parse(Buffer.from(Data!).toString('utf8')) as ForwardedResult));
        iterator = NextShardIterator;
      }
    }
    return results;
  }

  public deploy(device: CoreDevice, version: string, merge: object = {}): Promise<DeploymentResult> {
    return device.deploy({
      deploymentId: `deployment-${version}`,
      components: {
        [COMPONENT_NAME]: { componentVersion: version, configurationUpdate: { reset: [''], merge: { ...merge } } },
      },
    });
  }

  public async stop(): Promise<void> {
    for (const device of this.devices) await device.stop();
    await this.brokerCable.close();
    await this.awsCable.close();
    await this.broker.stop();
    await this.aws.stop();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Process that serves the larger model over the Open Inference Protocol, as the endpoint's container does. */
export class ModelServer {
  private constructor(
    private readonly child: ChildProcess,
    public readonly url: string,
  ) {}

  public static async start(python: string, onnxFile: string): Promise<ModelServer> {
    const program = `
import http.server, json, numpy, onnxruntime, sys
session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers['content-length'])))
        tensor = request['inputs'][0]
        rows = numpy.array(tensor['data'], dtype=numpy.float32).reshape(tensor['shape'])
        scores = session.run(None, {session.get_inputs()[0].name: rows})[0]
        body = json.dumps({'id': request.get('id'), 'outputs': [{'name': 'scores', 'datatype': 'FP32', 'shape': list(scores.shape), 'data': [float(one) for one in scores.ravel()]}]}).encode()
        self.send_response(200); self.send_header('content-type', 'application/json'); self.send_header('content-length', str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *parts): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()`;
    const child = spawn(python, ['-B', '-c', program, onnxFile], { stdio: ['ignore', 'pipe', 'inherit'] });
    const port = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error('the model server ended')));
      child.stdout!.once('data', (text: Buffer) => resolve(text.toString().trim()));
    });
    return new ModelServer(child, `http://127.0.0.1:${port}`);
  }

  public stop(): void {
    this.child.kill('SIGKILL');
  }
}

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { App, Stack } from 'aws-cdk-lib';
import { LocalClock } from '../../../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../../../lib/emulator/credentials';
import { startKafkaBroker, type KafkaBroker } from '../../../../lib/emulator/kafka/kafka-broker';
import { ensureKafka } from '../../../../lib/emulator/kafka/kafka-jars';
import { CdkCommand } from '../../../../lib/local/deploy/cdk-command';
import { startLocalAccount, type LocalAccount } from './local-account';
import { PROJECT } from './local-aws';

interface AppOptions {
  /** Fills the stack; what the test reads is exported by name. */
  readonly build: (stack: Stack) => void;
  /** Seconds of the account in a second. */
  readonly speed: number;
  /** Limit of the deployment. */
  readonly limitMs: number;
  /** True for an account with a Kafka broker. @default false */
  readonly kafka?: boolean;
  /** Called once the broker runs, before the deployment. */
  readonly onBroker?: (broker: KafkaBroker) => Promise<void>;
}

/** Line of an object with results. */
export interface ResultLine {
  readonly [member: string]: unknown;
}

/** A stack as its users deploy it, with the CDK's command line, in a local account that enforces its permissions from then on. */
export class DeployedApp {
  private constructor(
    private readonly folder: string,
    public readonly account: LocalAccount,
    /** Exported values by name. */
    public readonly outputs: { readonly [name: string]: string },
    public readonly clock: LocalClock,
    public readonly s3: S3Client,
    private readonly broker: KafkaBroker | undefined,
  ) {}

  public static async start({ build, speed, limitMs, kafka = false, onBroker }: AppOptions): Promise<DeployedApp> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-app-'));
    const clock = LocalClock.startingNow(speed);
    const started: { account?: LocalAccount; broker?: KafkaBroker } = {};
    try {
      if (kafka) {
        const installation = await ensureKafka({ projectDirectory: PROJECT });
        const directory = path.join(folder, 'kafka');
        started.broker = await startKafkaBroker({ projectDirectory: PROJECT, directory, installation });
        await onBroker?.(started.broker);
      }
      const { bootstrapServers: kafkaBroker } = started.broker ?? {};
      const account = await startLocalAccount(clock, undefined, { ...(kafkaBroker !== undefined && { kafkaBroker }) });
      started.account = account;
      const { config, engine } = account;
      const app = new App({ outdir: path.join(folder, 'assembly') });
      build(new Stack(app, 'Chat', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } }));
      const assembly = app.synth().directory;
      const signal = AbortSignal.timeout(limitMs);
      const cdk = new CdkCommand({
        projectDirectory: PROJECT,
        engineUrl: engine.url,
        signal,
        dataDirectory: folder,
      });
      await cdk.bootstrap(assembly);
      await cdk.deploy(assembly, () => undefined);
      const cloudFormation = new CloudFormationClient(config);
      const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'Chat' }));
      cloudFormation.destroy();
      const outputs = Object.fromEntries(
        Stacks![0]!.Outputs!.map(({ ExportName, OutputValue }) => [ExportName ?? '', OutputValue ?? '']),
      );
      await engine.enforceIam();
      const s3 = new S3Client({ ...config, forcePathStyle: true });
      return new DeployedApp(folder, account, outputs, clock, s3, started.broker);
    } catch (error) {
      await started.account?.stop();
      await started.broker?.stop();
      fs.rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  public async stop(): Promise<void> {
    this.s3.destroy();
    await this.account.stop();
    await this.broker?.stop();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** Address of the Kafka broker. */
  public get brokerAddress(): string {
    return this.broker!.bootstrapServers;
  }

  /** Keys of the objects of a bucket that begin with a prefix. */
  public async keys(bucketOutput: string, Prefix: string): Promise<string[]> {
    const { Contents = [] } = await this.s3.send(
      new ListObjectsV2Command({ Bucket: this.outputs[bucketOutput], Prefix }),
    );
    return Contents.map(({ Key }) => Key!);
  }

  /** Lines of all objects with results. */
  public async results<Line = ResultLine>(bucketOutput: string): Promise<Line[]> {
    const lines: Line[] = [];
    for (const Key of await this.keys(bucketOutput, 'results/')) {
      const { Body } = await this.s3.send(new GetObjectCommand({ Bucket: this.outputs[bucketOutput], Key }));
      const text = await Body!.transformToString();
      for (const line of text.trimEnd().split('\n')) lines.push(JSON.parse(line) as Line);
    }
    return lines;
  }
}

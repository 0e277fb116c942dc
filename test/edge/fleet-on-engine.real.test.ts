import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { App, DefaultStackSynthesizer, Duration, Size, Stack } from 'aws-cdk-lib';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import { EdgeFleet, EdgeModel } from '../../lib/edge';
import { LocalClock } from '../../lib/emulator/clock';
import { startMetricsRule } from '../../lib/emulator/edge/embedded-metrics';
import { startGroupDevice } from '../../lib/emulator/edge/group-device';
import { rollOutToGroup } from '../../lib/emulator/edge/group-rollout';
import { type MqttBroker, startMosquitto } from '../../lib/emulator/edge/mosquitto';
import { edgeEnvironmentsDirectory } from '../../lib/emulator/state-directory';
import { type LocalAccount, startLocalAccount } from '../emulator/engine/support/local-account';
import { eventually } from '../emulator/engine/support/local-aws';
import { describeWith } from '../support/needs';
import { deviceParts, tinyModel, zipFolder } from './device';

const TIMEOUT_MS = 600_000;
const parts = deviceParts();

/** The template of the construct, deployed to the local engine, and a device of its thing group. */
describeWith('missing' in parts ? parts.missing : undefined, 'a fleet on the local engine', () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-edge-fleet-'));
  const clock = LocalClock.startingNow(1);
  let account: LocalAccount;
  let broker: MqttBroker;

  beforeAll(async () => {
    account = await startLocalAccount(clock);
    broker = await startMosquitto(root);
  }, TIMEOUT_MS);

  afterAll(async () => {
    await broker?.stop();
    await account?.stop();
    fs.rmSync(root, { recursive: true, force: true });
  }, TIMEOUT_MS);

  test(
    'gives a device the version, the role and the topics of its template',
    async () => {
      const model = path.join(root, 'model');
      tinyModel((parts as { python: string }).python, model);
      const app = new App({ outdir: path.join(root, 'cdk.out') });
      const synthesizer = new DefaultStackSynthesizer({
        fileAssetsBucketName: 'assets',
        generateBootstrapVersionRule: false,
      });
      const stack = new Stack(app, 'Vision', { env: { account: '123456789012', region: 'us-east-1' }, synthesizer });
      const fleet = new EdgeFleet(stack, 'Cameras', {
        model: EdgeModel.fromDirectory(model),
        stream: new kinesis.Stream(stack, 'Results', { streamName: 'results', shardCount: 1 }),
        fleetName: 'cameras',
        storeSize: Size.mebibytes(4),
        metricsInterval: Duration.seconds(10),
      });
      // The packages of the component are those of the other tests.
      const assembly = app.synth();
      const artifact = assembly.getStackByName('Vision');
      const s3 = new S3Client({ ...account.config, forcePathStyle: true });
      await s3.send(new CreateBucketCommand({ Bucket: 'assets' }));
      const manifest = JSON.parse(fs.readFileSync(path.join(assembly.directory, 'Vision.assets.json'), 'utf8')) as {
        files: { [hash: string]: { source: { path: string; packaging: string } } };
      };
      for (const [hash, { source }] of Object.entries(manifest.files)) {
        if (source.packaging !== 'zip') continue;
        const Body = zipFolder(path.join(assembly.directory, source.path), path.join(root, 'asset.zip'));
        await s3.send(new PutObjectCommand({ Bucket: 'assets', Key: `${hash}.zip`, Body }));
      }
      const cloudFormation = new CloudFormationClient(account.config);
      await cloudFormation.send(
        new CreateStackCommand({ StackName: 'Vision', TemplateBody: JSON.stringify(artifact.template) }),
      );
      const { Stacks } = await eventually<{ Stacks?: { StackStatus?: string }[] }>(
        () => cloudFormation.send(new DescribeStacksCommand({ StackName: 'Vision' })),
        ({ Stacks: [one] = [] }) => one?.StackStatus !== 'CREATE_IN_PROGRESS',
      );
      const { StackEvents } = await cloudFormation.send(new DescribeStackEventsCommand({ StackName: 'Vision' }));
      const reasons = StackEvents?.flatMap(({ ResourceStatus, ResourceStatusReason: reason = '' }) =>
        ResourceStatus?.endsWith('FAILED') ? [reason] : [],
      );
      expect([Stacks![0]!.StackStatus, reasons]).toEqual(['CREATE_COMPLETE', []]);
      await account.engine.enforceIam();

      const { greengrass } = account.emulator;
      const deployment = greengrass.deploymentOf('arn:aws:iot:us-east-1:123456789012:thinggroup/cameras')!;
      expect(deployment.components[fleet.componentName]!.componentVersion).toBe(fleet.componentVersion);
      const metrics: { name: string; value: number }[] = [];
      const endRule = startMetricsRule({
        broker,
        topic: 'tidegate/cameras/metrics',
        engine: {
          putMetricData: async (namespace, data) => {
            expect(namespace).toBe('Tidegate');
            for (const { MetricName, Value } of data) metrics.push({ name: MetricName!, value: Value! });
          },
        },
        timeOf: (seconds) => seconds,
        log: (message) => console.info(message),
      });
      const device = await startGroupDevice({
        greengrass,
        engineUrl: account.engine.url,
        clock,
        roleAlias: fleet.roleAliasName,
        thingName: 'cameras-1',
        directory: path.join(root, 'device'),
        broker,
      });
      const components = {
        [fleet.componentName]: {
          ...deployment.components[fleet.componentName]!,
          configurationUpdate: { reset: [''], merge: { environmentDirectory: edgeEnvironmentsDirectory() } },
        },
      };
      const rolledOut = await rollOutToGroup({ ...deployment, components }, [device], clock);
      expect(rolledOut).toMatchObject({ status: 'COMPLETED', results: [{ status: 'SUCCESSFUL' }] });
      const responses: { id: string; label: string }[] = [];
      device.subscribe(fleet.responseTopic, (payload) =>
        responses.push(JSON.parse(payload.toString('utf8')) as { id: string; label: string }),
      );
      await eventually(
        () => device.hasSubscriber(fleet.requestTopic),
        (isThere) => isThere,
      );
      device.publish(fleet.requestTopic, Buffer.from(JSON.stringify({ id: 'r-1', features: [0, 1] })));
      await eventually(
        () => responses.length,
        (count) => count === 1,
      );
      expect(responses[0]).toMatchObject({ id: 'r-1', label: 'b' });
      await eventually(
        () => metrics.filter(({ name }) => name === 'EdgeForwarded').reduce((sum, { value }) => sum + value, 0),
        (forwarded) => forwarded === 1,
      );
      expect((await account.engine.deniedCalls()).map(({ action, resource }) => `${action} ${resource}`)).toEqual([]);
      await device.stop();
      endRule();
      s3.destroy();
      cloudFormation.destroy();
    },
    TIMEOUT_MS,
  );
});

import { App, CfnResource, Size, Stack, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { AsyncEndpoint, GpuEndpoint, ModelServer, ServerlessEndpoint, SharedGpuEndpoint } from '../../lib/inference';
import { PlatformStack } from '../../lib/platform';
import { STAGE_NAMES, stageConfiguration } from '../../lib/platform/stages';
import { PolicyProof } from '../../lib/proof';
import { prove } from '../../lib/proof/prove';

const env = { account: '123456789012', region: 'us-east-1' };
const pools = [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }];

function findingsOf(stack: Stack): string[] {
  const document: unknown = Template.fromStack(stack).toJSON();
  return prove([{ name: 't.json', document }]).map(({ rule, message }) => `${rule}: ${message}`);
}

describe('what this library makes', () => {
  test.each(STAGE_NAMES.map((name) => [name]))('stage %s has no finding', (name) => {
    const app = new App();
    expect(findingsOf(new PlatformStack(app, 'Platform', { stage: stageConfiguration(name) }))).toEqual([]);
  });

  test('every kind of endpoint, scaled in every way, has no finding', () => {
    const stack = new Stack(new App(), 'Test', { env });
    const modelServer = ModelServer.triton();
    const chat = new GpuEndpoint(stack, 'Chat', { modelServer, capacity: { pools } });
    const chatScaling = chat.autoScale({ minCapacity: 1, maxCapacity: 4 });
    chatScaling.scaleOnConcurrency('concurrency');
    chatScaling.scaleToTrackMetric('gpu', { metric: chat.metricGpuUtilization(), targetValue: 70 });
    const films = new AsyncEndpoint(stack, 'Films', { modelServer, capacity: { pools } });
    const filmsScaling = films.autoScale({ minCapacity: 0, maxCapacity: 4 });
    filmsScaling.scaleOnBacklog('backlog');
    filmsScaling.scaleToZero('wake');
    const shared = new SharedGpuEndpoint(stack, 'Shared', {
      capacity: { pools },
      maxInstances: 4,
      inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
    });
    const model = shared.addModel('Model', { modelServer, memory: Size.gibibytes(1) });
    const modelScaling = model.autoScale({ minCapacity: 0, maxCapacity: 4 });
    modelScaling.scaleOnConcurrency('concurrency');
    modelScaling.scaleToZero('wake');
    const router = new ServerlessEndpoint(stack, 'Router', {
      modelServer: ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/router:3'),
      provisionedConcurrency: 2,
    });
    const routerScaling = router.autoScale({ minCapacity: 1, maxCapacity: 10 });
    routerScaling.scaleOnProvisionedConcurrency('provisioned-concurrency');
    expect(findingsOf(stack)).toEqual([]);
  });
});

describe('PolicyProof', () => {
  let outdir: string;
  beforeEach(() => {
    outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-proof-'));
    jest.spyOn(console, 'error').mockImplementation(() => undefined);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    fs.rmSync(outdir, { recursive: true, force: true });
  });

  function synth(plugin: PolicyProof, region = env.region, variant: object = {}): string {
    const app = new App({ outdir });
    Validations.of(app).addPlugins(plugin);
    const stack = new Stack(app, 'Foreign', { env: { ...env, region } });
    new CfnResource(stack, 'Config', {
      type: 'AWS::SageMaker::EndpointConfig',
      properties: {
        ProductionVariants: [
          {
            VariantName: 'v',
            ModelName: 'm',
            InitialInstanceCount: 1,
            InitialVariantWeight: 1,
            InstanceType: 'ml.m5.large',
            ManagedInstanceScaling: { Status: 'ENABLED' },
            ...variant,
          },
        ],
      },
    });
    try {
      app.synth();
    } catch {
      // the report says what is wrong
    }
    return fs.existsSync(path.join(outdir, 'validation-report.json'))
      ? fs.readFileSync(path.join(outdir, 'validation-report.json'), 'utf8')
      : '';
  }

  test('fails the synthesis of a stack that it did not make, and says where', () => {
    const report = synth(new PolicyProof());
    expect(report).toContain('managed-scaling-on-model-variant');
    expect(report).toContain('remove ManagedInstanceScaling');
  });

  test('knows the region of a stack', () => {
    const atZero = {
      ModelName: undefined,
      ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 0, MaxInstanceCount: 2 },
    };
    const plugin = new PolicyProof({ exceptRules: ['managed-scaling-on-model-variant'] });
    expect(synth(plugin, 'eu-west-3', atZero)).toContain('MinInstanceCount is 0, which eu-west-3 rejected');
    fs.rmSync(outdir, { recursive: true, force: true });
    expect(synth(plugin, 'us-east-1', atZero)).not.toContain('MinInstanceCount is 0');
  });

  test('leaves out the rules it is told to', () => {
    expect(synth(new PolicyProof({ exceptRules: ['managed-scaling-on-model-variant'] }))).not.toContain(
      'managed-scaling-on-model-variant"',
    );
    expect(() => new PolicyProof({ exceptRules: ['nothing'] })).toThrow('unknown rules (nothing); known: metric-not-');
  });
});

/** Stacks with a construct of every room, as somebody else's app in TypeScript has them; `one-of-each.py` has the same in Python. */
export const ONE_OF_EACH = `
import { App, Duration, Size, Stack } from 'aws-cdk-lib';
import * as sns from 'aws-cdk-lib/aws-sns';
import { cost, inference, ingestion, monitoring, platform, proof, scaling, training } from 'tidegate';

const app = new App();
const stack = new Stack(app, 'Mine', { env: { region: 'us-east-1' } });
const model = new training.PackedAsset(stack, 'Model', { path: training.PackedAsset.initialModelPath() });
const endpoint = new inference.GpuEndpoint(stack, 'Endpoint', {
  modelServer: inference.ModelServer.triton(),
  modelArtifact: inference.ModelArtifact.fromBucket(model.bucket, model.objectKey),
  capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }] },
  maxConcurrencyPerInstance: 8,
});
const fleet: scaling.FleetScaling = endpoint.autoScale({ minCapacity: 1, maxCapacity: 8 });
fleet.scaleOnConcurrency('concurrency');
const stream = new ingestion.StreamIngestion(stack, 'Ingestion', { endpoint });
const pipeline = new training.TrainingPipeline(stack, 'Training', {
  trainingData: stream.resultsBucket,
  instanceTypes: ['ml.g5.xlarge'],
  maxRuntime: Duration.hours(1),
});
const guard = new cost.CostGuard(stack, 'Guard', {
  budgetUsd: 5000,
  fleets: [{ scaling: fleet }],
  training: { jobNamePrefix: \`\${pipeline.jobNamePrefix}-\`, instanceTypes: ['ml.g5.xlarge'] },
});
new scaling.CapacityForecaster(stack, 'Forecast', { scaling: fleet, serviceTime: Duration.millis(800) });
new scaling.ScaleEvents(stack, 'ScaleEvents', { fleets: [endpoint] });
new monitoring.PlatformAlarms(stack, 'Alarms', { topic: new sns.Topic(stack, 'Topic') }).watchEndpoint(endpoint);
new monitoring.PlatformDashboard(stack, 'Dashboard', { endpoint, guard });
new monitoring.Notifications(stack, 'Notifications', { topic: guard.topic, emailAddresses: ['oncall@example.com'] });
new inference.ConfigurationSweeper(stack, 'Sweeper');

const others = new Stack(app, 'Others', { env: { account: '123456789012', region: 'us-east-1' } });
const image = inference.ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/films:3');
const films = new inference.AsyncEndpoint(others, 'Films', {
  modelServer: image,
  capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
});
const filmsScaling = films.autoScale({ minCapacity: 0, maxCapacity: 4 });
filmsScaling.scaleOnBacklog('backlog');
filmsScaling.scaleToZero('from-zero');
const shared = new inference.SharedGpuEndpoint(others, 'Shared', {
  capacity: { pools: [{ instanceType: 'ml.g5.12xlarge' }] },
  maxInstances: 4,
  inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
});
const chat = shared.addModel('Chat', { modelServer: image, memory: Size.gibibytes(16) });
chat.autoScale({ minCapacity: 1, maxCapacity: 8 }).scaleOnConcurrency('concurrency');
new inference.ServerlessEndpoint(others, 'Router', { modelServer: image, memory: Size.gibibytes(2), maxConcurrency: 20 });

new platform.PlatformStack(app, 'Whole', {
  stage: {
    name: 'mine',
    instanceTypes: ['ml.g5.xlarge'],
    minCapacity: 1,
    maxCapacity: 4,
    trainingInstanceTypes: ['ml.g5.xlarge'],
    budgetUsd: 5000,
  },
});
console.log(typeof proof.PolicyProof, Object.keys(app.synth().stacks).length);
`;

import { App, Size, Stack, aws_s3 as s3 } from 'aws-cdk-lib';
import { inference } from 'tidegate';

const app = new App();
const stack = new Stack(app, 'SharedGpus', { env: { account: '123456789012', region: 'us-east-1' } });
const models = s3.Bucket.fromBucketName(stack, 'Models', 'my-models');

// One fleet of instances with four GPUs; models take GPUs and memory of it, and scale on their own.
const fleet = new inference.SharedGpuEndpoint(stack, 'Fleet', {
  capacity: { pools: [{ instanceType: 'ml.g5.12xlarge' }, { instanceType: 'ml.g6.12xlarge' }] },
  maxInstances: 4,
  inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
});

const chat = fleet.addModel('Chat', {
  modelServer: inference.ModelServer.triton({ defaultModelName: 'chat' }),
  modelArtifact: inference.ModelArtifact.fromBucket(models, 'chat/model.tar.gz'),
  memory: Size.gibibytes(16),
});
const chatScaling = chat.autoScale({ minCapacity: 1, maxCapacity: 8 });
chatScaling.scaleOnConcurrency('concurrency');

const labels = fleet.addModel('Labels', {
  modelServer: inference.ModelServer.triton({ defaultModelName: 'labels' }),
  modelArtifact: inference.ModelArtifact.fromBucket(models, 'labels/model.tar.gz'),
  memory: Size.gibibytes(8),
});
const labelsScaling = labels.autoScale({ minCapacity: 0, maxCapacity: 4 });
labelsScaling.scaleOnConcurrency('concurrency');
labelsScaling.scaleToZero('from-zero');

app.synth();

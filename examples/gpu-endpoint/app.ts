import { App, Stack, aws_s3 as s3 } from 'aws-cdk-lib';
import { inference } from 'tidegate';

const app = new App();
const stack = new Stack(app, 'GpuEndpoint', { env: { account: '123456789012', region: 'us-east-1' } });
const models = s3.Bucket.fromBucketName(stack, 'Models', 'my-models');

const endpoint = new inference.GpuEndpoint(stack, 'Chat', {
  modelServer: inference.ModelServer.triton({ defaultModelName: 'chat' }),
  modelArtifact: inference.ModelArtifact.fromBucket(models, 'chat/model.tar.gz'),
  // The second type takes over when SageMaker finds no capacity of the first.
  capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }] },
  maxConcurrencyPerInstance: 8, // what one instance was tested with
});
const scaling = endpoint.autoScale({ minCapacity: 1, maxCapacity: 8 });
scaling.scaleOnConcurrency('concurrency');

app.synth();

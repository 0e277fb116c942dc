import { App, Duration, Stack, aws_iam as iam, aws_s3 as s3 } from 'aws-cdk-lib';
import { inference, ingestion } from 'tidegate';

const app = new App();
const stack = new Stack(app, 'Stream', { env: { account: '123456789012', region: 'us-east-1' } });
const models = s3.Bucket.fromBucketName(stack, 'Models', 'my-models');

const endpoint = new inference.GpuEndpoint(stack, 'Chat', {
  modelServer: inference.ModelServer.triton({ defaultModelName: 'chat' }),
  modelArtifact: inference.ModelArtifact.fromBucket(models, 'chat/model.tar.gz'),
  capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }] },
  maxConcurrencyPerInstance: 8,
});
const scaling = endpoint.autoScale({ minCapacity: 1, maxCapacity: 6 });
scaling.scaleOnConcurrency('concurrency');

// Kinesis → Lambda → endpoint → S3: in order per key, with retries and a dead-letter queue.
const requests = new ingestion.StreamIngestion(stack, 'Requests', {
  endpoint,
  shardCount: 2,
  expectedRecordsPerSecond: 10,
  expectedServiceTime: Duration.seconds(2),
});
requests.grantPut(new iam.Role(stack, 'Producer', { assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com') }));

app.synth();

import { App, Duration, Stack, aws_s3 as s3 } from 'aws-cdk-lib';
import { inference } from 'tidegate';

const app = new App();
const stack = new Stack(app, 'ScaleToZero', { env: { account: '123456789012', region: 'us-east-1' } });
const models = s3.Bucket.fromBucketName(stack, 'Models', 'my-models');

// Requests wait in SageMaker's queue while no instance runs, so nothing is lost and nothing is paid between jobs.
const films = new inference.AsyncEndpoint(stack, 'Films', {
  modelServer: inference.ModelServer.triton({ defaultModelName: 'films' }),
  modelArtifact: inference.ModelArtifact.fromBucket(models, 'films/model.tar.gz'),
  capacity: {
    pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }],
    gapAlarm: { after: Duration.minutes(15) },
  },
});
const scaling = films.autoScale({ minCapacity: 0, maxCapacity: 4 });
scaling.scaleOnBacklog('backlog'); // in proportion to the requests that wait
scaling.scaleToZero('from-zero'); // the first instance, as soon as one request waits

app.synth();

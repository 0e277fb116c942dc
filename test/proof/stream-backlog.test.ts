import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { GpuEndpoint, ModelServer } from '../../lib/inference';
import { StreamIngestion } from '../../lib/ingestion';
import { prove } from '../../lib/proof/prove';

test('a fleet that scales on its stream, with a metric of ten seconds and a policy that only adds, is not accused', () => {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const endpoint = new GpuEndpoint(stack, 'Chat', {
    modelServer: ModelServer.triton(),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }] },
    maxConcurrencyPerInstance: 8,
  });
  const source = new StreamIngestion(stack, 'Requests', { endpoint, shardCount: 2, followsCapacity: true });
  const scaling = endpoint.autoScale({ minCapacity: 1, maxCapacity: 8 });
  scaling.scaleOnConcurrency('concurrency');
  scaling.scaleOnStreamBacklog('backlog', { source });
  expect(prove([{ name: 'test.template.json', document: Template.fromStack(stack).toJSON() }])).toEqual([]);
});

import { CreateEndpointConfigCommand, CreateEndpointCommand, UpdateEndpointCommand } from '@aws-sdk/client-sagemaker';
import { createHostingConfigurations } from '../../../lambda/clients/hosting-configurations';
import { createModel, EmulatedAccount, inStatus } from '../../support/emulated-account';

let account: EmulatedAccount;
beforeEach(async () => {
  account = await EmulatedAccount.start();
});
afterEach(() => account.stop());

const createTagged = (name: string, tags: readonly { Key: string; Value: string }[]) =>
  account.sageMaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: name,
      ProductionVariants: [
        { VariantName: 'gpu', ModelName: 'model', InitialInstanceCount: 1, InstanceType: 'ml.g5.xlarge' },
      ],
      Tags: [...tags],
    }),
  );

test('reads the configurations with the tag of a host, what an endpoint runs on, and that a deployment is in progress', async () => {
  await createModel(account);
  await createTagged('first', [{ Key: 'tidegate:hosted-by', Value: 'endpoint/chat' }]);
  await createTagged('second', [{ Key: 'tidegate:hosted-by', Value: 'endpoint/chat' }]);
  await createTagged('foreign', [{ Key: 'team', Value: 'search' }]);
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'first' }));
  await inStatus(account, 'InService');
  const hosting = createHostingConfigurations(account.sageMaker);

  const tagged = await hosting.taggedConfigs();
  expect(tagged.map(({ name, hostedBy, modelNames }) => [name, hostedBy, modelNames]).sort()).toEqual([
    ['first', 'endpoint/chat', ['model']],
    ['second', 'endpoint/chat', ['model']],
  ]);
  expect(await hosting.taggedModels()).toEqual([]);
  expect(await hosting.inUse({ kind: 'endpoint', name: 'chat' })).toEqual({
    isSettled: true,
    names: { configNames: ['first'], modelNames: ['model'] },
  });

  await account.sageMaker.send(new UpdateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'second' }));
  const { isSettled } = await hosting.inUse({ kind: 'endpoint', name: 'chat' });
  expect(isSettled).toBe(false);
  await account.finish(inStatus(account, 'InService'));
  await hosting.deleteConfig('first');
  expect((await hosting.taggedConfigs()).map(({ name }) => name)).toEqual(['second']);
});

test('an endpoint that does not exist is an error, not an endpoint without configurations', async () => {
  const hosting = createHostingConfigurations(account.sageMaker);
  await expect(hosting.inUse({ kind: 'endpoint', name: 'gone' })).rejects.toThrow('Could not find endpoint');
});

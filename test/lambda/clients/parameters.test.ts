import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { createParameters } from '../../../lambda/clients/parameters';
import { PermanentError } from '../../../lib/core/errors';

const ssm = mockClient(SSMClient);
const parameters = createParameters(new SSMClient({ region: 'us-east-1' }));
beforeEach(() => ssm.reset());

test('a parameter is read decrypted', async () => {
  ssm.on(GetParameterCommand, { Name: 'p', WithDecryption: true }).resolves({ Parameter: { Value: 'x' } });
  expect(await parameters.read('p')).toBe('x');
});

test.each([{}, { Parameter: {} }])('a parameter without a value is an error that names it: %j', async (reply) => {
  ssm.on(GetParameterCommand).resolves(reply);
  await expect(parameters.read('p')).rejects.toThrow(new PermanentError('parameter p has no value'));
});

test('the value of a parameter is overwritten', async () => {
  ssm.on(PutParameterCommand).resolves({});
  await parameters.write('p', 'y');
  expect(ssm.commandCalls(PutParameterCommand)[0]!.args[0].input).toEqual({ Name: 'p', Value: 'y', Overwrite: true });
});

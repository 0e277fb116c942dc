import { createHandler } from '../../../lambda/live-model/handler';
import type { CustomResourceRequest, CustomResourceResponse } from '../../../lambda/support/custom-resource';

const REQUEST: CustomResourceRequest = {
  RequestType: 'Update',
  RequestId: 'r-1',
  ResponseURL: 'https://response',
  StackId: 'stack',
  LogicalResourceId: 'Live',
  ResourceProperties: { ParameterName: 'live', TargetRatio: '0.7', Declared: 'ignored' },
};
const IDS = { PhysicalResourceId: 'live', RequestId: 'r-1', StackId: 'stack', LogicalResourceId: 'Live' };

async function responseTo(request: Partial<CustomResourceRequest>, value: string): Promise<CustomResourceResponse> {
  const sent: CustomResourceResponse[] = [];
  const handler = createHandler({
    parameters: { read: async (name) => (name === 'live' ? value : Promise.reject(new Error(`no ${name}`))) },
    respond: async (url, response) => void (url === 'https://response' && sent.push(response)),
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined } as never,
  });
  await handler({ ...REQUEST, ...request });
  expect(sent).toHaveLength(1);
  return sent[0]!;
}

describe('the reader of the live model', () => {
  test('returns the model of the last rollout, and the target of scaling', async () => {
    const value = '{"bucket":"models","key":"a","modelPackageArn":"arn:p","maxConcurrencyPerInstance":9}';
    expect(await responseTo({}, value)).toEqual({
      ...IDS,
      Status: 'SUCCESS',
      Data: {
        Bucket: 'models',
        Key: 'a',
        ModelPackageArn: 'arn:p',
        MaxConcurrencyPerInstance: '9',
        TargetPerInstance: '6.3',
      },
    });
  });

  test('returns no version for the model of the stack', async () => {
    const { Data } = await responseTo({}, '{"bucket":"models","key":"a","maxConcurrencyPerInstance":8}');
    expect(Data).toMatchObject({ ModelPackageArn: '', TargetPerInstance: '5.6' });
  });

  test('fails the deployment where the parameter names no model', async () => {
    const { Status, Reason } = await responseTo({}, 'nothing');
    expect(Status).toBe('FAILED');
    expect(Reason).toContain(
      'The live model cannot be read from the parameter live: InputError: the parameter of the live model',
    );
  });

  test('fails it where the parameter cannot be read', async () => {
    const { Status, Reason } = await responseTo(
      { ResourceProperties: { ParameterName: 'other', TargetRatio: '1' } },
      '',
    );
    expect([Status, Reason]).toEqual([
      'FAILED',
      'The live model cannot be read from the parameter other: Error: no other',
    ]);
  });

  test.each<[string, { readonly [name: string]: unknown }, string]>([
    ['no parameter', { TargetRatio: '1' }, 'ParameterName'],
    ['no ratio', { ParameterName: 'live' }, 'TargetRatio'],
    ['a ratio above 1', { ParameterName: 'live', TargetRatio: '2' }, 'a share above 0 and at most 1'],
    ['a ratio that is no number', { ParameterName: 'live', TargetRatio: 'x' }, 'a share above 0 and at most 1'],
  ])('answers CloudFormation where the resource has %s, instead of letting it wait', async (_, properties, reason) => {
    const response = await responseTo({ ResourceProperties: properties }, '');
    expect(response).toMatchObject({ Status: 'FAILED', PhysicalResourceId: 'Live' });
    expect(response.Reason).toContain(reason);
  });

  test('lets the resource go without a look', async () => {
    expect(await responseTo({ RequestType: 'Delete' }, 'nothing')).toEqual({ ...IDS, Status: 'SUCCESS' });
  });
});

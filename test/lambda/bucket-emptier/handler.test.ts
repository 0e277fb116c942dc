import { createHandler } from '../../../lambda/bucket-emptier/handler';
import type { CustomResourceRequest, CustomResourceResponse } from '../../../lambda/support/custom-resource';
import { EMPTIED_BUCKET_TAG, formatEmptiedBucket } from '../../../lib/runtime/contract';

const NAME = 'results';
const OBJECTS_ARN = 'arn:aws:s3:::results/*';

/** A bucket in memory, whose calls take a second each. */
class Bucket {
  public now = 1_000_000;
  public tagSet: { readonly [key: string]: string } | undefined = { [EMPTIED_BUCKET_TAG]: 'true' };
  public policyText: string | undefined;
  /** Number of versions and delete markers. */
  public versions = 0;
  public readonly broken = new Set<string>();
  public readonly calls: string[] = [];
  public properties: CustomResourceRequest['ResourceProperties'] = formatEmptiedBucket({
    bucketName: NAME,
    objectsArn: OBJECTS_ARN,
  });
  /** Plays what happens during a call or a wait. */
  public during: (what: string) => void = () => undefined;

  public async handle(type: CustomResourceRequest['RequestType']): Promise<CustomResourceResponse[]> {
    const responses: CustomResourceResponse[] = [];
    await createHandler({
      contentsOf: (bucketName) => {
        expect(bucketName).toBe(NAME);
        return {
          tags: () => this.call('tags', () => this.tagSet),
          policy: () => this.call('policy', () => this.policyText),
          putPolicy: (text) => this.call('putPolicy', () => void (this.policyText = text)),
          deleteVersions: () =>
            this.call('deleteVersions', () => {
              const deleted = Math.min(1000, this.versions);
              this.versions -= deleted;
              return deleted;
            }),
        };
      },
      respond: (url, response) => {
        expect(url).toBe('https://example.com');
        responses.push(response);
        return Promise.resolve();
      },
      clock: { now: () => this.now },
      sleep: (milliseconds) => {
        this.now += milliseconds / 1000;
        this.during('sleep');
        return Promise.resolve();
      },
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    })({
      RequestType: type,
      RequestId: 'request',
      ResponseURL: 'https://example.com',
      StackId: 'stack',
      LogicalResourceId: 'Objects',
      ResourceProperties: this.properties,
    });
    return responses;
  }

  private call<Result>(name: string, work: () => Result): Promise<Result> {
    this.now += 1;
    this.calls.push(name);
    this.during(name);
    if (this.broken.has(name)) return Promise.reject(new Error(`${name} is denied`));
    return Promise.resolve(work());
  }
}

const SUCCESS = {
  Status: 'SUCCESS',
  PhysicalResourceId: NAME,
  RequestId: 'request',
  StackId: 'stack',
  LogicalResourceId: 'Objects',
};
const REFUSAL = {
  Sid: 'RefuseObjectsWhileEmptied',
  Effect: 'Deny',
  Principal: '*',
  Action: 's3:PutObject',
  Resource: OBJECTS_ARN,
};

describe('the deletion of the objects of a bucket', () => {
  test('deletes every version, a thousand at a time, until the bucket stays empty', async () => {
    const bucket = new Bucket();
    bucket.versions = 2500;
    expect(await bucket.handle('Delete')).toEqual([SUCCESS]);
    expect(bucket.versions).toBe(0);
    // 1,000, 1,000, 500, none, and none after the wait.
    expect(bucket.calls).toEqual(['tags', 'policy', 'putPolicy', ...Array<string>(5).fill('deleteVersions')]);
    expect(bucket.now).toBe(1_000_000 + 8 + 5);
  });

  test.each([{ BucketName: NAME }, { BucketName: {}, ObjectsArn: OBJECTS_ARN }, { BucketName: '', ObjectsArn: '' }])(
    'responds with the property that is not text, and touches nothing (%j)',
    async (properties) => {
      const bucket = new Bucket();
      bucket.properties = properties;
      const [response] = await bucket.handle('Delete');
      expect(response).toMatchObject({ Status: 'FAILED', PhysicalResourceId: 'Objects' });
      expect(response!.Reason).toMatch(
        /^the property (BucketName|ObjectsArn) of the custom resource is not text; deploy/,
      );
      expect(bucket.calls).toEqual([]);
    },
  );

  test('deletes what S3 had admitted before it refused new objects', async () => {
    const bucket = new Bucket();
    bucket.versions = 1;
    let late = 2;
    bucket.during = (what) => {
      if (what === 'sleep' && late-- > 0) bucket.versions = 1;
    };
    expect(await bucket.handle('Delete')).toEqual([SUCCESS]);
    expect(bucket.versions).toBe(0);
    expect(late).toBe(-1);
  });

  test.each([
    ['the bucket keeps its objects by now', {}],
    ['the bucket has tags of others only', { team: 'a' }],
    ['there is no bucket', undefined],
  ])('deletes and refuses nothing where %s', async (_, tags) => {
    const bucket = new Bucket();
    bucket.versions = 3;
    bucket.tagSet = tags;
    expect(await bucket.handle('Delete')).toEqual([SUCCESS]);
    expect(bucket.calls).toEqual(['tags']);
    expect(bucket.versions).toBe(3);
  });

  test.each(['Create', 'Update'] as const)('has nothing to do at %s', async (type) => {
    const bucket = new Bucket();
    expect(await bucket.handle(type)).toEqual([SUCCESS]);
    expect(bucket.calls).toEqual([]);
  });

  test('refuses new objects beside what the policy says, once however often it is tried', async () => {
    const bucket = new Bucket();
    const secure = { Sid: 'Secure', Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: OBJECTS_ARN };
    bucket.policyText = JSON.stringify({ Version: '2012-10-17', Id: 'own', Statement: [secure] });
    await bucket.handle('Delete');
    await bucket.handle('Delete');
    expect(JSON.parse(bucket.policyText)).toEqual({ Version: '2012-10-17', Id: 'own', Statement: [secure, REFUSAL] });

    // A policy may have one statement without a list.
    bucket.policyText = JSON.stringify({ Version: '2012-10-17', Statement: secure });
    await bucket.handle('Delete');
    expect(JSON.parse(bucket.policyText)).toEqual({ Version: '2012-10-17', Statement: [secure, REFUSAL] });

    bucket.policyText = undefined;
    await bucket.handle('Delete');
    expect(JSON.parse(bucket.policyText!)).toEqual({ Version: '2012-10-17', Statement: [REFUSAL] });
  });

  test.each(['policy', 'putPolicy'])('goes on where new objects cannot be refused (%s)', async (call) => {
    const bucket = new Bucket();
    bucket.versions = 10;
    bucket.broken.add(call);
    expect(await bucket.handle('Delete')).toEqual([SUCCESS]);
    expect(bucket.versions).toBe(0);
  });

  test.each([
    ['tags', 0],
    ['deleteVersions', 0],
  ])('fails with the reason and the way out where %s fails', async (call, deleted) => {
    const bucket = new Bucket();
    bucket.broken.add(call);
    expect(await bucket.handle('Delete')).toEqual([
      {
        ...SUCCESS,
        Status: 'FAILED',
        Reason:
          `The objects of results cannot all be deleted: Error: ${call} is denied; ${deleted} versions are deleted. Delete again, which goes ` +
          'on, or empty the bucket yourself first (aws s3api delete-objects, with VersionId).',
      },
    ]);
  });

  test('responds before the timeout of its function however many objects there are, and goes on when it is called again', async () => {
    const bucket = new Bucket();
    bucket.versions = 1_000_000;
    // A call of 30 s is the longest that the client waits for.
    bucket.during = (what) => void (bucket.now += what === 'deleteVersions' ? 29 : 0);
    const [first] = await bucket.handle('Delete');
    // 13 minutes at 30 s a call, after 3 s for the others, are 26 calls.
    expect(bucket.versions).toBe(1_000_000 - 26 * 1000);
    expect(first).toEqual({
      ...SUCCESS,
      Status: 'FAILED',
      Reason: expect.stringContaining('the time of one attempt is over; 26000 versions are deleted. Delete again'),
    });
    expect(bucket.now - 1_000_000).toBeLessThan(15 * 60 - 60);
    bucket.during = () => undefined;
    let attempts = 1;
    while ((await bucket.handle('Delete'))[0]!.Status === 'FAILED') attempts++;
    // 974,000 versions at 1,000 a second: 13 minutes take 777 or 780 of them.
    expect(attempts).toBe(2);
    expect(bucket.versions).toBe(0);
  });
});

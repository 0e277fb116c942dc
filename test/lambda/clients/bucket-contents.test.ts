import {
  DeleteObjectsCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { createBucketContents } from '../../../lambda/clients/bucket-contents';

const s3 = mockClient(S3Client);
const contents = createBucketContents('results', new S3Client({ region: 'us-east-1' }));
const named = (name: string): Error => Object.assign(new Error(`${name}!`), { name });

beforeEach(() => s3.reset());

describe('the contents of a bucket', () => {
  test('has its tags, none, or no bucket', async () => {
    s3.on(GetBucketTaggingCommand, { Bucket: 'results' })
      .resolvesOnce({
        TagSet: [
          { Key: 'a', Value: '1' },
          { Key: 'b', Value: '' },
        ],
      })
      .rejectsOnce(named('NoSuchTagSet'))
      .rejectsOnce(named('NoSuchBucket'))
      .rejects(named('AccessDenied'));
    expect(await contents.tags()).toEqual({ a: '1', b: '' });
    expect(await contents.tags()).toEqual({});
    expect(await contents.tags()).toBeUndefined();
    await expect(contents.tags()).rejects.toThrow('AccessDenied!');
  });

  test('has its policy, or none, and takes another', async () => {
    s3.on(GetBucketPolicyCommand, { Bucket: 'results' })
      .resolvesOnce({ Policy: '{}' })
      .rejectsOnce(named('NoSuchBucketPolicy'))
      .rejects(named('AccessDenied'));
    expect(await contents.policy()).toBe('{}');
    expect(await contents.policy()).toBeUndefined();
    await expect(contents.policy()).rejects.toThrow('AccessDenied!');
    s3.on(PutBucketPolicyCommand).resolves({});
    await contents.putPolicy('{"Statement":[]}');
    expect(s3.commandCalls(PutBucketPolicyCommand).map(({ args }) => args[0].input)).toEqual([
      { Bucket: 'results', Policy: '{"Statement":[]}' },
    ]);
  });

  test('deletes the first page of versions and delete markers, for good', async () => {
    s3.on(ListObjectVersionsCommand, { Bucket: 'results' }).resolves({
      Versions: [
        { Key: 'a', VersionId: '2', IsLatest: true },
        { Key: 'a', VersionId: '1', IsLatest: false },
      ],
      DeleteMarkers: [{ Key: 'b', VersionId: '3' }],
    });
    s3.on(DeleteObjectsCommand).resolves({});
    expect(await contents.deleteVersions()).toBe(3);
    expect(s3.commandCalls(DeleteObjectsCommand).map(({ args }) => args[0].input)).toEqual([
      {
        Bucket: 'results',
        Delete: {
          Objects: [
            { Key: 'a', VersionId: '2' },
            { Key: 'a', VersionId: '1' },
            { Key: 'b', VersionId: '3' },
          ],
          Quiet: true,
        },
      },
    ]);
  });

  test('deletes nothing where there is nothing', async () => {
    s3.on(ListObjectVersionsCommand).resolves({});
    expect(await contents.deleteVersions()).toBe(0);
    expect(s3.commandCalls(DeleteObjectsCommand)).toEqual([]);
  });

  test('throws where a version stays, such as a locked one', async () => {
    s3.on(ListObjectVersionsCommand).resolves({ Versions: [{ Key: 'a', VersionId: '1' }] });
    s3.on(DeleteObjectsCommand).resolves({
      Errors: [{ Key: 'a', VersionId: '1', Code: 'AccessDenied', Message: 'the object is locked' }],
    });
    await expect(contents.deleteVersions()).rejects.toThrow(
      '1 versions stay, such as a: AccessDenied (the object is locked)',
    );
  });
});

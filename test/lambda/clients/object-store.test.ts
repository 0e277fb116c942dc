import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type GetObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { createObjectStore } from '../../../lambda/clients/object-store';

const s3 = mockClient(S3Client);

beforeEach(() => s3.reset());

describe('the object store', () => {
  const store = createObjectStore('results', new S3Client({ region: 'us-east-1' }));

  test('writes an object with its key, body and type into its bucket', async () => {
    s3.on(PutObjectCommand).resolves({});
    await store.put('results/a.jsonl', '{}\n', 'application/x-ndjson');
    expect(s3.commandCalls(PutObjectCommand).map(({ args }) => args[0].input)).toEqual([
      { Bucket: 'results', Key: 'results/a.jsonl', Body: '{}\n', ContentType: 'application/x-ndjson' },
    ]);
  });

  test('throws when the bucket stays unreachable', async () => {
    s3.on(PutObjectCommand).rejects(new Error('SlowDown'));
    await expect(store.put('a', '', 'text/plain')).rejects.toThrow('SlowDown');
  });

  const refused = (name: string, httpStatusCode: number): Error =>
    Object.assign(new Error(`${name} (${httpStatusCode})`), { name, $metadata: { httpStatusCode } });

  test('writes a new object only where there is none', async () => {
    s3.on(PutObjectCommand)
      .resolvesOnce({})
      .rejectsOnce(refused('PreconditionFailed', 400))
      .rejectsOnce(refused('Other', 412))
      .rejectsOnce(new Error('SlowDown'));
    const putNew = () => store.putNew('a', '{}', 'application/json');
    expect(await putNew()).toBe(true);
    expect(s3.commandCalls(PutObjectCommand)[0]!.args[0].input).toEqual({
      Bucket: 'results',
      Key: 'a',
      Body: '{}',
      ContentType: 'application/json',
      IfNoneMatch: '*',
    });
    expect(await putNew()).toBe(false);
    expect(await putNew()).toBe(false);
    await expect(putNew()).rejects.toThrow('SlowDown');
  });

  test('returns an object as text, and nothing where there is none', async () => {
    const body = (text: string) =>
      ({
        transformToString: (encoding: string) => Promise.resolve(`${text} as ${encoding}`),
      }) as unknown as GetObjectCommandOutput['Body'];
    s3.on(GetObjectCommand, { Bucket: 'results', Key: 'a' })
      .resolvesOnce({ Body: body('{}') })
      .resolvesOnce({})
      .rejectsOnce(refused('NoSuchKey', 400))
      .rejectsOnce(refused('Other', 404))
      .rejectsOnce(refused('AccessDenied', 403));
    expect(await store.get('a')).toBe('{} as utf8');
    expect(await store.get('a')).toBe('');
    expect(await store.get('a')).toBeUndefined();
    expect(await store.get('a')).toBeUndefined();
    await expect(store.get('a')).rejects.toThrow('AccessDenied');
  });

  test('lists the keys below a prefix behind a key', async () => {
    s3.on(ListObjectsV2Command, { Bucket: 'results', Prefix: 'p/', StartAfter: 'p/a' })
      .resolvesOnce({ Contents: [{ Key: 'p/b' }, {}, { Key: 'p/c' }] })
      .resolvesOnce({});
    expect(await store.keysAfter('p/', 'p/a')).toEqual(['p/b', 'p/c']);
    expect(await store.keysAfter('p/', 'p/a')).toEqual([]);
  });
});

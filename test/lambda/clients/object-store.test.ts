import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
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
});

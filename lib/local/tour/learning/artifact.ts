import { execFile } from 'node:child_process';
import * as path from 'node:path';
import { CopyObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3';
import { parseS3Location } from '../../../emulator/account/s3-location';
import type { LearningContext } from './progress';

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Reads a JSON file out of an archive in S3, wherever in it the file lies. */
export async function readJsonOf<Value>(
  { aws }: Pick<LearningContext, 'aws'>,
  uri: string,
  name: string,
): Promise<Value> {
  const { bucket, key } = parseS3Location(uri);
  const { Body } = await aws.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const archive = await Body!.transformToByteArray();
  const names = (await tar(archive, '-tzf', '-')).split('\n');
  const member = names.find((one) => path.posix.basename(one) === name);
  if (member === undefined) throw new Error(`${uri} has no ${name}`);
  return JSON.parse(await tar(archive, '-xzOf', '-', member)) as Value;
}

/** Reads an object of S3 that is JSON. */
export async function readJson<Value>({ aws }: Pick<LearningContext, 'aws'>, uri: string): Promise<Value> {
  const { bucket, key } = parseS3Location(uri);
  const { Body } = await aws.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return JSON.parse(await Body!.transformToString()) as Value;
}

/** Copies an object of S3 to another key of a bucket. */
export async function copyTo(
  { aws }: Pick<LearningContext, 'aws'>,
  uri: string,
  Bucket: string,
  Key: string,
): Promise<void> {
  const { bucket, key } = parseS3Location(uri);
  await aws.s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${bucket}/${key}` }));
}

/** Runs tar on an archive in memory and returns its output. */
function tar(archive: Uint8Array, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('tar', args, { maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(error);
    });
    // Tar stops to read where it has found what it looks for.
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(archive);
  });
}

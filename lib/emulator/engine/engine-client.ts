import * as fs from 'node:fs';
import * as path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import {
  CloudWatchClient,
  DeleteAlarmsCommand,
  type MetricAlarm,
  type MetricDatum,
  paginateDescribeAlarms,
  PutMetricAlarmCommand,
  type PutMetricAlarmCommandInput,
  PutMetricDataCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import {
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { EpochSeconds } from '../../core/time';
import { LOCAL_REGION, localCredentials } from '../credentials';

export interface ServiceEvent {
  readonly source: 'aws.cloudwatch' | 'aws.sagemaker' | 'aws.application-autoscaling';
  readonly detailType: string;
  readonly resources: readonly string[];
  readonly detail: { readonly [member: string]: unknown };
  readonly atSeconds: EpochSeconds;
}

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
}

/** Services of the AWS engine that the emulator uses. */
export interface EngineClient {
  describeAlarms(): Promise<MetricAlarm[]>;
  putMetricAlarm(alarm: PutMetricAlarmCommandInput): Promise<void>;
  deleteAlarms(names: readonly string[]): Promise<void>;
  setAlarmState(alarmName: string, state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA', reason: string): Promise<void>;
  putMetricData(namespace: string, data: readonly MetricDatum[]): Promise<void>;
  putEvent(event: ServiceEvent): Promise<void>;
  objectExists(bucket: string, key: string): Promise<boolean>;
  listObjects(bucket: string, prefix: string): Promise<StoredObject[]>;
  download(bucket: string, key: string, file: string): Promise<void>;
  upload(bucket: string, key: string, file: string): Promise<void>;
  /** Returns an object's content, or undefined where there is no such object. */
  readObject(bucket: string, key: string): Promise<string | undefined>;
  writeObject(bucket: string, key: string, body: string): Promise<void>;
  publish(topicArn: string, message: string): Promise<void>;
  close(): void;
}

/** Creates the client of an engine over the AWS SDK; connections are made at the first call, when the engine's URL is known. */
export function createEngineClient(engineUrl: () => string): EngineClient {
  const handler = new NodeHttpHandler({ connectionTimeout: 5000, requestTimeout: 60_000 });
  const settings = () => ({
    endpoint: engineUrl(),
    region: LOCAL_REGION,
    credentials: localCredentials,
    requestHandler: handler,
    maxAttempts: 3,
  });
  const cloudWatch = once(() => new CloudWatchClient(settings()));
  const eventBridge = once(() => new EventBridgeClient(settings()));
  const sns = once(() => new SNSClient(settings()));
  const s3 = once(() => new S3Client({ ...settings(), forcePathStyle: true }));

  return {
    async describeAlarms() {
      const alarms: MetricAlarm[] = [];
      for await (const page of paginateDescribeAlarms({ client: cloudWatch() }, { AlarmTypes: ['MetricAlarm'] })) {
        alarms.push(...(page.MetricAlarms ?? []));
      }
      return alarms;
    },
    async putMetricAlarm(alarm) {
      await cloudWatch().send(new PutMetricAlarmCommand(alarm));
    },
    async deleteAlarms(names) {
      await cloudWatch().send(new DeleteAlarmsCommand({ AlarmNames: [...names] }));
    },
    async setAlarmState(alarmName, state, reason) {
      const StateReason = reason.slice(0, 1023);
      await cloudWatch().send(new SetAlarmStateCommand({ AlarmName: alarmName, StateValue: state, StateReason }));
    },
    async putMetricData(namespace, data) {
      await cloudWatch().send(new PutMetricDataCommand({ Namespace: namespace, MetricData: [...data] }));
    },
    async putEvent(event) {
      const reply = await eventBridge().send(
        new PutEventsCommand({
          Entries: [
            {
              Source: event.source,
              DetailType: event.detailType,
              Detail: JSON.stringify(event.detail),
              Resources: [...event.resources],
              Time: new Date(event.atSeconds * 1000),
            },
          ],
        }),
      );
      const refused = reply.Entries?.find((entry) => entry.ErrorCode !== undefined);
      if (refused) throw new Error(`${refused.ErrorCode}: ${refused.ErrorMessage}`);
    },
    async objectExists(bucket, key) {
      try {
        await s3().send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
        return true;
      } catch (error) {
        if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return false;
        throw error;
      }
    },
    async listObjects(bucket, prefix) {
      const objects: StoredObject[] = [];
      for await (const page of paginateListObjectsV2({ client: s3() }, { Bucket: bucket, Prefix: prefix })) {
        for (const object of page.Contents ?? []) objects.push({ key: object.Key!, bytes: object.Size ?? 0 });
      }
      return objects;
    },
    async download(bucket, key, file) {
      await fs.promises.mkdir(path.dirname(file), { recursive: true });
      const reply = await s3().send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      await pipeline(reply.Body as Readable, fs.createWriteStream(file));
    },
    async upload(bucket, key, file) {
      // Opened before its size is read: a file that is replaced meanwhile is sent as it was, and one that is gone is an error here.
      const handle = await fs.promises.open(file);
      try {
        const { size } = await handle.stat();
        const Body = size === 0 ? '' : handle.createReadStream({ autoClose: false, end: size - 1 });
        await s3().send(new PutObjectCommand({ Bucket: bucket, Key: key, Body, ContentLength: size }));
      } finally {
        await handle.close();
      }
    },
    async readObject(bucket, key) {
      try {
        const reply = await s3().send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return await reply.Body!.transformToString();
      } catch (error) {
        if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return undefined;
        throw error;
      }
    },
    async writeObject(bucket, key, body) {
      const ContentType = 'application/json';
      await s3().send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType }));
    },
    async publish(topicArn, message) {
      await sns().send(new PublishCommand({ TopicArn: topicArn, Message: message }));
    },
    close() {
      handler.destroy();
    },
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

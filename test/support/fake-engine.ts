import * as fs from 'node:fs';
import * as path from 'node:path';
import type { MetricAlarm, MetricDatum, PutMetricAlarmCommandInput } from '@aws-sdk/client-cloudwatch';
import type { EngineClient, ServiceEvent } from '../../lib/emulator/engine/engine-client';

/** The engine's side of the emulator, in memory. */
export class FakeEngine implements EngineClient {
  public alarms: MetricAlarm[] = [];
  public readonly policyAlarms = new Map<string, PutMetricAlarmCommandInput>();
  public readonly alarmStates: { alarmName: string; state: string; reason: string }[] = [];
  public readonly metricCalls: { namespace: string; data: readonly MetricDatum[] }[] = [];
  public readonly events: ServiceEvent[] = [];
  public readonly notices: { topicArn: string; message: { readonly [member: string]: unknown } }[] = [];
  public readonly objects = new Map<string, Buffer>();

  public async describeAlarms(): Promise<MetricAlarm[]> {
    return this.alarms;
  }

  public async putMetricAlarm(alarm: PutMetricAlarmCommandInput): Promise<void> {
    this.policyAlarms.set(alarm.AlarmName!, alarm);
  }

  public async deleteAlarms(names: readonly string[]): Promise<void> {
    for (const name of names) this.policyAlarms.delete(name);
  }

  public async setAlarmState(alarmName: string, state: string, reason: string): Promise<void> {
    this.alarmStates.push({ alarmName, state, reason });
  }

  public async putMetricData(namespace: string, data: readonly MetricDatum[]): Promise<void> {
    this.metricCalls.push({ namespace, data });
  }

  public async putEvent(event: ServiceEvent): Promise<void> {
    this.events.push(event);
  }

  public async objectExists(bucket: string, key: string): Promise<boolean> {
    return this.objects.has(`${bucket}/${key}`);
  }

  public async listObjects(bucket: string, prefix: string): Promise<{ key: string; bytes: number }[]> {
    return [...this.objects]
      .filter(([name]) => name.startsWith(`${bucket}/${prefix}`))
      .map(([name, body]) => ({ key: name.slice(bucket.length + 1), bytes: body.length }));
  }

  public async download(bucket: string, key: string, file: string): Promise<void> {
    const body = this.objects.get(`${bucket}/${key}`);
    if (!body) throw new Error(`NoSuchKey: ${key}`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, body);
  }

  public async upload(bucket: string, key: string, file: string): Promise<void> {
    this.objects.set(`${bucket}/${key}`, fs.readFileSync(file));
  }

  public async readObject(bucket: string, key: string): Promise<string | undefined> {
    return this.objects.get(`${bucket}/${key}`)?.toString('utf8');
  }

  public async writeObject(bucket: string, key: string, body: string): Promise<void> {
    this.objects.set(`${bucket}/${key}`, Buffer.from(body));
  }

  public async publish(topicArn: string, message: string): Promise<void> {
    this.notices.push({ topicArn, message: JSON.parse(message) as { [member: string]: unknown } });
  }

  public close(): void {}
}

import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { createForecastStore } from '../../../lambda/clients/forecast-store';
import type { MetricValue } from '../../../lambda/clients/metrics';
import type { CountedMinute } from '../../../lambda/clients/request-history';
import type { ScalingLimits } from '../../../lambda/clients/scaling-target';
import { createHandler, type ForecasterRun } from '../../../lambda/capacity-forecaster/handler';
import type { LogFields } from '../../../lambda/support/logger';
import type { ForecasterConfiguration } from '../../../lib/scaling/contract';

/** 2026-11-01T00:00Z in minutes since 1970. */
export const MIDNIGHT = 29_891_520;

export const configuration: ForecasterConfiguration = {
  active: true,
  resourceId: 'endpoint/chat/variant/main',
  scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
  serviceNamespace: 'sagemaker',
  demand: {
    namespace: 'AWS/SageMaker',
    metricName: 'Invocations',
    dimensions: { EndpointName: 'chat', VariantName: 'main' },
    statistic: 'Sum',
  },
  settings: { slotsPerInstance: 8, serviceSeconds: 2, provisioningSeconds: 258, minCapacity: 1, maxCapacity: 20 },
};

/** A fleet with its metric, its scalable target and the forecaster's table. */
export class World {
  /** Seconds since 1970. */
  public now = MIDNIGHT * 60;
  /** What CloudWatch tells: requests by minute. */
  public readonly counts = new Map<number, number>();
  public limits: ScalingLimits | undefined = { minCapacity: 1, maxCapacity: 20 };
  public item: { [name: string]: AttributeValue } | undefined;
  /** Every range of minutes that was asked for. */
  public readonly reads: (readonly [from: number, to: number])[] = [];
  /** Every minimum that was written. */
  public readonly writes: number[] = [];
  public readonly metrics: MetricValue[] = [];
  public readonly logged: { readonly level: string; readonly message: string; readonly fields?: LogFields }[] = [];
  public readonly broken = new Set<'metrics' | 'history' | 'scaling'>();
  /** Called before the table is written, to play another run or the guard. */
  public beforeClaim: () => void = () => undefined;

  private readonly handler: (event: unknown) => Promise<ForecasterRun>;

  public constructor(overrides: Partial<ForecasterConfiguration> = {}) {
    const own = { ...configuration, ...overrides };
    const log = (level: string) => (message: string, fields?: LogFields) => {
      this.logged.push({ level, message, fields });
    };
    this.handler = createHandler({
      configuration: own,
      history: { read: (from, to) => this.read(from, to) },
      store: createForecastStore('forecasts', own.resourceId, this.table()),
      target: own.active
        ? { limits: () => Promise.resolve(this.limits), setMinimum: (minimum) => this.setMinimum(minimum) }
        : undefined,
      metrics: {
        put: (values) => {
          if (this.broken.has('metrics')) return Promise.reject(new Error('metrics are broken'));
          this.metrics.push(...values);
          return Promise.resolve();
        },
      },
      clock: { now: () => this.now },
      logger: { info: log('info'), warn: log('warn'), error: log('error') },
    });
  }

  public look(): Promise<ForecasterRun> {
    return this.handler({ 'detail-type': 'Scheduled Event' });
  }

  /** Looks 60 s after the end of a minute, when that minute has just settled. */
  public lookAfter(minute: number): Promise<ForecasterRun> {
    this.now = (minute + 2) * 60;
    return this.look();
  }

  /** Counts requests for the minutes in [from, to). */
  public count(from: number, to: number, requests: (minute: number) => number): void {
    for (let minute = from; minute < to; minute++) this.counts.set(minute, requests(minute));
  }

  private async *read(from: number, to: number): AsyncIterable<readonly CountedMinute[]> {
    this.reads.push([from, to]);
    await Promise.resolve();
    let page: CountedMinute[] = [];
    for (let minute = from; minute < to; minute++) {
      const requests = this.counts.get(minute);
      if (requests !== undefined) page.push({ minute, requests });
      if (page.length === 1000) {
        yield page;
        page = [];
      }
    }
    if (this.broken.has('history')) throw new Error('history is broken');
    yield page;
  }

  private setMinimum(minimum: number): Promise<void> {
    if (this.broken.has('scaling')) return Promise.reject(new Error('scaling is broken'));
    if (minimum > this.limits!.maxCapacity)
      return Promise.reject(new Error('Maximum capacity cannot be less than minimum capacity'));
    this.writes.push(minimum);
    this.limits = { ...this.limits!, minCapacity: minimum };
    return Promise.resolve();
  }

  /** A table that honours the conditions of its writes. */
  private table(): DynamoDBClient {
    const client = new DynamoDBClient({ region: 'us-east-1' });
    const mock = mockClient(client);
    mock.on(GetItemCommand).callsFake(() => ({ Item: this.item }));
    mock.on(PutItemCommand).callsFake(({ Item, ExpressionAttributeValues }: PutItemCommand['input']) => {
      this.beforeClaim();
      if (this.item?.['generation']?.N !== ExpressionAttributeValues?.[':before']?.N)
        throw new ConditionalCheckFailedException({ message: 'another generation', $metadata: {} });
      this.item = Item;
      return {};
    });
    return client;
  }
}

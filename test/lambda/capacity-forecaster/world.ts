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
import { createHandler, type ForecasterRun } from '../../../lambda/capacity-forecaster/handler';
import type { LogFields } from '../../../lambda/support/logger';
import type { ForecasterConfiguration } from '../../../lib/scaling/contract';
import type { CapacityLimits, TargetLimits } from '../../../lib/scaling/decide/limits';

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
  /** Requests by minute in CloudWatch. */
  public readonly counts = new Map<number, number>();
  /** Minutes in which another metric shows that the fleet was running. */
  public readonly running = new Set<number>();
  public limits: CapacityLimits | undefined = { minCapacity: 1, maxCapacity: 20 };
  public item: { [name: string]: AttributeValue } | undefined;
  /** Requested ranges of minutes. */
  public readonly reads: (readonly [from: number, to: number])[] = [];
  /** Minimums that were set. */
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
      targets: own.active
        ? { limits: () => Promise.resolve(this.seenLimits()), setLimits: (_target, changes) => this.setLimits(changes) }
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

  public run(): Promise<ForecasterRun> {
    return this.handler({ 'detail-type': 'Scheduled Event' });
  }

  /** Runs 60 s after the end of a minute, when that minute has just settled. */
  public runAfter(minute: number): Promise<ForecasterRun> {
    this.now = (minute + 2) * 60;
    return this.run();
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
      if (requests !== undefined || this.running.has(minute)) page.push({ minute, requests });
      if (page.length === 1000) {
        yield page;
        page = [];
      }
    }
    if (this.broken.has('history')) throw new Error('history is broken');
    yield page;
  }

  private seenLimits(): TargetLimits {
    return this.limits === undefined ? { kind: 'not-registered' } : { kind: 'in-force', ...this.limits };
  }

  private setLimits({ minCapacity, maxCapacity }: Partial<CapacityLimits>): Promise<void> {
    if (this.broken.has('scaling')) return Promise.reject(new Error('scaling is broken'));
    if (minCapacity === undefined || maxCapacity !== undefined)
      return Promise.reject(new Error('the forecaster sets the minimum alone'));
    if (this.limits === undefined)
      return Promise.reject(
        new Error('MinCapacity and MaxCapacity are required when registering a new scalable target'),
      );
    if (minCapacity > this.limits.maxCapacity)
      return Promise.reject(new Error('Maximum capacity cannot be less than minimum capacity'));
    this.writes.push(minCapacity);
    this.limits = { ...this.limits, minCapacity };
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

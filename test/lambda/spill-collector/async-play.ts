import type { AsyncEndpointRuntime, AsyncInvocation, AsyncObject } from '../../../lambda/clients/async-endpoint';
import type { MetricValue } from '../../../lambda/clients/metrics';
import { createHandler, type SpillCollectorDependencies } from '../../../lambda/spill-collector/handler';
import type { SpillerOptions } from '../../../lambda/stream-consumer/spiller';
import { createLogger } from '../../../lambda/support/logger';
import type { MemoryStore } from '../stream-consumer/memory-store';
import { streamName } from '../stream-consumer/poller-model';

/** Asynchronous endpoint in memory: each invocation has places of its own, as with SageMaker. */
export class AsyncPlay implements AsyncEndpointRuntime {
  public readonly invocations: AsyncInvocation[] = [];
  /** Requests by their key. */
  public readonly requests = new Map<string, Buffer>();
  public readonly objects = new Map<string, AsyncObject>();
  /** Called before an invocation is taken; throws to refuse it. */
  public beforeInvoke: () => void = () => undefined;
  /** Called before a request is written; throws to let the write fail. */
  public beforePut: () => void = () => undefined;

  public invoke(request: AsyncInvocation): Promise<{ readonly responseUri: string; readonly failureUri: string }> {
    try {
      this.beforeInvoke();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const number = this.invocations.push(request);
    return Promise.resolve({
      responseUri: `s3://films/answers/${number}`,
      failureUri: `s3://films/failures/${number}`,
    });
  }

  /** Ends all requests that are open: those that `isFailing` selects by a failure, the others by a response. */
  public end(writtenAt: number, isFailing: (payload: string) => boolean = () => false): void {
    this.invocations.forEach(({ inputUri }, index) => {
      const payload = this.requests.get(inputUri.slice('s3://films/'.length))!.toString();
      const fails = isFailing(payload);
      const uri = `s3://films/${fails ? 'failures' : 'answers'}/${index + 1}`;
      if (this.objects.has(uri)) return;
      const body = Buffer.from(fails ? 'no memory' : JSON.stringify({ echo: payload }));
      this.objects.set(uri, { body, contentType: 'application/json', writtenAt });
    });
  }

  /** Settings of a consumer whose records spill here after a minute. */
  public spill(over: Partial<SpillerOptions> = {}): SpillerOptions {
    return {
      endpoint: this,
      requests: {
        put: async (key, body) => {
          this.beforePut();
          this.requests.set(key, Buffer.from(body));
        },
      },
      bucketName: 'films',
      requestPrefix: 'requests/',
      contentType: 'application/json',
      afterSeconds: 60,
      ttlSeconds: 3_600,
      timeoutSeconds: 900,
      maxRequestBytes: 1024 * 1024,
      ...over,
    };
  }

  /** Collector of the responses, with what it published and logged. */
  public collector(
    results: MemoryStore,
    clock: SpillCollectorDependencies['clock'],
    over: Partial<SpillCollectorDependencies> = {},
  ) {
    const published: MetricValue[] = [];
    const logLines: string[] = [];
    const handler = createHandler({
      streamName,
      results,
      objects: { read: (uri) => Promise.resolve(this.objects.get(uri)) },
      map: (answer) => Promise.resolve(answer),
      metrics: {
        put: (values) => {
          published.push(...values);
          return Promise.resolve();
        },
      },
      clock,
      logger: createLogger((line) => logLines.push(line)),
      ...over,
    });
    return {
      published,
      logLines,
      collect: (milliseconds = 60_000) => handler({}, { getRemainingTimeInMillis: () => milliseconds }),
    };
  }
}

import * as http from 'node:http';
import { monotonicMs } from '../monotonic';
import type { KafkaMapping } from './kafka-mapping';
import type { failureRecord, KafkaEventContent } from './kafka-records';

/** Real milliseconds for which an answer about permissions holds. */
const PERMISSIONS_MS = 1000;
/** Lambda's maximum of 15 minutes, in real time, with room. */
const TIMEOUT_MS = 1_000_000;

/** Outcome of an invocation; undefined when the mapping is gone. */
export type KafkaInvocation =
  | { readonly kind: 'succeeded'; readonly response: unknown }
  | { readonly kind: 'failed' }
  | { readonly kind: 'throttled' }
  | undefined;

/** Answer about a secret. */
export interface SecretReply {
  readonly text?: string;
  readonly denied?: string;
}

/** Engine's side of Kafka event source mappings: it stores them, invokes the function and acts with the permissions of its role. */
export class LambdaForKafka {
  private readonly agent = new http.Agent({ keepAlive: true });
  private readonly permissions = new Map<string, { readonly atMs: number; readonly allowed: Promise<boolean> }>();

  public constructor(private readonly engineUrl: () => string) {}

  /** Mappings as the engine stores them. */
  public async mappings(): Promise<unknown> {
    return this.send('GET', 'mappings');
  }

  /** True if the function's role may use the source of the mapping; each denied action is recorded. */
  public mayUse(mapping: KafkaMapping): Promise<boolean> {
    return this.allowed(mapping, mapping.needs);
  }

  /** True if Lambda may send to the destination of the mapping with the function's role; each denied action is recorded. */
  public mayFail(mapping: KafkaMapping): Promise<boolean> {
    return this.allowed(mapping, mapping.failureNeeds);
  }

  public async invoke({ uuid }: KafkaMapping, event: KafkaEventContent): Promise<KafkaInvocation> {
    return (await this.send('POST', 'invoke', { uuid, event })) as KafkaInvocation;
  }

  /** ARN and version of the function. */
  public async describe({ uuid }: KafkaMapping): Promise<{ readonly functionArn: string; readonly version: string }> {
    const found = (await this.send('POST', 'describe', { uuid })) as
      { functionArn: string; version: string } | undefined;
    return found ?? { functionArn: '', version: '$LATEST' };
  }

  /** Sends a failure record to S3, SNS or SQS; false when the role may not. */
  public async deliver(
    { uuid }: KafkaMapping,
    destination: string,
    partition: string,
    content: ReturnType<typeof failureRecord>,
  ): Promise<boolean> {
    const reply = await this.send('POST', 'deliver', { uuid, destination, partition, content });
    return (reply as { readonly delivered: boolean } | undefined)?.delivered === true;
  }

  /**
   * Reads a secret with the permissions of the function's role; each denied action is recorded.
   *
   * @returns the text, or the action that is denied; neither where there is no such secret
   */
  public async secret({ uuid }: KafkaMapping, secretArn: string): Promise<SecretReply> {
    return ((await this.send('POST', 'secret', { uuid, secretArn })) as SecretReply | undefined) ?? {};
  }

  /** Makes a problem the last result of the mapping (`LastProcessingResult`). */
  public async report({ uuid }: KafkaMapping, problem: string): Promise<void> {
    await this.send('POST', 'report', { uuid, problem });
  }

  public close(): void {
    this.agent.destroy();
  }

  private allowed({ uuid }: KafkaMapping, needs: KafkaMapping['needs']): Promise<boolean> {
    const key = JSON.stringify([uuid, needs]);
    const known = this.permissions.get(key);
    if (known !== undefined && monotonicMs() - known.atMs < PERMISSIONS_MS) return known.allowed;
    const allowed = this.send('POST', 'authorize', { uuid, needs }).then(
      (reply) => (reply as { readonly denied: readonly string[] } | undefined)?.denied.length === 0,
    );
    this.permissions.set(key, { atMs: monotonicMs(), allowed });
    return allowed;
  }

  /** Sends one call; undefined for a mapping that is gone. */
  private send(method: 'GET' | 'POST', name: string, body?: object): Promise<unknown> {
    const content = body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = http.request(
        `${this.engineUrl()}/_tidegate/kafka/${name}`,
        {
          method,
          agent: this.agent,
          timeout: TIMEOUT_MS,
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            if (response.statusCode === 404) resolve(undefined);
            else if (response.statusCode === 200) resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
            else reject(new Error(`${name}: the engine returned status ${response.statusCode}`));
          });
        },
      );
      request.on('timeout', () => request.destroy(new Error(`${name}: no response`)));
      request.on('error', reject);
      request.end(content);
    });
  }
}

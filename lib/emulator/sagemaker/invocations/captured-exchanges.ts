import { randomUUID } from 'node:crypto';
import type { EpochSeconds } from '../../../core/time';
import type { Random } from '../../../simulation/random';
import { parseS3Location, type S3Location, under } from '../../account/s3-location';
import { type RunClock, sleepUntil } from '../../clock';
import type { EngineClient } from '../../engine/engine-client';
import type { DataCaptureConfig } from '../schemas';

/** Seconds for which copies are collected into one object; SageMaker does not publish its own. An assumption. */
const COLLECT_SECONDS = 60;

/** A request and its response, as copied. */
export interface Exchanged {
  readonly endpointName: string;
  readonly variantName: string;
  readonly inferenceId: string | undefined;
  readonly input: { readonly contentType: string; readonly body: Buffer };
  readonly output: { readonly contentType: string; readonly body: string };
  readonly at: EpochSeconds;
}

/**
 * Copies of requests and responses in S3: lines of JSON in objects by endpoint, variant and hour (SageMaker developer guide, "Capture data from
 * real-time endpoint").
 */
export class CapturedExchanges {
  private readonly collected = new Map<string, { readonly to: S3Location; readonly lines: string[] }>();
  private readonly ending = new AbortController();
  private readonly writing = new Set<Promise<void>>();

  public constructor(
    private readonly parts: {
      readonly clock: RunClock;
      readonly engine: Pick<EngineClient, 'writeObject'>;
      readonly random: Random;
      readonly log: (message: string) => void;
    },
  ) {}

  /** Copies an exchange, where the configuration asks for it and it is drawn. */
  public record(config: DataCaptureConfig | undefined, exchanged: Exchanged): void {
    if (config === undefined || config.EnableCapture === false) return;
    if (this.parts.random.uniform() * 100 >= config.InitialSamplingPercentage) return;
    const modes = new Set(config.CaptureOptions.map(({ CaptureMode }) => CaptureMode));
    const takes = (mode: 'Input' | 'Output'): boolean => modes.has(mode) || modes.has('InputAndOutput');
    const { endpointName, variantName, inferenceId, input, output, at } = exchanged;
    const inferenceTime = new Date(at * 1000).toISOString();
    const line = JSON.stringify({
      captureData: {
        ...(takes('Input') && { endpointInput: copyOf(config, 'INPUT', input.contentType, input.body) }),
        ...(takes('Output') && {
          endpointOutput: copyOf(config, 'OUTPUT', output.contentType, Buffer.from(output.body)),
        }),
      },
      eventMetadata: { eventId: randomUUID(), ...(inferenceId && { inferenceId }), inferenceTime },
      eventVersion: '0',
    });
    const [year, month, day, hour] = inferenceTime.split(/[-T:]/) as [string, string, string, string];
    const folder = under(parseS3Location(config.DestinationS3Uri), endpointName, variantName, year, month, day, hour);
    this.collect(`${folder.bucket}/${folder.key}`, folder, line, at);
  }

  /** Writes what is collected; nothing is recorded afterwards. */
  public async close(): Promise<void> {
    this.ending.abort(new Error('the local services are stopping'));
    for (const name of [...this.collected.keys()]) this.write(name);
    await Promise.all(this.writing);
  }

  private collect(name: string, folder: S3Location, line: string, at: EpochSeconds): void {
    const open = this.collected.get(name);
    if (open !== undefined) {
      open.lines.push(line);
      return;
    }
    const [, minute, second] = new Date(at * 1000).toISOString().split(/[T:.]/).slice(1) as [string, string, string];
    this.collected.set(name, { to: under(folder, `${minute}-${second}-000-${randomUUID()}.jsonl`), lines: [line] });
    sleepUntil(this.parts.clock, at + COLLECT_SECONDS, this.ending.signal).then(
      () => this.write(name),
      () => undefined,
    );
  }

  private write(name: string): void {
    const open = this.collected.get(name);
    if (open === undefined) return;
    this.collected.delete(name);
    const { to, lines } = open;
    const written = this.parts.engine
      .writeObject(to.bucket, to.key, `${lines.join('\n')}\n`)
      .catch((error: unknown) => {
        this.parts.log(
          `data capture: ${lines.length} exchanges could not be written to ${to.bucket}: ${String(error)}`,
        );
      });
    this.writing.add(written);
    void written.finally(() => this.writing.delete(written));
  }
}

/** One side of an exchange: text of a content type that the configuration names, base64 otherwise. */
function copyOf(config: DataCaptureConfig, mode: 'INPUT' | 'OUTPUT', contentType: string, body: Buffer) {
  const { JsonContentTypes = [], CsvContentTypes = [] } = config.CaptureContentTypeHeader ?? {};
  const [type] = contentType.split(';', 1) as [string];
  const encoding = JsonContentTypes.includes(type) ? 'JSON' : CsvContentTypes.includes(type) ? 'CSV' : 'BASE64';
  const data = body.toString(encoding === 'BASE64' ? 'base64' : 'utf8');
  return { observedContentType: contentType, mode, data, encoding };
}

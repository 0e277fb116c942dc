import { FastRandom } from '../random';
import { serviceSeconds } from './service-profile';
import { checkServiceTimes, serviceSampler, type ServiceSampler, type ServiceTimes } from './service-times';
import { RequestBatch, type PackedRequestsReader } from './packed-requests';
import { DEFAULT_TOKEN_LENGTHS } from './token-lengths';
import type { RequestColumns, StepCountColumn, Workload, WorkloadRequest } from './workload';

/** Requests in order of time, in columns, as the request engine takes them. The columns are replaced when they grow. */
export class RequestBlock {
  /** Seconds from the window's start, ascending. */
  public at = new Float64Array(4096);
  /** Seconds of service in a slot. */
  public service = new Float64Array(4096);
  public length = 0;

  /** Ensures a capacity; the contents are lost. */
  public reserve(count: number): void {
    if (this.at.length >= count) return;
    const size = Math.max(count, this.at.length * 2);
    this.at = new Float64Array(size);
    this.service = new Float64Array(size);
  }
}

/** Requests block by block, from the beginning of a window to its end. */
export interface RequestSource {
  /** Fills a block with the next requests; returns false, with a length of 0, if there are none left. */
  next(block: RequestBlock): boolean;
}

/**
 * Part of the requests of a workload: those whose random number between 0 and 1 is in [from, to). The same seed gives the same numbers for
 * every part: parts that do not overlap share no request, and parts that cover [0, 1) contain all of them.
 */
export interface TrafficShare {
  readonly from: number;
  readonly to: number;
}

/** Part of a workload to replay, and its service times. */
export interface RequestSourceOptions {
  readonly service: ServiceTimes;
  /** Seed of the moments within a step and of service times. */
  readonly seed: number | string;
  /** Start of the window, in seconds from the workload's start; moments count from there. @default 0 */
  readonly fromSeconds?: number;
  /** End of the window, in seconds from the workload's start. @default end of the workload */
  readonly toSeconds?: number;
  /** Part of the window's requests. @default all of them */
  readonly share?: TrafficShare;
}

/**
 * Returns the requests of a window of a workload, in blocks.
 *
 * The requests of a step depend on the seed and the step alone, so that overlapping windows have the same requests.
 *
 * @throws InputError if the service times are invalid.
 */
export function requestSource(workload: Workload, options: RequestSourceOptions): RequestSource {
  checkServiceTimes(options.service);
  const all = allOf(workload, options);
  return options.share === undefined ? all : new SharedSource(all, options.share, options.seed);
}

function allOf(workload: Workload, options: RequestSourceOptions): RequestSource {
  const from = options.fromSeconds ?? 0;
  const to = options.toSeconds ?? Infinity;
  const { columns } = workload;
  if (columns?.kind === 'counts')
    return new CountSource(columns, workload.tokens ?? DEFAULT_TOKEN_LENGTHS, options, from, to);
  if (columns?.kind === 'requests') return new RowSource(columns, options, from, to);
  return new IteratorSource(workload.requests(), options, from, to);
}

/** Part of the requests of another source. */
class SharedSource implements RequestSource {
  private readonly random: FastRandom;

  public constructor(
    private readonly all: RequestSource,
    private readonly share: TrafficShare,
    seed: number | string,
  ) {
    this.random = new FastRandom(`${seed}/share`);
  }

  public next(block: RequestBlock): boolean {
    do {
      if (!this.all.next(block)) return false;
      this.thin(block);
    } while (block.length === 0);
    return true;
  }

  private thin(block: RequestBlock): void {
    const { at, service, length } = block;
    const { from, to } = this.share;
    let kept = 0;
    for (let index = 0; index < length; index++) {
      const drawn = this.random.uniform();
      if (drawn < from || drawn >= to) continue;
      at[kept] = at[index];
      service[kept++] = service[index];
    }
    block.length = kept;
  }
}

/** Maximum number of requests drawn at once; a step with more is halved first. */
const MAX_DRAWN_AT_ONCE = 16_384;

class CountSource implements RequestSource {
  private readonly random: FastRandom;
  private readonly sample: ServiceSampler;
  private readonly service: ServiceTimes;
  private readonly constant: number;
  private step: number;
  /** Remaining parts of the current step, the next one last. */
  private parts: { begin: number; length: number; count: number }[] = [];

  public constructor(
    private readonly column: StepCountColumn,
    lengths: NonNullable<Workload['tokens']>,
    { service, seed }: RequestSourceOptions,
    private readonly from: number,
    private readonly to: number,
  ) {
    this.random = new FastRandom(`${seed}/steps`);
    this.sample = serviceSampler(service, lengths);
    this.service = service;
    this.constant = service.kind === 'distribution' && service.distribution === 'constant' ? service.meanSeconds : NaN;
    this.step = Math.max(0, Math.floor(from / column.stepSeconds));
  }

  public next(block: RequestBlock): boolean {
    block.length = 0;
    while (block.length < 2048) {
      const part = this.parts.pop() ?? this.nextStep();
      if (part === undefined) return block.length > 0;
      if (part.count > MAX_DRAWN_AT_ONCE) this.halve(part);
      else this.fill(block, part);
    }
    return true;
  }

  private nextStep(): { begin: number; length: number; count: number } | undefined {
    const { counts, steps, stepSeconds } = this.column;
    while (this.step < steps && this.step * stepSeconds < this.to) {
      const step = this.step++;
      if (counts[step] === 0) continue;
      this.random.restartAt(step);
      return { begin: step * stepSeconds, length: stepSeconds, count: counts[step] };
    }
    return undefined;
  }

  /** Halves a part: the counts are binomial, approximated by a normal at this size. */
  private halve({ begin, length, count }: { begin: number; length: number; count: number }): void {
    const drawn = Math.round(count / 2 + (Math.sqrt(count) / 2) * this.random.normal());
    const first = Math.min(count, Math.max(0, drawn));
    const half = length / 2;
    this.parts.push({ begin: begin + half, length: half, count: count - first });
    this.parts.push({ begin, length: half, count: first });
  }

  private fill(block: RequestBlock, { begin, length, count }: { begin: number; length: number; count: number }): void {
    if (count === 0) return;
    const { random } = this;
    const start = block.length;
    if (block.at.length < start + count) this.grow(block, start + count);
    const { at, service } = block;
    // Uniform moments in ascending order: n + 1 exponential gaps, scaled to the step.
    let sum = 0;
    for (let index = start; index < start + count; index++) {
      sum += random.exponential();
      at[index] = sum;
    }
    const scale = length / (sum + random.exponential());
    const offset = begin - this.from;
    for (let index = start; index < start + count; index++) at[index] = offset + at[index] * scale;
    this.draw(service, start, start + count);
    block.length = start + count;
    this.trim(block, start, begin, length);
  }

  private grow(block: RequestBlock, size: number): void {
    const { at, service, length } = block;
    block.reserve(size);
    block.at.set(at.subarray(0, length));
    block.service.set(service.subarray(0, length));
  }

  private draw(service: Float64Array, from: number, to: number): void {
    if (this.service.kind === 'distribution' && this.service.distribution === 'constant') {
      service.fill(this.constant, from, to);
      return;
    }
    const { random, sample } = this;
    for (let index = from; index < to; index++) service[index] = sample(random);
  }

  /** Removes requests outside the window. */
  private trim(block: RequestBlock, start: number, begin: number, length: number): void {
    if (begin >= this.from && begin + length <= this.to) return;
    const { at, service } = block;
    const end = this.to - this.from;
    let kept = start;
    for (let index = start; index < block.length; index++) {
      if (at[index] < 0 || at[index] >= end) continue;
      at[kept] = at[index];
      service[kept++] = service[index];
    }
    block.length = kept;
  }
}

const ROWS_AT_ONCE = 4096;

class RowSource implements RequestSource {
  private readonly random: FastRandom;
  private readonly sample: ServiceSampler | undefined;
  private readonly reader: PackedRequestsReader;
  private readonly batch: RequestBatch;
  private ended = false;

  public constructor(
    private readonly columns: RequestColumns,
    private readonly options: RequestSourceOptions,
    private readonly from: number,
    private readonly to: number,
  ) {
    this.random = new FastRandom(`${options.seed}/service`);
    const drawn = options.service.kind !== 'tokens' || !columns.hasTokens;
    this.sample = drawn ? serviceSampler(options.service, columns.lengths) : undefined;
    // One second earlier, because the sum is rounded; requests before the window are skipped below.
    this.reader = columns.rows.reader(columns.first + from - 1);
    this.batch = new RequestBatch(Math.min(Math.max(1, columns.rows.length), ROWS_AT_ONCE));
  }

  public next(block: RequestBlock): boolean {
    block.length = 0;
    while (block.length === 0 && !this.ended) this.fill(block);
    return block.length > 0;
  }

  private fill(block: RequestBlock): void {
    const { batch, from, to } = this;
    const { first } = this.columns;
    const { service } = this.options;
    const filled = this.reader.read(batch);
    this.ended = filled < batch.size;
    block.reserve(filled);
    let length = 0;
    for (let index = 0; index < filled; index++) {
      const seconds = batch.at[index] - first;
      if (seconds < from) continue;
      if (seconds >= to) {
        this.ended = true;
        break;
      }
      block.at[length] = seconds - from;
      block.service[length++] =
        this.sample !== undefined
          ? this.sample(this.random)
          : service.kind === 'tokens'
            ? serviceSeconds(service.profile, {
                contextTokens: batch.context[index],
                generatedTokens: batch.generated[index],
              })
            : 0;
    }
    block.length = length;
  }
}

class IteratorSource implements RequestSource {
  private readonly random: FastRandom;
  private readonly sample: ServiceSampler | undefined;

  public constructor(
    private readonly requests: IterableIterator<WorkloadRequest>,
    private readonly options: RequestSourceOptions,
    private readonly from: number,
    private readonly to: number,
  ) {
    this.random = new FastRandom(`${options.seed}/service`);
    this.sample =
      options.service.kind === 'tokens' ? undefined : serviceSampler(options.service, DEFAULT_TOKEN_LENGTHS);
  }

  public next(block: RequestBlock): boolean {
    const { service } = this.options;
    let length = 0;
    block.reserve(ROWS_AT_ONCE);
    while (length < ROWS_AT_ONCE) {
      const { value: request, done } = this.requests.next();
      if (done === true || request === undefined || request.atSeconds >= this.to) break;
      if (request.atSeconds < this.from) continue;
      block.at[length] = request.atSeconds - this.from;
      block.service[length++] =
        this.sample !== undefined
          ? this.sample(this.random)
          : service.kind === 'tokens'
            ? serviceSeconds(service.profile, request)
            : 0;
    }
    block.length = length;
    return length > 0;
  }
}

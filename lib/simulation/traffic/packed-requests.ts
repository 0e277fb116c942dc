/** Size of a chunk: about ten thousand requests. */
const CHUNK_BYTES = 64 * 1024;

/** Size of the first chunk, for small traces. */
const FIRST_CHUNK_BYTES = 4 * 1024;

/** Maximum bytes of a request: 8 for its moment, 4 for each count of tokens below 2^28. */
const MAX_BYTES_PER_REQUEST = 16;

/**
 * Ticks per second of clocks on which moments are whole numbers, so that they are stored without loss: microseconds; the resolution of a
 * double from 2004 to 2038, exact for every date of those years; 0 for other moments, stored as doubles.
 */
const CLOCKS = [1e6, 2 ** 22, 0] as const;

interface Chunk {
  readonly bytes: Uint8Array;
  /** Moment of the first request, in seconds and in ticks. */
  readonly firstSeconds: number;
  readonly firstTick: number;
  readonly ticksPerSecond: number;
  /** True if a request may be earlier than the one before it. */
  readonly signed: boolean;
  count: number;
}

/** Requests in columns of a fixed size, read at once. */
export class RequestBatch {
  public readonly at: Float64Array;
  public readonly context: Uint32Array;
  public readonly generated: Uint32Array;

  public constructor(public readonly size: number) {
    this.at = new Float64Array(size);
    this.context = new Uint32Array(size);
    this.generated = new Uint32Array(size);
  }
}

/**
 * Requests in a few bytes each, without loss: the time since the request before and the tokens as numbers of variable length, 7 bits per
 * byte, in chunks that never move.
 *
 * They are read from the beginning or from a moment on, not by index.
 */
export class PackedRequests {
  private readonly chunks: (Chunk | undefined)[] = [];
  private chunk: Chunk | undefined;
  private position = 0;
  private tick = 0;
  private clock = 0;
  private signed = false;
  private count = 0;
  private readonly double = new Float64Array(1);
  private readonly doubleBytes = new Uint8Array(this.double.buffer);

  public constructor(
    /** False if requests have no tokens, which are then read as 0. */
    private readonly hasTokens: boolean,
  ) {}

  public get length(): number {
    return this.count;
  }

  /** Memory of the chunks. */
  public get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + (chunk?.bytes.length ?? 0), 0);
  }

  /** Adds a request: its moment is finite and at least 0, its tokens are whole numbers below 2^28. */
  public add(seconds: number, contextTokens: number, generatedTokens: number): void {
    let tick = this.tickOf(seconds);
    while (tick === undefined || this.isTooFar(tick)) {
      this.clock++;
      this.chunk = undefined;
      tick = this.tickOf(seconds);
    }
    if (!this.signed && this.chunk !== undefined && tick < this.tick) {
      this.signed = true;
      this.chunk = undefined;
    }
    if (this.chunk === undefined || this.position + MAX_BYTES_PER_REQUEST > this.chunk.bytes.length) {
      this.begin(seconds, tick);
    }
    const chunk = this.chunk!;
    if (chunk.ticksPerSecond === 0) this.writeDouble(chunk.bytes, seconds);
    else {
      const since = tick - this.tick;
      this.write(chunk.bytes, !chunk.signed ? since : since < 0 ? -2 * since - 1 : 2 * since);
    }
    this.tick = tick;
    if (this.hasTokens) {
      this.write(chunk.bytes, contextTokens);
      this.write(chunk.bytes, generatedTokens);
    }
    chunk.count++;
    this.count++;
  }

  /**
   * Returns a reader of the requests in the order in which they were added.
   *
   * @param fromSeconds for requests in order of time: skips most of those before this moment, but not all.
   */
  public reader(fromSeconds = -Infinity): PackedRequestsReader {
    let low = 0;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.chunks[middle]!.firstSeconds < fromSeconds) low = middle + 1;
      else high = middle;
    }
    return new PackedRequestsReader(this.chunks, Math.max(0, low - 1), this.hasTokens, false);
  }

  /** Returns a reader that frees the memory of the requests it has read. */
  public drain(): PackedRequestsReader {
    return new PackedRequestsReader(this.chunks, 0, this.hasTokens, true);
  }

  /** Returns the moment in ticks of the current clock; undefined if it is not exact. */
  private tickOf(seconds: number): number | undefined {
    const ticksPerSecond = CLOCKS[this.clock];
    if (ticksPerSecond === 0) return 0;
    const tick = Math.round(seconds * ticksPerSecond);
    return tick <= Number.MAX_SAFE_INTEGER && tick / ticksPerSecond === seconds ? tick : undefined;
  }

  /** True if the difference from the request before, with its sign in the lowest bit, exceeds the exact whole numbers. */
  private isTooFar(tick: number): boolean {
    return this.signed && this.chunk !== undefined && 2 * Math.abs(tick - this.tick) > Number.MAX_SAFE_INTEGER;
  }

  private begin(seconds: number, tick: number): void {
    this.chunk = {
      bytes: new Uint8Array(this.chunks.length === 0 ? FIRST_CHUNK_BYTES : CHUNK_BYTES),
      firstSeconds: seconds,
      firstTick: tick,
      ticksPerSecond: CLOCKS[this.clock],
      signed: this.signed,
      count: 0,
    };
    this.chunks.push(this.chunk);
    this.position = 0;
    this.tick = tick;
  }

  private write(bytes: Uint8Array, value: number): void {
    let rest = value;
    for (; rest >= 2 ** 31; rest = Math.floor(rest / 128)) bytes[this.position++] = 128 + (rest % 128);
    for (; rest >= 128; rest >>>= 7) bytes[this.position++] = 128 | (rest & 127);
    bytes[this.position++] = rest;
  }

  private writeDouble(bytes: Uint8Array, value: number): void {
    this.double[0] = value;
    bytes.set(this.doubleBytes, this.position);
    this.position += 8;
  }
}

/** Position in {@link PackedRequests} that moves as requests are read. */
export class PackedRequestsReader {
  private chunk: Chunk | undefined;
  /** Unread requests of the chunk. */
  private left = 0;
  private position = 0;
  private tick = 0;
  private readonly double = new Float64Array(1);
  private readonly doubleBytes = new Uint8Array(this.double.buffer);

  public constructor(
    private readonly chunks: (Chunk | undefined)[],
    private index: number,
    private readonly hasTokens: boolean,
    private readonly drains: boolean,
  ) {}

  /** Fills a batch from its beginning, or from `start`; returns the end of the filled part, `start` if no request is left. */
  public read(batch: RequestBatch, start = 0): number {
    let filled = start;
    while (filled < batch.size) {
      if (this.left === 0 && !this.nextChunk()) break;
      const end = Math.min(batch.size, filled + this.left);
      this.left -= end - filled;
      this.decode(this.chunk!, batch, filled, end);
      filled = end;
    }
    return filled;
  }

  private nextChunk(): boolean {
    if (this.index >= this.chunks.length) return false;
    const chunk = this.chunks[this.index]!;
    if (this.drains) this.chunks[this.index] = undefined;
    this.index++;
    this.chunk = chunk;
    this.left = chunk.count;
    this.position = 0;
    this.tick = chunk.firstTick;
    return true;
  }

  private decode({ bytes, ticksPerSecond, signed }: Chunk, batch: RequestBatch, from: number, to: number): void {
    const { at, context, generated } = batch;
    for (let index = from; index < to; index++) {
      if (ticksPerSecond === 0) at[index] = this.readDouble(bytes);
      else {
        const written = this.readNumber(bytes);
        this.tick += !signed ? written : written % 2 === 0 ? written / 2 : -(written + 1) / 2;
        at[index] = this.tick / ticksPerSecond;
      }
      if (!this.hasTokens) continue;
      context[index] = this.readNumber(bytes);
      generated[index] = this.readNumber(bytes);
    }
    if (this.hasTokens) return;
    context.fill(0, from, to);
    generated.fill(0, from, to);
  }

  private readNumber(bytes: Uint8Array): number {
    let byte = bytes[this.position++];
    let value = byte & 127;
    let shift = 7;
    for (; byte >= 128 && shift < 28; shift += 7) {
      byte = bytes[this.position++];
      value |= (byte & 127) << shift;
    }
    for (let scale = 2 ** 28; byte >= 128; scale *= 128) {
      byte = bytes[this.position++];
      value += (byte & 127) * scale;
    }
    return value;
  }

  private readDouble(bytes: Uint8Array): number {
    for (let byte = 0; byte < 8; byte++) this.doubleBytes[byte] = bytes[this.position + byte];
    this.position += 8;
    return this.double[0];
  }
}

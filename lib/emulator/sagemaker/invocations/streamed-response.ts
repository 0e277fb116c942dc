import { PassThrough } from 'node:stream';
import type { EpochSeconds } from '../../../core/time';
import type { ServiceProfile } from '../../../simulation/traffic/service-profile';
import type { HttpReply } from '../../http/server';
import type { RequestOutcome, Variant } from '../endpoints/variant';
import type { ContainerRequest } from './container-request';
import { eventStreamHeaders, modelStreamError, payloadPart } from './event-stream';

/** Maximum seconds until a streamed response is complete (developer guide, real-time inference: 8 minutes). */
export const MAX_STREAM_SECONDS = 480;

/** Local seconds between two parts; an assumption. */
const PART_SECONDS = 1;
/** Maximum number of parts of one response; an assumption. */
const MAX_PARTS = 32;

/**
 * A response in parts: the first token once the context is read, the others over the time in which they are generated, and at the end the
 * response of InvokeEndpoint. Each part is a line of JSON, or an event of OpenAI's form.
 */
export class StreamedResponse {
  private readonly body = new PassThrough();
  private parts: { readonly at: EpochSeconds; readonly tokens: number }[] = [];
  private sentTokens = 0;
  private state: 'waiting' | 'sending' | 'over' = 'waiting';

  public constructor(
    private readonly options: {
      readonly request: ContainerRequest;
      readonly arrivedAt: EpochSeconds;
      readonly profile: ServiceProfile;
      readonly variant: Variant;
      /** Receives the reply: with the first part, or an error before it. */
      readonly reply: (reply: HttpReply) => void;
    },
  ) {
    // A caller that does not want the rest closes the connection.
    this.body.on('error', () => undefined);
  }

  public get isOver(): boolean {
    return this.state === 'over';
  }

  /** The model starts to work on the request. */
  public start(at: EpochSeconds): void {
    const { profile, request } = this.options;
    const firstAt = at + profile.overheadSeconds + request.contextTokens / profile.prefillTokensPerSecond;
    const seconds = request.generatedTokens / profile.decodeTokensPerSecond;
    const count = Math.min(request.generatedTokens, MAX_PARTS, Math.max(1, Math.ceil(seconds / PART_SECONDS)));
    const tokensUntil = (part: number): number => Math.round((request.generatedTokens * part) / count);
    this.parts = Array.from({ length: count }, (_, part) => ({
      at: firstAt + (seconds * part) / count,
      tokens: tokensUntil(part + 1) - tokensUntil(part),
    }));
  }

  public nextEventAt(): EpochSeconds | undefined {
    return this.parts[0]?.at;
  }

  /** Sends the parts that are due. */
  public advanceTo(at: EpochSeconds): void {
    while (this.parts[0] !== undefined && this.parts[0].at <= at) this.send(this.parts.shift()!);
  }

  /** Ends the response with its last part, or with the error of `reply`, which is InvokeEndpoint's. */
  public end(outcome: RequestOutcome, reply: HttpReply): void {
    const rest = this.parts;
    this.parts = [];
    if (outcome.kind === 'completed' && reply.statusCode === 200) {
      for (const part of rest) this.send(part);
      this.write(payloadPart(this.options.request.lastPart(reply.body as string)), outcome.finishedAt);
    } else if (this.state === 'waiting') {
      this.state = 'over';
      this.options.reply(reply);
      return;
    } else {
      this.options.variant.breakStream();
      const message = 'Your model primary did not complete sending the inference response in the allotted time.';
      this.body.write(modelStreamError('ModelInvocationTimeExceeded', message));
    }
    this.state = 'over';
    this.body.end();
  }

  private send({ at, tokens }: { readonly at: EpochSeconds; readonly tokens: number }): void {
    this.write(payloadPart(this.options.request.part(this.sentTokens, tokens)), at);
    this.sentTokens += tokens;
  }

  private write(part: Uint8Array, at: EpochSeconds): void {
    this.body.write(part);
    if (this.state !== 'waiting') return;
    this.state = 'sending';
    const { request, variant, arrivedAt, reply } = this.options;
    variant.beginStream(at - arrivedAt);
    reply({
      statusCode: 200,
      headers: { ...eventStreamHeaders(request.streamType), 'x-amzn-invoked-production-variant': variant.name },
      body: this.body,
    });
  }
}

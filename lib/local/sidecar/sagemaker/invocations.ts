import { InputError } from '../../../core/errors';
import type { EpochSeconds } from '../../../core/time';
import { formatInferenceAnswer, type InferenceRequest, parseInferenceRequest } from '../../../ingestion/contract';
import type { Random } from '../../../simulation/random';
import { type ServiceProfile, serviceSeconds, type TokenCounts } from '../../../simulation/service-profile';
import { LOCAL_ACCOUNT } from '../../engine/credentials';
import type { HttpReply, HttpRequest } from '../http';
import { ServiceError } from '../service-error';
import { acceptAsync } from './async-invocation';
import type { Endpoint } from './endpoint';
import type { Endpoints } from './endpoints';
import { errorReply, modelError, noCapacity, TIMED_OUT, unavailable } from './invocation-errors';
import { prefixOf } from './request-prefix';
import type { ResponseStreams } from './response-streams';
import { STREAM_SECONDS, StreamedAnswer } from './streamed-answer';
import type { RequestOutcome, Variant } from './variant';

const PATH = /^\/endpoints\/([^/]+)\/(invocations|async-invocations|invocations-response-stream)$/;

export const isInvocation = (path: string): boolean => PATH.test(path);

/** InvokeEndpoint, with its answer in one piece or in parts, and InvokeEndpointAsync: a request's tokens set how long it keeps a slot of an instance; the answer comes when it is done. */
export class Invocations {
  private sequence = 0;
  private readonly open = new Set<(reply: HttpReply) => void>();

  public constructor(
    private readonly parts: {
      readonly endpoints: Endpoints;
      readonly profile: ServiceProfile;
      /** A real model server, which works on a request while it has its slot. */
      readonly modelServer?: { predict(request: TokenCounts): Promise<number> };
      readonly random: Random;
      readonly streams: ResponseStreams;
      /** Brings the platform to the present and returns it. */
      readonly catchUp: () => EpochSeconds;
      /** To be called once something was changed from outside. */
      readonly rearm: () => void;
    },
  ) {}

  public invoke(request: HttpRequest): Promise<HttpReply> {
    const [, encodedName, kind] = PATH.exec(request.path)!;
    const endpointName = decodeURIComponent(encodedName!);
    const at = this.parts.catchUp();
    const endpoint = this.endpoint(endpointName);
    if ((kind === 'async-invocations') !== (endpoint.queue !== undefined)) {
      const takes =
        endpoint.queue === undefined ? 'InvokeEndpoint and InvokeEndpointWithResponseStream' : 'InvokeEndpointAsync';
      throw new ServiceError('ValidationError', `Endpoint ${endpointName} takes ${takes} only.`);
    }
    if (endpoint.queue !== undefined) {
      const reply = acceptAsync(endpoint.queue, request, at);
      this.parts.rearm();
      return Promise.resolve(reply);
    }
    const variant =
      endpoint.placement === undefined
        ? this.chooseVariant(endpoint, request.headers['x-amzn-sagemaker-target-variant'])
        : copiesOf(endpoint, request.headers['x-amzn-sagemaker-inference-component']);
    let parsed: InferenceRequest;
    try {
      parsed = parseInferenceRequest(request.body.toString('utf8'));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      variant.refuse();
      this.shadowOf(endpoint, variant)?.refuse();
      throw modelError(400, error.message, endpointName);
    }
    const needed = serviceSeconds(this.parts.profile, parsed);
    const arriving = (to: Variant) => ({
      id: this.sequence++,
      serviceSeconds: needed,
      ...prefixOf(request, to),
    });
    // The copy's outcome is its own: nobody waits for it.
    const shadow = this.shadowOf(endpoint, variant);
    shadow?.arrive(at, arriving(shadow), () => undefined);
    return new Promise((resolve) => {
      const answer = (reply: HttpReply): void => {
        this.open.delete(answer);
        resolve(reply);
      };
      this.open.add(answer);
      const { profile, streams } = this.parts;
      const stream =
        kind === 'invocations-response-stream'
          ? new StreamedAnswer({ request: parsed, arrivedAt: at, profile, variant, reply: answer })
          : undefined;
      const result = variant.arrive(
        at,
        { ...arriving(variant), ...(stream && streamed(stream, streams)) },
        (outcome) => {
          const end = (reply: HttpReply): void => (stream === undefined ? answer(reply) : stream.end(outcome, reply));
          void predicted.then(
            (seconds) => end(this.replyTo(outcome, endpoint, variant, parsed, seconds)),
            (error: unknown) => answer(errorReply(modelError(500, String(error), endpoint.name))),
          );
        },
      );
      const isTaken = result === 'started' || result === 'queued';
      const predicted = (isTaken ? this.parts.modelServer?.predict(parsed) : undefined) ?? Promise.resolve(undefined);
      // Whoever waits for the outcome hears of a failure.
      predicted.catch(() => undefined);
      this.parts.rearm();
      if (result === 'queue-full') {
        answer(
          errorReply(
            variant.environments === undefined
              ? unavailable(`every instance of ${endpointName} has a full queue; slow down and try again`)
              : new ServiceError(
                  'ThrottlingException',
                  `The MaxConcurrency of ${endpointName} is in use; slow down and try again`,
                  429,
                ),
          ),
        );
      } else if (result === 'no-instance-in-service') {
        const isShared = endpoint.placement !== undefined;
        answer(
          errorReply(
            isShared
              ? noCapacity(variant.name)
              : unavailable(`no instance of ${endpointName} is in service; try again`),
          ),
        );
      }
    });
  }

  /** Answers everything that still waits, for the end of the run. */
  public close(): void {
    for (const answer of [...this.open]) answer(errorReply(unavailable('the local services are stopping')));
  }

  private replyTo(
    outcome: RequestOutcome,
    endpoint: Endpoint,
    variant: Variant,
    request: InferenceRequest,
    predictedSeconds: number | undefined,
  ): HttpReply {
    if (outcome.kind === 'timed-out') {
      return errorReply(modelError(0, TIMED_OUT, endpoint.name));
    }
    if (outcome.kind === 'broken') {
      return errorReply(modelError(500, 'the model is broken on purpose', endpoint.name));
    }
    return {
      statusCode: 200,
      headers: { 'content-type': 'application/json', 'x-amzn-invoked-production-variant': variant.name },
      body: formatInferenceAnswer(request.id, {
        generatedTokens: request.generatedTokens,
        queueSeconds: round(outcome.startedAt - outcome.arrivedAt),
        serviceSeconds: round(outcome.finishedAt - outcome.startedAt),
        instance: outcome.instanceId,
        predictedSeconds,
      }),
    };
  }

  private endpoint(name: string): Endpoint {
    const endpoint = this.parts.endpoints.find(name);
    if (!endpoint?.takesRequests) {
      throw new ServiceError('ValidationError', `Endpoint ${name} of account ${LOCAL_ACCOUNT} not found.`);
    }
    return endpoint;
  }

  /** The shadow, when this request is one of those that it gets a copy of: its weight is a share of the production variant's. */
  private shadowOf(endpoint: Endpoint, { weight }: Variant): Variant | undefined {
    const shadow = endpoint.shadowVariants().find((variant) => variant.counts().inService > 0);
    return shadow !== undefined && this.parts.random.uniform() * weight < shadow.weight ? shadow : undefined;
  }

  /** The named variant, or one by the weights. */
  private chooseVariant(endpoint: Endpoint, wanted: string | string[] | undefined): Variant {
    const variants = endpoint.currentVariants();
    if (typeof wanted === 'string') {
      const variant = endpoint.variant(wanted);
      if (!variant)
        throw new ServiceError('ValidationError', `Variant ${wanted} is not part of endpoint ${endpoint.name}.`);
      return variant;
    }
    if (variants.length === 1) return variants[0]!;
    const total = variants.reduce((sum, variant) => sum + variant.weight, 0);
    let at = this.parts.random.uniform() * total;
    for (const variant of variants) {
      at -= variant.weight;
      if (at < 0) return variant;
    }
    return variants[0]!;
  }
}

/** The copies of the component that a request names. */
function copiesOf({ name, placement }: Endpoint, wanted: string | string[] | undefined): Variant {
  if (typeof wanted !== 'string') {
    throw new ServiceError(
      'ValidationError',
      `Endpoint ${name} serves inference components: give InferenceComponentName.`,
    );
  }
  const component = placement?.components.find((one) => one.name === wanted && one.status !== 'Deleting');
  if (component === undefined) {
    throw new ServiceError('ValidationError', `Inference component ${wanted} is not part of endpoint ${name}.`);
  }
  return component.copies;
}

const round = (seconds: number): number => Math.round(seconds * 1e6) / 1e6;

/** A streamed request has longer, and its parts follow its start. */
const streamed = (stream: StreamedAnswer, streams: ResponseStreams) => ({
  timeoutSeconds: STREAM_SECONDS,
  onStart: (at: EpochSeconds): void => {
    stream.start(at);
    streams.add(stream);
  },
});

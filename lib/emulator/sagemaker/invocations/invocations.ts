import { InputError } from '../../../core/errors';
import type { EpochSeconds } from '../../../core/time';
import type { Random } from '../../../simulation/random';
import { type ServiceProfile, serviceSeconds } from '../../../simulation/traffic/service-profile';
import { LOCAL_ACCOUNT } from '../../credentials';
import type { ModelServerProcess, Prediction } from '../../model-server/model-server-process';
import type { HttpReply, HttpRequest } from '../../http/server';
import { ServiceError } from '../../http/service-error';
import type { Endpoint } from '../endpoints/endpoint';
import type { Endpoints } from '../endpoints/endpoints';
import type { RequestOutcome, Variant } from '../endpoints/variant';
import { acceptAsync } from './async-invocation';
import { type ContainerRequest, readContainerRequest } from './container-request';
import type { ContainerNetworks } from './container-networks';
import type { CapturedExchanges } from './captured-exchanges';
import { errorReply, modelError, noCapacity, throttled, TIMED_OUT, unavailable } from './invocation-errors';
import { prefixOf } from './request-prefix';
import type { ResponseStreams } from './response-streams';
import { MAX_STREAM_SECONDS, StreamedResponse } from './streamed-response';

const PATH = /^\/endpoints\/([^/]+)\/(invocations|async-invocations|invocations-response-stream)$/;

export const isInvocation = (path: string): boolean => PATH.test(path);

/**
 * InvokeEndpoint, with its response whole or in parts, and InvokeEndpointAsync. A request's tokens set the time for which it keeps a slot of an
 * instance; the response is sent at the end of that time.
 */
export class Invocations {
  private sequence = 0;
  private readonly open = new Set<(reply: HttpReply) => void>();

  public constructor(
    private readonly parts: {
      readonly endpoints: Endpoints;
      readonly profile: ServiceProfile;
      /** A real model server, which works on a request while the request has its slot. */
      readonly modelServer?: Pick<ModelServerProcess, 'predict' | 'infer'>;
      /** The containers' own networks. */
      readonly networks: ContainerNetworks;
      readonly capture: CapturedExchanges;
      readonly random: Random;
      readonly streams: ResponseStreams;
    },
  ) {}

  /** Hands a request to its endpoint; resolves with the reply when the request has ended, or with the first part of a stream. */
  public invoke(request: HttpRequest, at: EpochSeconds): Promise<HttpReply> {
    const [, encodedName, kind] = PATH.exec(request.path)!;
    const endpointName = decodeURIComponent(encodedName!);
    const endpoint = this.endpoint(endpointName);
    if ((kind === 'async-invocations') !== (endpoint.queue !== undefined)) {
      const takes =
        endpoint.queue === undefined ? 'InvokeEndpoint and InvokeEndpointWithResponseStream' : 'InvokeEndpointAsync';
      throw new ServiceError('ValidationError', `Endpoint ${endpointName} takes ${takes} only.`);
    }
    if (endpoint.queue !== undefined) return Promise.resolve(acceptAsync(endpoint.queue, request, at));
    const variant =
      endpoint.placement === undefined
        ? this.chooseVariant(endpoint, request.headers['x-amzn-sagemaker-target-variant'])
        : copiesOf(endpoint, request.headers['x-amzn-sagemaker-inference-component']);
    const isStreamed = kind === 'invocations-response-stream';
    return this.serve({ request, endpoint, variant, parsed: this.parse(request, endpoint, variant), isStreamed, at });
  }

  /** Replies to every open request with an error, at the end of the run. */
  public close(): void {
    for (const reply of [...this.open]) reply(errorReply(unavailable('the local services are stopping')));
  }

  private parse(request: HttpRequest, endpoint: Endpoint, variant: Variant): ContainerRequest {
    try {
      return readContainerRequest(request.body.toString('utf8'));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      variant.refuse();
      this.shadowOf(endpoint, variant)?.refuse();
      throw modelError(400, error.message, endpoint.name);
    }
  }

  private serve(call: {
    readonly request: HttpRequest;
    readonly parsed: ContainerRequest;
    readonly endpoint: Endpoint;
    readonly variant: Variant;
    readonly isStreamed: boolean;
    readonly at: EpochSeconds;
  }): Promise<HttpReply> {
    const { request, parsed, endpoint, variant, isStreamed, at } = call;
    const { profile, streams, modelServer } = this.parts;
    const needed = serviceSeconds(profile, parsed);
    const arriving = (to: Variant) => ({ id: this.sequence++, serviceSeconds: needed, ...prefixOf(request, to) });
    // The outcome of the shadow's copy is discarded.
    const shadow = this.shadowOf(endpoint, variant);
    shadow?.arrive(at, arriving(shadow), () => undefined);
    return new Promise((resolve) => {
      const reply = (whole: HttpReply): void => {
        this.open.delete(reply);
        resolve(whole);
      };
      this.open.add(reply);
      const stream = isStreamed
        ? new StreamedResponse({ request: parsed, arrivedAt: at, profile, variant, reply })
        : undefined;
      const result = variant.arrive(
        at,
        { ...arriving(variant), ...(stream && streamed(stream, streams)) },
        (outcome) => {
          const end = (whole: HttpReply): void => (stream === undefined ? reply(whole) : stream.end(outcome, whole));
          void this.replyTo({ outcome, endpoint, variant, parsed, predicted, request }).then(end, (error: unknown) =>
            reply(errorReply(modelError(500, String(error), endpoint.name))),
          );
        },
      );
      // Tensors are for the user's model itself, once the instance is known.
      const isTaken =
        (result === 'started' || result === 'queued') &&
        (parsed.answeredBy === 'simulated' || modelServer?.infer === undefined);
      const predicted = (isTaken ? modelServer?.predict(parsed) : undefined) ?? Promise.resolve(undefined);
      // A failure is part of the reply, once the outcome is there.
      predicted.catch(() => undefined);
      if (result === 'queue-full') reply(errorReply(queueFull(endpoint.name, variant)));
      else if (result === 'no-instance-in-service') reply(errorReply(noInstance(endpoint, variant)));
    });
  }

  /** Reply to a request that has ended. The network of a container runs now, when it is known which instance served the request. */
  private async replyTo(ended: {
    readonly outcome: RequestOutcome;
    readonly endpoint: Endpoint;
    readonly variant: Variant;
    readonly parsed: ContainerRequest;
    readonly predicted: Promise<Prediction | undefined>;
    readonly request: HttpRequest;
  }): Promise<HttpReply> {
    const { outcome, endpoint, variant, parsed, request } = ended;
    if (outcome.kind === 'timed-out') return errorReply(modelError(0, TIMED_OUT, endpoint.name));
    if (outcome.kind === 'broken') {
      return errorReply(modelError(500, 'the model is broken on purpose', endpoint.name));
    }
    const predicted = await ended.predicted;
    const { instanceId } = outcome;
    const response = await this.parts.networks.respond(
      parsed,
      variant.specOf(instanceId).modelName,
      request.body.toString('utf8'),
      {
        queueSeconds: round(outcome.startedAt - outcome.arrivedAt),
        serviceSeconds: round(outcome.finishedAt - outcome.startedAt),
        instance: instanceId,
        predicted,
      },
    );
    if (response.statusCode !== 200) {
      variant.countError(instanceId, response.statusCode < 500 ? 'client' : 'server');
      return errorReply(modelError(response.statusCode, response.body, endpoint.name));
    }
    const contentType = 'application/json';
    this.parts.capture.record(variant.specOf(instanceId).dataCapture, {
      endpointName: endpoint.name,
      variantName: variant.name,
      inferenceId: textOf(request.headers['x-amzn-sagemaker-inference-id']),
      input: { contentType: request.headers['content-type'] ?? 'application/octet-stream', body: request.body },
      output: { contentType, body: response.body },
      at: outcome.finishedAt,
    });
    return {
      statusCode: 200,
      headers: { 'content-type': contentType, 'x-amzn-invoked-production-variant': variant.name },
      body: response.body,
    };
  }

  private endpoint(name: string): Endpoint {
    const endpoint = this.parts.endpoints.find(name);
    if (!endpoint?.takesRequests) {
      throw new ServiceError('ValidationError', `Endpoint ${name} of account ${LOCAL_ACCOUNT} not found.`);
    }
    return endpoint;
  }

  /** The shadow variant, when it receives a copy of this request: its weight is a share of the production variant's. */
  private shadowOf(endpoint: Endpoint, { weight }: Variant): Variant | undefined {
    const shadow = endpoint.shadowVariants().find((variant) => variant.counts().inService > 0);
    return shadow !== undefined && this.parts.random.uniform() * weight < shadow.weight ? shadow : undefined;
  }

  /** The named variant, or one chosen by weight. */
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
    let left = this.parts.random.uniform() * total;
    for (const variant of variants) {
      left -= variant.weight;
      if (left < 0) return variant;
    }
    return variants[0]!;
  }
}

/** Copies of the component that a request names. */
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

const textOf = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' ? header : undefined;

const queueFull = (endpointName: string, { environments }: Variant): ServiceError =>
  environments === undefined
    ? unavailable(`every instance of ${endpointName} has a full queue; slow down and try again`)
    : throttled(`The MaxConcurrency of ${endpointName} is in use; slow down and try again`);

const noInstance = ({ name, placement }: Endpoint, variant: Variant): ServiceError =>
  placement === undefined ? unavailable(`no instance of ${name} is in service; try again`) : noCapacity(variant.name);

const round = (seconds: number): number => Math.round(seconds * 1e6) / 1e6;

/** A streamed request has a longer time-out, and its parts follow its start. */
const streamed = (stream: StreamedResponse, streams: ResponseStreams) => ({
  timeoutSeconds: MAX_STREAM_SECONDS,
  onStart: (at: EpochSeconds): void => {
    stream.start(at);
    streams.add(stream);
  },
});

import { z } from 'zod';
import { InputError } from '../../core/errors';
import { callPublicRegistry } from '../account/public-registry';
import type { ServiceQuotas } from '../account/service-quotas';
import type { Provisioner } from '../cloudformation/provision';
import type { Driver } from '../driver';
import type { Emulator } from '../emulator';
import type { Alarms } from '../monitoring/alarms';
import { callSageMaker, type SageMakerParts } from '../sagemaker/api';
import { errorReply } from '../sagemaker/invocations/invocation-errors';
import { type Invocations, isInvocation } from '../sagemaker/invocations/invocations';
import type { Scaling } from '../scaling/scaling';
import type { EngineGate } from './engine-gate';
import { parseJsonObject, parseWith } from './schema-parts';
import { type HttpReply, type HttpRequest, jsonReply } from './server';
import { ServiceError } from './service-error';

const JSON_1_1 = { 'content-type': 'application/x-amz-json-1.1' };

const metricsSchema = z.array(
  z.object({
    namespace: z.string(),
    metricName: z.string(),
    dimensions: z.record(z.string(), z.string()),
    atSeconds: z.number(),
    sum: z.number(),
    sampleCount: z.number().positive(),
    minimum: z.number(),
    maximum: z.number(),
  }),
);

export interface RouterParts {
  readonly driver: Driver;
  readonly sageMaker: SageMakerParts;
  readonly invocations: Invocations;
  readonly scaling: Scaling;
  readonly alarms: Alarms;
  readonly provisioner: Provisioner;
  readonly quotas: ServiceQuotas;
  readonly emulator: Emulator;
  /** Address of the Kafka broker; undefined without one. */
  readonly kafkaBroker: string | undefined;
  readonly gate: EngineGate;
}

const BOOTSTRAP_BROKERS = /^\/v1\/clusters\/.+\/bootstrap-brokers$/;

/** Routes a request to an AWS service by its target header or path, to CloudFormation, or to a hook of the engine. */
export async function route(parts: RouterParts, request: HttpRequest): Promise<HttpReply> {
  const { driver, emulator, invocations, alarms, provisioner, gate } = parts;
  if (isInvocation(request.path))
    return (await gate.pass(request)) ?? driver.apply((at) => invocations.invoke(request, at));
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') return callService(parts, target, request.body);
  if (request.method === 'GET' && BOOTSTRAP_BROKERS.test(request.path)) return bootstrapBrokers(parts);
  switch (`${request.method} ${request.path}`) {
    case 'POST /cloudformation':
      return jsonReply(await provisioner.provision(parseJsonObject(request.body)));
    case 'POST /hooks/metrics': {
      const data = parseWith(metricsSchema, JSON.parse(request.body.toString('utf8')));
      driver.apply(() => alarms.putMetrics(data));
      return jsonReply({});
    }
    case 'POST /hooks/alarms-changed':
      alarms.refresh();
      return jsonReply({});
    case 'GET /health':
      return jsonReply({ ok: true });
    case 'GET /snapshot':
      return jsonReply(driver.apply((at) => emulator.snapshot(at)));
    default:
      throw new ServiceError('UnknownOperationException', `no route for ${request.method} ${request.path}`, 404);
  }
}

/**
 * Reply of `GetBootstrapBrokers`: the broker stands for every MSK cluster, whose clients have roles.
 * https://docs.aws.amazon.com/msk/1.0/apireference/clusters-clusterarn-bootstrap-brokers.html
 */
function bootstrapBrokers({ kafkaBroker }: RouterParts): HttpReply {
  if (kafkaBroker !== undefined) return jsonReply({ bootstrapBrokerStringSaslIam: kafkaBroker });
  throw new ServiceError('NotFoundException', 'this run has no Kafka broker; start it with --ingest kafka', 404);
}

async function callService(parts: RouterParts, target: string, body: Buffer): Promise<HttpReply> {
  const [service, operation = ''] = target.split('.');
  const input = parseJsonObject(body);
  const { driver, sageMaker, scaling } = parts;
  switch (service) {
    case 'SageMaker':
      return jsonReply(await driver.apply((at) => callSageMaker(sageMaker, operation, input, at)), 200, JSON_1_1);
    case 'AnyScaleFrontendService':
      return jsonReply(
        driver.apply((at) => scaling.call(operation, input, at)),
        200,
        JSON_1_1,
      );
    case 'ServiceQuotasV20190624':
      return jsonReply(parts.quotas.call(operation, input), 200, JSON_1_1);
    case 'AmazonEC2ContainerRegistry_V20150921':
      return jsonReply(callPublicRegistry(operation, input), 200, JSON_1_1);
    default:
      throw new ServiceError('UnknownOperationException', `${target} is not available in the local engine`);
  }
}

/** Returns the reply to a request that failed, in the shape that its caller reads. */
export function replyToError(
  log: (message: string) => void,
  error: unknown,
  request: HttpRequest | undefined,
): HttpReply {
  const known = asServiceError(error);
  if (known === undefined) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log(`${request?.method ?? '?'} ${request?.path ?? '?'} failed: ${text}`);
  }
  const { code, message, statusCode, details } =
    known ?? new ServiceError('InternalFailure', error instanceof Error ? error.message : String(error), 500);
  if (request !== undefined && isInvocation(request.path)) {
    return errorReply(new ServiceError(runtimeCode(code), message, statusCode, details));
  }
  if (request?.headers['x-amz-target'] !== undefined) {
    return jsonReply({ ...details, __type: code, message }, statusCode, { ...JSON_1_1, 'x-amzn-errortype': code });
  }
  return jsonReply({ code, message }, statusCode);
}

function asServiceError(error: unknown): ServiceError | undefined {
  if (error instanceof ServiceError) return error;
  if (error instanceof InputError) return new ServiceError('ValidationException', error.message);
  if (error instanceof SyntaxError) return new ServiceError('SerializationException', error.message);
  return undefined;
}

/** Name of an error in the runtime service, which differs for one from the management service's. */
function runtimeCode(code: string): string {
  return code === 'ValidationException' ? 'ValidationError' : code;
}

import { z } from 'zod';
import { InputError } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import { callScaling } from './application-auto-scaling-api';
import type { Provisioner } from './cloudformation/provision';
import { type HttpReply, type HttpRequest, jsonReply } from './http';
import type { Alarms } from './monitoring/alarms';
import { parseJsonObject, parseWith } from './parse';
import { callSageMaker, type SageMakerParts } from './sagemaker/api';
import { errorReply } from './sagemaker/invocation-errors';
import { type Invocations, isInvocation } from './sagemaker/invocations';
import type { Scaling } from './scaling';
import { ServiceError } from './service-error';
import type { PlatformSnapshot } from './snapshot';

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

export interface RouterParts extends SageMakerParts {
  readonly invocations: Invocations;
  readonly scaling: Scaling;
  readonly alarms: Alarms;
  readonly provisioner: Provisioner;
  readonly onScalingChange: () => void;
  readonly catchUp: () => EpochSeconds;
  readonly rearm: () => void;
  readonly snapshot: () => PlatformSnapshot;
  readonly log: (message: string) => void;
}

/** Finds who answers a request: an AWS service by its target header or path, CloudFormation, or a hook of the engine. */
export async function route(parts: RouterParts, request: HttpRequest): Promise<HttpReply> {
  if (isInvocation(request.path)) return parts.invocations.invoke(request);
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') return callService(parts, target, request.body);
  switch (`${request.method} ${request.path}`) {
    case 'POST /cloudformation':
      return jsonReply(await parts.provisioner.provision(parseJsonObject(request.body)));
    case 'POST /hooks/metrics':
      parts.catchUp();
      parts.alarms.putMetrics(parseWith(metricsSchema, JSON.parse(request.body.toString('utf8'))));
      return jsonReply({});
    case 'POST /hooks/alarms-changed':
      parts.alarms.changed();
      return jsonReply({});
    case 'GET /health':
      return jsonReply({ ok: true });
    case 'GET /snapshot':
      return jsonReply(parts.snapshot());
    default:
      throw new ServiceError('UnknownOperationException', `no route for ${request.method} ${request.path}`, 404);
  }
}

async function callService(parts: RouterParts, target: string, body: Buffer): Promise<HttpReply> {
  const [service, operation = ''] = target.split('.');
  const input = parseJsonObject(body);
  const at = parts.catchUp();
  try {
    if (service === 'SageMaker') return jsonReply(await callSageMaker(parts, operation, input, at), 200, JSON_1_1);
    if (service === 'AnyScaleFrontendService') {
      const { scaling, onScalingChange: onChange } = parts;
      return jsonReply(callScaling({ scaling, onChange }, operation, input, at), 200, JSON_1_1);
    }
  } finally {
    parts.rearm();
  }
  throw new ServiceError('UnknownOperationException', `${target} is not available in the local engine`);
}

/** The reply to a request that failed, in the shape its caller reads. */
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

/** The runtime service names two of its errors otherwise than the management service. */
function runtimeCode(code: string): string {
  return code === 'ValidationException' ? 'ValidationError' : code;
}

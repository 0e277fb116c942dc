import { type Duration, type Size, SizeRoundingBehavior, Token } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { checkAutoDeleteObjects, type NewBucketProps } from '../runtime/emptied-bucket';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import type { PayloadMapping } from './payload-mapping';

/** Returns the problem of a number outside its range. */
export function outside(name: string, value: number, from: number, to: number, unit = ''): string[] {
  if (Token.isUnresolved(value) || (Number.isFinite(value) && value >= from && value <= to)) return [];
  return [`${name} (${value}${unit}) is out of range; ${from} to ${to}${unit} is allowed`];
}

/** Returns the problem of a number that is not whole, or outside its range; none where it is not given. */
export function outsideWhole(name: string, value: number | undefined, from: number, to: number): string[] {
  if (value === undefined || Token.isUnresolved(value)) return [];
  return Number.isInteger(value) ? outside(name, value, from, to) : [`${name} (${value}) must be a whole number`];
}

const KIB = 1024;
/** Maximum record of a batch, in which Lambda passes it as base64: 6 MB x 3 / 4, and room for the record's other fields. */
const MAX_RECORD_KIB = 4 * KIB;
/** Maximum request of a serverless endpoint: 4 MB (https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-invoke.html). */
const MAX_SERVERLESS_KIB = Math.floor(4_000_000 / KIB);

/** Returns every problem of the size of records: streams take more than Lambda and some endpoints. */
export function checkRecordSize({ maxRecordSize }: { readonly maxRecordSize: Size }, isServerless: boolean): string[] {
  const kib = maxRecordSize.toKibibytes({ rounding: SizeRoundingBehavior.NONE });
  if (Token.isUnresolved(kib)) return [];
  const problems = outside('maxRecordSize', kib / KIB, 1, MAX_RECORD_KIB / KIB, ' MiB').map(
    (problem) =>
      `${problem}: Lambda passes a batch of 6 MB at most, and a payload takes a third more in it; put larger payloads into S3 and ` +
      'their keys into the stream, or call InvokeEndpointAsync',
  );
  if (isServerless && kib > MAX_SERVERLESS_KIB && problems.length === 0) {
    problems.push(
      `maxRecordSize (${kib} KiB) is above the ${MAX_SERVERLESS_KIB} KiB (4 MB) that a serverless endpoint takes; lower it`,
    );
  }
  return problems;
}

/** Refuses an asynchronous endpoint: its response is not part of the reply to the consumer. */
export function checkIngestionEndpoint({ endpoint }: { readonly endpoint: IInvocableEndpoint }): string[] {
  if (endpoint.isAsynchronous !== true) return [];
  return [
    'endpoint is asynchronous: it has a queue of its own and writes its responses to S3, so a stream in front of it adds only delay; ' +
      'give a real-time, shared or serverless endpoint, or call InvokeEndpointAsync without a stream',
  ];
}

const MEDIA_TYPE = /^[\w.+*-]+\/[\w.+*-]+(\s*;\s*[\w-]+=("[^"]*"|[\w.+-]+))*$/;
const JSON_TYPE = /^application\/(?:json|[\w.-]+\+json)(?:\s*;|$)/i;

/** Changes of payloads. */
export interface PayloadMappings {
  readonly requestMapping?: PayloadMapping;
  readonly responseMapping?: PayloadMapping;
}

function checkExpiration(props: { readonly resultsBucket?: s3.IBucket; readonly expiration?: Duration }): string[] {
  const { expiration } = props;
  if (expiration === undefined || expiration.isUnresolved()) return [];
  if (props.resultsBucket !== undefined) {
    return [
      'expiration is for the new bucket, but resultsBucket names one; add a lifecycle rule where that bucket is created',
    ];
  }
  const days = expiration.toDays({ integral: false });
  return Number.isInteger(days) && days >= 1
    ? []
    : [`expiration (${expiration.toHumanString()}) must be whole days, at least one`];
}

/** Concurrent executions above any quota that Lambda has given: one that is meant has fewer. */
const MAX_EXECUTIONS = 1_000_000;
/** Memory that Lambda gives to a function, MiB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). */
const MEMORY_MIB = { least: 128, most: 10_240 };

function checkMemory({ memorySize }: { readonly memorySize?: Size }): string[] {
  if (memorySize === undefined || memorySize.isUnresolved()) return [];
  const mib = memorySize.toMebibytes({ rounding: SizeRoundingBehavior.NONE });
  return outsideWhole('memorySize in MiB', mib, MEMORY_MIB.least, MEMORY_MIB.most);
}

/** Returns the problems of what the user expects, and of the limit of the function. */
function checkNumbers(props: {
  readonly expectedRecordsPerSecond?: number;
  readonly expectedServiceTime?: Duration;
  readonly reservedConcurrentExecutions?: number;
}): string[] {
  const { expectedRecordsPerSecond: rate, expectedServiceTime: time, reservedConcurrentExecutions } = props;
  const problems = outsideWhole('reservedConcurrentExecutions', reservedConcurrentExecutions, 1, MAX_EXECUTIONS);
  if (rate !== undefined && !Token.isUnresolved(rate) && !(rate > 0 && rate < Infinity)) {
    problems.push(`expectedRecordsPerSecond (${rate}) must be above 0; give what the producers put, or leave it out`);
  }
  if (time !== undefined && !time.isUnresolved() && time.toMilliseconds({ integral: false }) === 0) {
    problems.push(
      'expectedServiceTime (0 s) must be above 0; give the time of the endpoint for one record, or leave it out',
    );
  }
  return problems;
}

/** Returns the problems of the settings that every source of requests has. */
export function checkConsumerProps(
  props: NewBucketProps &
    PayloadMappings & {
      readonly resultsBucket?: s3.IBucket;
      readonly accessLogsBucket?: s3.IBucket;
      readonly expiration?: Duration;
      readonly memorySize?: Size;
      readonly expectedRecordsPerSecond?: number;
      readonly expectedServiceTime?: Duration;
      readonly reservedConcurrentExecutions?: number;
    },
  settings: { readonly contentType: string; readonly accept: string },
): string[] {
  const problems: string[] = [];
  for (const [name, type] of [
    ['contentType', settings.contentType],
    ['accept', settings.accept],
  ] as const) {
    if (Token.isUnresolved(type) || MEDIA_TYPE.test(type)) continue;
    problems.push(
      `${name} ('${type}') is no media type; give one such as application/json, application/jsonlines or image/png`,
    );
  }
  problems.push(...checkExpiration(props), ...checkMemory(props), ...checkNumbers(props));
  if (props.resultsBucket !== undefined && props.accessLogsBucket !== undefined) {
    problems.push(
      'accessLogsBucket has no effect on an existing resultsBucket; enable access logs where that bucket is created',
    );
  }
  for (const [name, mapping, type] of [
    ['requestMapping', props.requestMapping, settings.contentType],
    ['responseMapping', props.responseMapping, settings.accept],
  ] as const) {
    if (mapping === undefined || mapping.handler !== undefined || Token.isUnresolved(type) || JSON_TYPE.test(type))
      continue;
    problems.push(
      `${name} is an expression, for JSON, and ${name === 'requestMapping' ? 'contentType' : 'accept'} is '${type}'; give a JSON media type, or ` +
        'PayloadMapping.lambdaFunction',
    );
  }
  problems.push(...checkAutoDeleteObjects(props, props.resultsBucket && 'resultsBucket'));
  return problems;
}

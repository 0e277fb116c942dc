import { EventStreamCodec } from '@smithy/core/event-streams';

const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')),
  (text) => Buffer.from(text, 'utf8'),
);

const headersOf = (values: { readonly [name: string]: string }) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { type: 'string' as const, value }]));

/** The headers of an answer in parts; its content type is that of what the parts make together. */
export const EVENT_STREAM_HEADERS = {
  'content-type': 'application/vnd.amazon.eventstream',
  'x-amzn-sagemaker-content-type': 'application/jsonlines',
} as const;

/** One part of the answer. */
export const payloadPart = (text: string): Uint8Array =>
  codec.encode({
    headers: headersOf({
      ':message-type': 'event',
      ':event-type': 'PayloadPart',
      ':content-type': 'application/octet-stream',
    }),
    body: Buffer.from(text, 'utf8'),
  });

/** The model stopped in the middle (API reference, ResponseStream). */
export const modelStreamError = (ErrorCode: 'ModelInvocationTimeExceeded' | 'StreamBroken', Message: string) =>
  codec.encode({
    headers: headersOf({
      ':message-type': 'exception',
      ':exception-type': 'ModelStreamError',
      ':content-type': 'application/json',
    }),
    body: Buffer.from(JSON.stringify({ Message, ErrorCode }), 'utf8'),
  });

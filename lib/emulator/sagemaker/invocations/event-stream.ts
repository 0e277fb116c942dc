import { EventStreamCodec } from '@smithy/core/event-streams';

const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')),
  (text) => Buffer.from(text, 'utf8'),
);

const headersOf = (values: { readonly [name: string]: string }) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { type: 'string' as const, value }]));

/** Headers of a response in parts; its content type is that of the parts joined. */
export const eventStreamHeaders = (contentType: string) => ({
  'content-type': 'application/vnd.amazon.eventstream',
  'x-amzn-sagemaker-content-type': contentType,
});

/** Encodes one part of the response. */
export const payloadPart = (text: string): Uint8Array =>
  codec.encode({
    headers: headersOf({
      ':message-type': 'event',
      ':event-type': 'PayloadPart',
      ':content-type': 'application/octet-stream',
    }),
    body: Buffer.from(text, 'utf8'),
  });

/** Encodes the error of a model that stopped in the middle of a response (API reference, ResponseStream). */
export const modelStreamError = (ErrorCode: 'ModelInvocationTimeExceeded' | 'StreamBroken', Message: string) =>
  codec.encode({
    headers: headersOf({
      ':message-type': 'exception',
      ':exception-type': 'ModelStreamError',
      ':content-type': 'application/json',
    }),
    body: Buffer.from(JSON.stringify({ Message, ErrorCode }), 'utf8'),
  });

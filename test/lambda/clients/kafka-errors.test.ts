import { KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } from 'kafkajs';
import { kafkaErrorKind } from '../../../lambda/clients/kafka-errors';

/** Error of a broker, as kafkajs makes it. */
const protocolError = (type: string): Error =>
  Object.assign(new KafkaJSProtocolError(new Error(type)), { type, retriable: true });

test.each([
  ['NOT_LEADER_FOR_PARTITION', 'not-now'],
  ['NOT_ENOUGH_REPLICAS', 'not-now'],
  ['MESSAGE_TOO_LARGE', 'too-large'],
  ['TOPIC_AUTHORIZATION_FAILED', 'refused'],
  ['REQUEST_TIMED_OUT', 'unknown'],
  ['toString', 'unknown'],
])('an error of the type %s is %s, also within the error that kafkajs makes of its last attempt', (type, kind) => {
  const error = protocolError(type);
  expect(kafkaErrorKind(error)).toBe(kind);
  expect(kafkaErrorKind(new KafkaJSNumberOfRetriesExceeded(error, { retryCount: 0, retryTime: 1 }))).toBe(kind);
});

test('anything else is unknown', () => {
  expect(kafkaErrorKind(new Error('connection closed'))).toBe('unknown');
  expect(kafkaErrorKind('no error at all')).toBe('unknown');
  expect(kafkaErrorKind(undefined)).toBe('unknown');
});

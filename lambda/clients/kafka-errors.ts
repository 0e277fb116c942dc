/**
 * Kinds of a failed attempt to send: the broker has not appended the messages and may take them later, or not in this size, or none at all; or it is not
 * known whether it has them.
 */
export type KafkaErrorKind = 'not-now' | 'too-large' | 'refused' | 'unknown';

/** Errors of brokers by kind: https://kafka.apache.org/protocol#protocol_error_codes */
const TYPES: { readonly [type: string]: KafkaErrorKind } = {
  // A leader that moves, too few replicas in sync.
  UNKNOWN_TOPIC_OR_PARTITION: 'not-now',
  LEADER_NOT_AVAILABLE: 'not-now',
  NOT_LEADER_FOR_PARTITION: 'not-now',
  NOT_LEADER_OR_FOLLOWER: 'not-now',
  NOT_ENOUGH_REPLICAS: 'not-now',
  KAFKA_STORAGE_ERROR: 'not-now',
  MESSAGE_TOO_LARGE: 'too-large',
  RECORD_LIST_TOO_LARGE: 'too-large',
  TOPIC_AUTHORIZATION_FAILED: 'refused',
  CLUSTER_AUTHORIZATION_FAILED: 'refused',
  SASL_AUTHENTICATION_FAILED: 'refused',
};

/** Returns the kind of an error of kafkajs, which puts an error that it would repeat into another one (`cause`). */
export function kafkaErrorKind(error: unknown): KafkaErrorKind {
  for (let one = error; one instanceof Error; one = one.cause) {
    const { type } = one as { readonly type?: unknown };
    if (typeof type === 'string' && Object.hasOwn(TYPES, type)) return TYPES[type]!;
  }
  return 'unknown';
}

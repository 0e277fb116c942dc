import { parseKafkaConnection, RESULT_SINK_ENVIRONMENT as names } from '../../lib/ingestion/contract';
import { createObjectStore } from '../clients/object-store';
import { createResultTarget, type ResultTarget } from '../clients/result-target';
import { createTopicTarget } from '../clients/result-topic';
import { createRequestSigner } from '../clients/signed-request';
import { systemClock } from '../support/clock';
import { optionalEnv, requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { createHandler } from './handler';

/** Returns the target on a topic. The client of Kafka is read here only. */
function topicTarget(): ResultTarget {
  const connection = parseKafkaConnection(requiredEnv(names.connection));
  const signer = createRequestSigner(requiredEnv('AWS_REGION'), optionalEnv('AWS_ENDPOINT_URL'));
  return createTopicTarget({
    topicName: requiredEnv(names.topicName),
    connect: async () => (await import('../clients/kafka-cluster')).connectCluster(connection, signer),
    clock: systemClock,
  });
}

const targetArn = optionalEnv(names.targetArn);

export const handler = createHandler({
  results: createObjectStore(requiredEnv(names.resultsBucketName)),
  target: targetArn === undefined ? topicTarget() : createResultTarget(targetArn),
  sleep: systemSleep,
  random: Math.random,
  logger,
});

import { KAFKA_REDRIVE_ENVIRONMENT as names, parseKafkaConnection } from '../../lib/ingestion/contract';
import { connectCluster } from '../clients/kafka-cluster';
import { createObjectStore } from '../clients/object-store';
import { createRequestTopic } from '../clients/request-topic';
import { createRequestSigner } from '../clients/signed-request';
import { createRedriver } from '../redrive/handler';
import { systemClock } from '../support/clock';
import { optionalEnv, requiredEnv, requiredNumberEnv } from '../support/env';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { topicTarget } from './topic-target';

const consumerGroupId = requiredEnv(names.consumerGroupId);
const connection = parseKafkaConnection(requiredEnv(names.connection));
const signer = createRequestSigner(requiredEnv('AWS_REGION'), optionalEnv('AWS_ENDPOINT_URL'));
const topic = createRequestTopic({
  topicName: requiredEnv(names.topicName),
  groupPrefix: `${consumerGroupId}-redrive-`,
  connect: () => connectCluster(connection, signer),
  clock: systemClock,
});
const redrive = createRedriver({
  target: topicTarget({ topic, consumerGroupId, consumerName: requiredEnv(names.consumerName) }),
  store: createObjectStore(requiredEnv(names.resultsBucketName)),
  clock: systemClock,
  sleep: systemSleep,
  random: Math.random,
  logger,
  retentionSeconds: requiredNumberEnv(names.retentionSeconds),
});

export const handler: typeof redrive = async (event, context) => {
  try {
    return await redrive(event, context);
  } finally {
    // Connections do not outlive the pause of an execution environment.
    await topic.close();
  }
};

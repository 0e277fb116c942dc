import { KAFKA_REDRIVE_ENVIRONMENT as names, parseKafkaConnection } from '../../lib/ingestion/contract';
import { connectCluster } from '../clients/kafka-cluster';
import { createObjectStore } from '../clients/object-store';
import { createRequestTopic } from '../clients/request-topic';
import { createRequestSigner } from '../clients/signed-request';
import { createRedriver, type Redriver } from '../redrive/handler';
import { systemClock } from '../support/clock';
import { optionalEnv, requiredEnv, requiredNumberEnv } from '../support/env';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { failuresAt } from './failures';
import { topicTarget } from './topic-target';

const consumerGroupId = requiredEnv(names.consumerGroupId);
const connection = parseKafkaConnection(requiredEnv(names.connection));
const signer = createRequestSigner(requiredEnv('AWS_REGION'), optionalEnv('AWS_ENDPOINT_URL'));
const topicName = requiredEnv(names.topicName);
const groupPrefix = `${consumerGroupId}-redrive-`;
const connect = () => connectCluster(connection, signer);
const topic = createRequestTopic({ topicName, groupPrefix, connect, clock: systemClock });
/** Returns where failed batches are, anew for each invocation: a topic gets more of them. */
const failures = () => failuresAt(optionalEnv(names.failureDestination), { topicName, groupPrefix, connect });
const consumerName = requiredEnv(names.consumerName);
const dependencies = {
  store: createObjectStore(requiredEnv(names.resultsBucketName)),
  clock: systemClock,
  sleep: systemSleep,
  random: Math.random,
  logger,
  retentionSeconds: requiredNumberEnv(names.retentionSeconds),
};

export const handler: Redriver = async (event, context) => {
  try {
    const target = topicTarget({ topic, consumerGroupId, consumerName, ...failures() });
    return await createRedriver({ ...dependencies, target })(event, context);
  } finally {
    // Connections do not outlive the pause of an execution environment.
    await topic.close();
  }
};

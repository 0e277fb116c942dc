import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import { awsClient } from '../../../lambda/clients/aws-client';
import { createEndpointStates } from '../../../lambda/clients/endpoint-state';
import { createScaleEventStore } from '../../../lambda/clients/scale-event-store';
import { createScalingActivities } from '../../../lambda/clients/scaling-activities';
import { createHandler } from '../../../lambda/scale-events/handler';
import { startSilentAws, type AwsRequest } from '../../support/silent-aws';
import { CHAT_FLEET } from '../../support/watched-fleet';

const FILMS = { ...CHAT_FLEET, resourceId: 'endpoint/films/variant/main', fleetName: 'films' };

/** Half of the function's timeout. */
const IN_TIME_MS = 25_000;

/** One scale-out of each fleet, and endpoints in service. */
function answerOf({ operation, body }: AwsRequest): object {
  if (operation.endsWith('DescribeScalingActivities'))
    return {
      ScalingActivities: [
        {
          ActivityId: `of ${String(body['ResourceId'])}`,
          ServiceNamespace: 'sagemaker',
          ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
          ResourceId: body['ResourceId'],
          Description: 'Setting desired instance count to 4.',
          Cause: 'an alarm',
          StartTime: 100,
          EndTime: 200,
          StatusCode: 'Successful',
        },
      ],
    };
  if (operation === 'SageMaker.DescribeEndpoint')
    return {
      EndpointName: body['EndpointName'],
      EndpointStatus: 'InService',
      ProductionVariants: [{ VariantName: 'main', CurrentInstanceCount: 1, DesiredInstanceCount: 1 }],
    };
  return {};
}

const isAboutChat = ({ body }: AwsRequest): boolean => JSON.stringify(body).includes('chat');

test.concurrent.each<[string, (call: AwsRequest) => boolean]>([
  ['the activities of a fleet', (call) => call.operation.endsWith('DescribeScalingActivities') && isAboutChat(call)],
  ['the endpoint of a fleet', (call) => call.operation === 'SageMaker.DescribeEndpoint' && isAboutChat(call)],
  ['the table, for a fleet', (call) => call.operation.endsWith('PutItem') && isAboutChat(call)],
])(
  'scale-events records and publishes the other fleet in time when a service accepts calls and never answers: %s',
  async (_, isSilent) => {
    const aws = await startSilentAws((call) => (isSilent(call) ? undefined : answerOf(call)));
    const published: string[] = [];
    const handler = createHandler({
      fleets: [CHAT_FLEET, FILMS],
      retentionDays: 90,
      activities: createScalingActivities(awsClient(ApplicationAutoScalingClient, {}, aws.configuration)),
      endpoints: createEndpointStates(awsClient(SageMakerClient, {}, aws.configuration)),
      store: createScaleEventStore('events', awsClient(DynamoDBClient, {}, aws.configuration)),
      metrics: {
        put: (values) => {
          published.push(...values.map(({ metricName, dimensions }) => `${metricName} ${dimensions['ResourceId']}`));
          return Promise.resolve();
        },
      },
      clock: { now: () => 1000 },
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    const startedAt = performance.now();
    await expect(handler({ 'detail-type': 'Scheduled Event' })).rejects.toThrow(
      /endpoint\/chat.*no answer within 10 s/,
    );
    expect(performance.now() - startedAt).toBeLessThan(IN_TIME_MS);
    await aws.close();
    expect(published).toEqual(
      expect.arrayContaining([`ScaleOuts ${FILMS.resourceId}`, `CapacityGap ${FILMS.resourceId}`]),
    );
  },
  60_000,
);

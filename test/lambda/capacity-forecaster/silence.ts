import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { createHandler, type ForecasterDependencies } from '../../../lambda/capacity-forecaster/handler';
import { awsClient } from '../../../lambda/clients/aws-client';
import { createRequestHistory } from '../../../lambda/clients/request-history';
import { createScalableTargets } from '../../../lambda/clients/scalable-target';
import { startSilentAws, type SilentAws } from '../../support/silent-aws';
import { configuration, MIDNIGHT } from './world';

/** Half of the function's timeout. */
const IN_TIME_MS = 25_000;

const silentHistory = (aws: SilentAws): Partial<ForecasterDependencies> => ({
  history: createRequestHistory(configuration.demand, awsClient(CloudWatchClient, {}, aws.configuration)),
});
const silentTargets = (aws: SilentAws): Partial<ForecasterDependencies> => ({
  targets: createScalableTargets(awsClient(ApplicationAutoScalingClient, {}, aws.configuration)),
});

test.concurrent.each([
  ['the metrics', silentHistory, /counts of requests: no answer within 10 s/],
  ['the scalable target', silentTargets, /limits of endpoint\/chat\/variant\/main: no answer within 10 s/],
])(
  'the forecaster ends in time, and changes nothing, when a service accepts calls and never answers: %s',
  async (_, silent, message) => {
    const aws = await startSilentAws(() => undefined);
    let changes = 0;
    const change =
      <T>(result: T) =>
      (): Promise<T> => {
        changes++;
        return Promise.resolve(result);
      };
    const handler = createHandler({
      configuration,
      history: {
        async *read(from, to) {
          yield await Promise.resolve(
            Array.from({ length: to - from }, (_unused, index) => ({ minute: from + index, requests: 1200 })),
          );
        },
      },
      store: { load: () => Promise.resolve(undefined), claim: change(true) },
      targets: {
        limits: () => Promise.resolve({ kind: 'in-force', minCapacity: 1, maxCapacity: 20 }),
        setLimits: change(undefined),
      },
      metrics: { put: () => Promise.resolve() },
      clock: { now: () => MIDNIGHT * 60 },
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
      ...silent(aws),
    });
    const startedAt = performance.now();
    await expect(handler({}).finally(() => aws.close())).rejects.toThrow(message);
    expect(performance.now() - startedAt).toBeLessThan(IN_TIME_MS);
    expect(changes).toBe(0);
  },
  60_000,
);

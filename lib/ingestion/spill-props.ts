import { type Duration, Token } from 'aws-cdk-lib';
import type { IAsynchronousEndpoint } from '../runtime/asynchronous-endpoint';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';
import { outside } from './consumer-checks';
import { MIN_SPILL_AGE_SECONDS, SPILL_TIMEOUT_SECONDS, SPILL_TTL_SECONDS } from './decide/spill';

/**
 * Asynchronous endpoint that takes the records which have waited for too long.
 *
 * @example
 * const later = new inference.AsyncEndpoint(this, 'Later', {
 *   modelServer: inference.ModelServer.triton(),
 *   modelArtifact: inference.ModelArtifact.fromBucket(bucket, 'chat/model.tar.gz'),
 *   capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }] },
 * });
 * new ingestion.StreamIngestion(this, 'Requests', {
 *   endpoint,
 *   spillTo: { endpoint: later, afterAge: Duration.minutes(2) },
 * });
 */
export interface SpillProps {
  /**
   * Asynchronous endpoint with the same model: an `inference.AsyncEndpoint`, or an imported one with its `storage`. The payloads become objects below
   * its request prefix.
   */
  readonly endpoint: IAsynchronousEndpoint;

  /**
   * Minimum age of a record that goes to it, counted from the arrival in the stream: 5 seconds or more, and below `maxRecordAge`. Requests in flight
   * stay where they are.
   */
  readonly afterAge: Duration;

  /**
   * Maximum time of a record in the queue of the asynchronous endpoint, 1 minute to 6 hours; then it is a dead letter.
   *
   * @default Duration.hours(6)
   */
  readonly requestTtl?: Duration;

  /**
   * Maximum time of the model for a record, 1 second to 1 hour.
   *
   * @default Duration.minutes(15)
   */
  readonly invocationTimeout?: Duration;
}

const DEFAULT_TIMEOUT_SECONDS = 900;

/** Returns the times of a spill, seconds, with their defaults. */
export function spillSeconds({ afterAge, requestTtl, invocationTimeout }: SpillProps) {
  return {
    afterSeconds: secondsOf(afterAge),
    ttlSeconds: requestTtl === undefined ? SPILL_TTL_SECONDS.most : secondsOf(requestTtl),
    timeoutSeconds: invocationTimeout === undefined ? DEFAULT_TIMEOUT_SECONDS : secondsOf(invocationTimeout),
  };
}

/** Returns every problem of a spill; none without one. */
export function checkSpill(
  { endpoint, spillTo }: { readonly endpoint: IInvocableEndpoint; readonly spillTo?: SpillProps },
  maxRecordAge: Duration,
): string[] {
  if (spillTo === undefined) return [];
  const { afterSeconds, ttlSeconds, timeoutSeconds } = spillSeconds(spillTo);
  const recordAge = secondsOf(maxRecordAge);
  const { least: leastTtl, most: mostTtl } = SPILL_TTL_SECONDS;
  const { least: leastTimeout, most: mostTimeout } = SPILL_TIMEOUT_SECONDS;
  const { afterAge, requestTtl, invocationTimeout } = spillTo;
  const problems = [
    ...checkWholeDurations('seconds', {
      'spillTo.afterAge': afterAge,
      ...(requestTtl === undefined ? {} : { 'spillTo.requestTtl': requestTtl }),
      ...(invocationTimeout === undefined ? {} : { 'spillTo.invocationTimeout': invocationTimeout }),
    }),
    ...outside('spillTo.requestTtl', ttlSeconds, leastTtl, mostTtl, ' s'),
    ...outside('spillTo.invocationTimeout', timeoutSeconds, leastTimeout, mostTimeout, ' s'),
  ];
  if (!Token.isUnresolved(afterSeconds)) {
    if (afterSeconds < MIN_SPILL_AGE_SECONDS) {
      problems.push(
        `spillTo.afterAge (${afterSeconds} s) is below ${MIN_SPILL_AGE_SECONDS} s: records have that age without any lag, and all of them would ` +
          'spill; raise it',
      );
    }
    if (!Token.isUnresolved(recordAge) && afterSeconds >= recordAge) {
      problems.push(
        `spillTo.afterAge (${afterSeconds} s) is not below maxRecordAge (${recordAge} s), at which records go to the failure destination: none ` +
          'would spill; lower afterAge or raise maxRecordAge',
      );
    }
  }
  if (spillTo.endpoint.isAsynchronous !== true) {
    problems.push(
      'spillTo.endpoint is not asynchronous: it has no queue in which records could wait; give an inference.AsyncEndpoint',
    );
  } else if (spillTo.endpoint.asynchronousStorage === undefined) {
    problems.push(
      'spillTo.endpoint has no known bucket for requests and responses; import it by AsyncEndpoint.fromAsyncEndpointAttributes with storage',
    );
  }
  if (spillTo.endpoint.endpointName === endpoint.endpointName) {
    problems.push(
      `spillTo.endpoint is the endpoint of the ingestion itself ('${endpoint.endpointName}'); give another one, which is asynchronous`,
    );
  }
  return problems;
}

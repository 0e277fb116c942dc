import { Duration, Stack, Token } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';

/** Name of the script's argument with the age of the oldest rows. */
export const WINDOW_HYPERPARAMETER = 'window-seconds';

/** Lifecycle rule of a bucket, as far as it says when objects expire. */
interface ExpirationRule {
  readonly status?: string;
  readonly prefix?: string;
  readonly expirationInDays?: number;
}

/** Refuses, at synthesis, a bucket of this app that deletes data which a run has yet to read. Rules of imported buckets are not known. */
export function checkKeptFor(scope: Construct, bucket: s3.IBucket, prefix: string, window: Duration): void {
  const resource = bucket.node.defaultChild;
  if (!(resource instanceof s3.CfnBucket) || window.isUnresolved() || Token.isUnresolved(prefix)) return;
  scope.node.addValidation({
    validate: () => {
      const { rules = [] } = (Stack.of(resource).resolve(resource.lifecycleConfiguration) ?? {}) as {
        readonly rules?: readonly ExpirationRule[];
      };
      return rules.flatMap(({ status, prefix: expiring = '', expirationInDays }) => {
        const overlaps = expiring.startsWith(prefix) || prefix.startsWith(expiring);
        if (status !== 'Enabled' || expirationInDays === undefined || !overlaps) return [];
        if (Duration.days(expirationInDays).toSeconds() >= window.toSeconds()) return [];
        return [
          `window (${window.toHumanString()}) is longer than the ${expirationInDays} days for which the bucket ${bucket.node.path} keeps ` +
            `${expiring === '' ? 'its objects' : `'${expiring}'`}; keep them longer (expiration) or lower window`,
        ];
      });
    },
  });
}

/** Uses of an instance type, each with a quota of its own. */
export type QuotaUse = 'endpoint' | 'training' | 'spot-training';

/** Service code of SageMaker in Service Quotas. */
export const SAGEMAKER_QUOTA_SERVICE = 'sagemaker';

const USES: { readonly [use in QuotaUse]: string } = {
  endpoint: 'endpoint usage',
  training: 'training job usage',
  'spot-training': 'spot training job usage',
};

/**
 * Name of the quota of an instance type, for example `ml.g5.xlarge for endpoint usage`. Quotas are of the account in one region, over all
 * endpoints or jobs.
 *
 * Source: https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
 */
export function instanceQuotaName(instanceType: string, use: QuotaUse): string {
  return `${instanceType} for ${USES[use]}`;
}

/**
 * Concurrent executions that Lambda leaves unreserved: what is reserved comes from the pool above them.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
 */
export const UNRESERVED_CONCURRENCY = 100;

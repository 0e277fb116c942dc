import { z } from 'zod';
import { instanceTypeNames } from '../../catalog/instance-types';
import { instanceQuotaName, SAGEMAKER_QUOTA_SERVICE, type QuotaUse } from '../../catalog/service-quotas';
import type { Json } from '../../core/parse';
import { parseWith } from '../http/schema-parts';
import { ServiceError } from '../http/service-error';

/** Quotas of the account by name, beside those that it has for every instance type. */
export type DeclaredQuotas = { readonly [quotaName: string]: number };

/** Instances of each type that the account may run for each use. */
const DEFAULT_QUOTA = 100;

const USES: readonly QuotaUse[] = ['endpoint', 'training', 'spot-training'];

const listSchema = z.strictObject({
  ServiceCode: z.string(),
  MaxResults: z.number().int().min(1).max(100).default(100),
  NextToken: z.string().optional(),
});

/** The quotas of SageMaker in Service Quotas. Nothing here is limited by them. */
export class ServiceQuotas {
  private readonly quotas: readonly Json[];

  public constructor(declared: DeclaredQuotas) {
    const all = new Map(
      instanceTypeNames().flatMap((type) =>
        USES.map((use): [string, number] => [instanceQuotaName(type, use), DEFAULT_QUOTA]),
      ),
    );
    for (const [name, value] of Object.entries(declared)) all.set(name, value);
    this.quotas = [...all].map(([QuotaName, Value]) => ({
      ServiceCode: SAGEMAKER_QUOTA_SERVICE,
      QuotaName,
      Value,
      Unit: 'None',
      Adjustable: true,
      GlobalQuota: false,
    }));
  }

  /** Carries out one call of the API, given by the name of its operation. */
  public call(operation: string, input: Json): Json {
    if (operation !== 'ListServiceQuotas' && operation !== 'ListAWSDefaultServiceQuotas') {
      throw new ServiceError(
        'UnknownOperationException',
        `ServiceQuotas.${operation} is not available in the local engine`,
      );
    }
    const { ServiceCode, MaxResults, NextToken } = parseWith(listSchema, input);
    if (ServiceCode !== SAGEMAKER_QUOTA_SERVICE) {
      throw new ServiceError('NoSuchResourceException', `The local engine has no quotas of ${ServiceCode}.`);
    }
    const first = Number(NextToken ?? 0);
    const end = first + MaxResults;
    return {
      Quotas: this.quotas.slice(first, end),
      ...(end < this.quotas.length && { NextToken: String(end) }),
    };
  }
}

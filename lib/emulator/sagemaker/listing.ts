import { z } from 'zod';
import { wholeNumber } from '../http/schema-parts';

const moment = () => z.number().optional();

/** Input of the List operations. */
export const listSchema = z.strictObject({
  NextToken: z.string().optional(),
  MaxResults: wholeNumber(1, 100).default(100),
  SortBy: z.enum(['Name', 'CreationTime', 'Status']).default('CreationTime'),
  SortOrder: z.enum(['Ascending', 'Descending']).default('Descending'),
  NameContains: z.string().optional(),
  StatusEquals: z.string().optional(),
  CreationTimeAfter: moment(),
  CreationTimeBefore: moment(),
  LastModifiedTimeAfter: moment(),
  LastModifiedTimeBefore: moment(),
});

/** Input of ListInferenceComponents. */
export const listComponentsSchema = listSchema.extend({
  EndpointNameEquals: z.string().optional(),
  VariantNameEquals: z.string().optional(),
});

/** Input of ListModelPackages. */
export const listModelPackagesSchema = listSchema.extend({
  ModelPackageGroupName: z.string().optional(),
  ModelApprovalStatus: z.string().optional(),
  ModelPackageType: z.enum(['Versioned']).optional(),
});

/** Input of ListOptimizationJobs, whose pages and order differ from those of the others. */
export const listOptimizationJobsSchema = listSchema.extend({
  MaxResults: wholeNumber(1, 100).default(50),
  SortOrder: z.enum(['Ascending', 'Descending']).default('Ascending'),
  OptimizationContains: z.string().optional(),
});

interface Listed {
  readonly CreationTime: number;
  readonly LastModifiedTime?: number;
  readonly [member: string]: unknown;
}

const statusOf = (item: Listed): unknown =>
  item['EndpointStatus'] ??
  item['InferenceComponentStatus'] ??
  item['TrainingJobStatus'] ??
  item['OptimizationJobStatus'];

/** One page of a list; the token is the number of the first item of the next page. */
export function listPage(
  member: string,
  nameMember: string,
  items: readonly Listed[],
  query: z.output<typeof listSchema>,
): { readonly [member: string]: unknown } {
  const changed = (item: Listed): number => item.LastModifiedTime ?? item.CreationTime;
  const matching = items.filter(
    (item) =>
      (query.NameContains === undefined || String(item[nameMember]).includes(query.NameContains)) &&
      (query.StatusEquals === undefined || statusOf(item) === query.StatusEquals) &&
      item.CreationTime > (query.CreationTimeAfter ?? -Infinity) &&
      item.CreationTime < (query.CreationTimeBefore ?? Infinity) &&
      changed(item) > (query.LastModifiedTimeAfter ?? -Infinity) &&
      changed(item) < (query.LastModifiedTimeBefore ?? Infinity),
  );
  const direction = query.SortOrder === 'Ascending' ? 1 : -1;
  const compare = {
    Name: (a: Listed, b: Listed) => String(a[nameMember]).localeCompare(String(b[nameMember])),
    Status: (a: Listed, b: Listed) => String(statusOf(a)).localeCompare(String(statusOf(b))),
    CreationTime: (a: Listed, b: Listed) => a.CreationTime - b.CreationTime,
  }[query.SortBy];
  const sorted = [...matching].sort((a, b) => direction * compare(a, b));
  const first = Number(query.NextToken ?? 0) || 0;
  const end = first + query.MaxResults;
  return { [member]: sorted.slice(first, end), ...(end < sorted.length ? { NextToken: String(end) } : {}) };
}

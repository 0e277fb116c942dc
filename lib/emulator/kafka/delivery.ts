/** Records of one invocation, and how often it has failed so far. */
export interface Delivery<R> {
  readonly records: readonly R[];
  readonly failures: number;
}

/** Settings of a mapping about failures. */
export interface DeliverySettings {
  readonly bisects: boolean;
  /** Retries of a batch; undefined without limit. */
  readonly maximumRetryAttempts: number | undefined;
}

/** Step after an invocation. */
export interface NextDelivery<R> {
  /** Records from the front that are processed: the offset of the group passes them. */
  readonly done: readonly R[];
  /** Records that go to the destination for failures; the offset of the group passes them too. */
  readonly discarded: readonly R[];
  /** Deliveries that take the place of this one, in order. */
  readonly next: readonly Delivery<R>[];
  /** Exponent of the pause before the next delivery; undefined for none. */
  readonly backOff: number | undefined;
}

/**
 * Decides how Lambda's Kafka event source goes on after an invocation: the next batch, the rest of this one again, its halves, or the destination for
 * failures. Records that are processed never come again, and no record is passed over. A split does not count as a retry.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
 *
 * @param succeeded number of records from the front that the function has processed
 */
export function decideNextDelivery<R>(
  { bisects, maximumRetryAttempts }: DeliverySettings,
  delivery: Delivery<R>,
  succeeded: number,
): NextDelivery<R> {
  const done = delivery.records.slice(0, succeeded);
  const rest = delivery.records.slice(succeeded);
  if (rest.length === 0) return { done, discarded: [], next: [], backOff: undefined };
  const failures = succeeded > 0 ? 1 : delivery.failures + 1;
  if (bisects && rest.length > 1) {
    // A batch that succeeded in part is split there.
    const half = succeeded > 0 ? rest.length : Math.ceil(rest.length / 2);
    const parts = [rest.slice(0, half), rest.slice(half)].filter((records) => records.length > 0);
    return { done, discarded: [], next: parts.map((records) => ({ records, failures: 0 })), backOff: 0 };
  }
  if (maximumRetryAttempts !== undefined && failures > maximumRetryAttempts) {
    return { done, discarded: rest, next: [], backOff: undefined };
  }
  return { done, discarded: [], next: [{ records: rest, failures }], backOff: failures - 1 };
}

/**
 * Number of records from the front that a function has processed, by its partial batch response: those before the lowest offset that it reports. A
 * partition or an offset that was not in the event repeats the batch.
 *
 * @param response value that the function returned
 * @param topicPartition `topic-partition` of the batch
 * @param offsets of the batch, ascending
 */
export function succeededRecords(response: unknown, topicPartition: string, offsets: readonly number[]): number {
  const failures = (response as { readonly batchItemFailures?: unknown } | null | undefined)?.batchItemFailures;
  if (failures === undefined || failures === null) return offsets.length;
  if (!Array.isArray(failures)) return 0;
  const places = failures.map((failure: unknown) => {
    const item = (failure as { readonly itemIdentifier?: unknown } | null)?.itemIdentifier;
    const { partition, offset } = (item ?? {}) as { readonly partition?: unknown; readonly offset?: unknown };
    return partition === topicPartition ? offsets.indexOf(offset as number) : -1;
  });
  return places.reduce((least, place) => Math.min(least, place === -1 ? 0 : place), offsets.length);
}

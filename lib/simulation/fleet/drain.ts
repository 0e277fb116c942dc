/**
 * Returns the mean seconds for which an instance is billed after it stopped accepting requests: the mean of the longest residual service
 * time of its requests.
 *
 * @param residual share of residual service times that have ended, for each second in order
 * @param requests requests present in the instance
 */
export function drainSeconds(residual: readonly number[], requests: number): number {
  let mean = 0;
  for (const ended of residual) mean += 1 - Math.min(1, ended) ** requests;
  return mean;
}

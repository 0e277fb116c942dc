const MAX_PARALLEL = 16;

/** Runs a job for every item, at most 16 at once; rejects with the first error. */
export async function inBoundedParallel<T>(items: readonly T[], job: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await job(next);
  };
  await Promise.all(Array.from({ length: Math.min(MAX_PARALLEL, items.length) }, work));
}

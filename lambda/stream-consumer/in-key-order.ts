/**
 * Runs a job for every item, at most `limit` at once: items of the same key sequentially in the given order, items of different keys in
 * parallel, the earliest item first. After a job that returns `false` no later item is started.
 *
 * Rejects with the first error of a job, after the jobs in flight have ended.
 */
export async function inKeyOrder<T>(
  items: readonly T[],
  options: { readonly keyOf: (item: T) => string; readonly limit: number },
  job: (item: T, index: number) => Promise<boolean>,
): Promise<void> {
  const lanes = new Map<string, number[]>();
  items.forEach((item, index) => {
    const key = options.keyOf(item);
    const lane = lanes.get(key);
    if (lane === undefined) lanes.set(key, [index]);
    else lane.push(index);
  });

  /** Next item of every idle key, earliest first. */
  const ready = [...lanes.values()].map((lane) => ({ lane, position: 0 }));
  const indexOf = (entry: (typeof ready)[number]): number => entry.lane[entry.position]!;
  const putBack = (entry: (typeof ready)[number]): void => {
    let low = 0;
    let high = ready.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (indexOf(ready[middle]!) < indexOf(entry)) low = middle + 1;
      else high = middle;
    }
    ready.splice(low, 0, entry);
  };

  let endsBefore = Infinity;
  let failure: { readonly error: unknown } | undefined;
  let inFlight = 0;
  let wake: () => void = () => undefined;
  const start = (entry: (typeof ready)[number]): void => {
    const index = indexOf(entry);
    inFlight += 1;
    void job(items[index]!, index)
      .then(
        (continues) => {
          if (!continues) endsBefore = Math.min(endsBefore, index);
          else if (++entry.position < entry.lane.length) putBack(entry);
        },
        (error: unknown) => {
          failure ??= { error };
        },
      )
      .then(() => {
        inFlight -= 1;
        wake();
      });
  };

  for (;;) {
    while (failure === undefined && inFlight < options.limit && ready.length > 0) {
      if (indexOf(ready[0]!) > endsBefore) break;
      start(ready.shift()!);
    }
    if (inFlight === 0) break;
    await new Promise<void>((resolve) => (wake = resolve));
  }
  if (failure !== undefined) throw failure.error;
}

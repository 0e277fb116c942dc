import * as fc from 'fast-check';
import { BacklogMeter, type BacklogOfPeriod } from '../../../lambda/stream-consumer/backlog-meter';

const waiting = { inFlight: 4, waiting: 6, ageSeconds: 3, replicas: 2 };

describe('the backlog of a period', () => {
  test('is the mean of records in flight and waiting, for each replica', () => {
    const meter = new BacklogMeter();
    expect(meter.sample(100, waiting)).toBeUndefined();
    expect(meter.sample(105, { ...waiting, waiting: 16, ageSeconds: 7 })).toBeUndefined();
    // 5 s x (4 + 6) / 2 and 5 s x (4 + 16) / 2, over 10 s.
    expect(meter.sample(110, waiting)).toEqual({ atSeconds: 100, perInstance: 7.5, ageSeconds: 7 });
  });

  test('counts for a replica that is missing as for one', () => {
    const meter = new BacklogMeter();
    meter.sample(100, { ...waiting, replicas: 0 });
    expect(meter.sample(110.5, waiting)).toEqual({ atSeconds: 100, perInstance: 10, ageSeconds: 3 });
  });

  test('is not published where nothing waits, or where the replicas are not what records wait for', () => {
    const meter = new BacklogMeter();
    meter.sample(100, { ...waiting, waiting: 0 });
    expect(meter.sample(110, { ...waiting, replicas: undefined })).toBeUndefined();
    expect(meter.sample(120, waiting)).toBeUndefined();
    expect(meter.finish(120)).toBeUndefined();
  });

  test('ends with the invocation', () => {
    const meter = new BacklogMeter();
    meter.sample(100, waiting);
    expect(meter.finish(102)).toEqual({ atSeconds: 100, perInstance: 1, ageSeconds: 3 });
    expect(meter.finish(103)).toBeUndefined();
    expect(meter.sample(104, waiting)).toBeUndefined();
    expect(meter.finish(105)).toEqual({ atSeconds: 100, perInstance: 0.5, ageSeconds: 3 });
  });

  test('is the same in sum, whatever the number of invocations that measured it', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 599 }), { maxLength: 20 });
    fc.assert(
      fc.property(cuts, fc.integer({ min: 1, max: 50 }), (at, records) => {
        const sums = new Map<number, number>();
        const add = (part: BacklogOfPeriod | undefined): void => {
          if (part !== undefined) sums.set(part.atSeconds, (sums.get(part.atSeconds) ?? 0) + part.perInstance);
        };
        const sample = { inFlight: 0, waiting: records, ageSeconds: 1, replicas: 1 };
        const bounds = [0, ...at.sort((a, b) => a - b), 600].map((tenths) => tenths / 10);
        for (let index = 1; index < bounds.length; index++) {
          const meter = new BacklogMeter();
          for (let now = bounds[index - 1]!; now < bounds[index]!; now += 0.7) add(meter.sample(now, sample));
          add(meter.sample(bounds[index]!, sample));
          add(meter.finish(bounds[index]!));
        }
        expect([...sums.keys()].sort((a, b) => a - b)).toEqual([0, 10, 20, 30, 40, 50]);
        for (const sum of sums.values()) expect(sum).toBeCloseTo(records, 6);
      }),
    );
  });
});

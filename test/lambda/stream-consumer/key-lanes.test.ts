import { KeyLanes, RequestSlots } from '../../../lambda/stream-consumer/key-lanes';

/** Item of a key, with a size. */
type Item = readonly [key: string, number: number, size?: number];

/** Lanes whose jobs end when the test says so. */
function lanesOf(
  places: number | (() => number),
  slots = new RequestSlots(() => (typeof places === 'number' ? places : places())),
) {
  const started: string[] = [];
  const open = new Map<string, (outcome: boolean | Error) => void>();
  let ends = 0;
  const lanes = new KeyLanes<Item>(
    { slots, keyOf: ([key]) => key, sizeOf: ([, , size = 1]) => size, onEnd: () => (ends += 1) },
    ([key, number]) =>
      new Promise((resolve, reject) => {
        started.push(`${key}${number}`);
        open.set(`${key}${number}`, (outcome) => (typeof outcome === 'boolean' ? resolve(outcome) : reject(outcome)));
      }),
  );
  const end = async (name: string, outcome: boolean | Error = true): Promise<void> => {
    open.get(name)!(outcome);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { lanes, slots, started, end, ends: () => ends };
}

describe('items of keys', () => {
  test('run in the order of their key, the earliest of all keys first, as far as there are places', async () => {
    const { lanes, started, end } = lanesOf(2);
    lanes.add([
      ['a', 1],
      ['a', 2],
      ['b', 1],
      ['c', 1],
      ['a', 3],
      ['d', 1],
    ]);
    expect(started).toEqual(['a1', 'b1']);
    await end('b1');
    expect(started).toEqual(['a1', 'b1', 'c1']);
    // The second of a arrived before the first of d.
    await end('a1');
    expect(started.at(-1)).toBe('a2');
    await end('a2');
    await end('a3');
    expect(started).toEqual(['a1', 'b1', 'c1', 'a2', 'a3', 'd1']);
  });

  test('that arrive later wait behind those of their key, also when the key had none left', async () => {
    const { lanes, started, end } = lanesOf(9);
    lanes.add([['a', 1]]);
    lanes.add([
      ['a', 2],
      ['b', 1],
    ]);
    expect(started).toEqual(['a1', 'b1']);
    await end('a1');
    await end('a2');
    lanes.add([['a', 3]]);
    expect(started).toEqual(['a1', 'b1', 'a2', 'a3']);
  });

  test('start the earliest first where many keys wait for one place', async () => {
    const { lanes, started, end } = lanesOf(1);
    const keys = [...'hgfedcba'];
    lanes.add(keys.flatMap((key): Item[] => [[key, 1]]));
    lanes.add(keys.reverse().flatMap((key): Item[] => [[key, 2]]));
    for (let at = 0; at < 16; at++) await end(started[at]!);
    expect(started.join(' ')).toBe('h1 g1 f1 e1 d1 c1 b1 a1 a2 b2 c2 d2 e2 f2 g2 h2');
  });

  test('behind one that ends its key are not started, and count no longer', async () => {
    const { lanes, started, end, ends } = lanesOf(1);
    lanes.add([
      ['a', 1],
      ['a', 2, 10],
      ['b', 1, 5],
    ]);
    await end('a1', false);
    expect([lanes.waiting, lanes.waitingBytes, started.at(-1)]).toEqual([0, 0, 'b1']);
    lanes.add([['a', 3]]);
    expect([lanes.waiting, lanes.startable]).toEqual([0, 0]);
    await end('b1');
    expect([started, ends()]).toEqual([['a1', 'b1'], 2]);
  });
});

test('lanes tell what runs, what waits, and what waits for a place alone', async () => {
  const { lanes, end } = lanesOf(1);
  expect([lanes.inFlight, lanes.waiting, lanes.earliest]).toEqual([0, 0, undefined]);
  lanes.add([
    ['a', 1, 3],
    ['a', 2, 4],
    ['b', 1, 5],
    ['b', 2, 6],
  ]);
  const told = () => [lanes.inFlight, lanes.waiting, lanes.waitingBytes, lanes.startable, lanes.earliest?.slice(0, 2)];
  // The second of each key waits for the first.
  expect(told()).toEqual([1, 3, 15, 1, ['b', 1]]);
  await end('a1');
  expect(told()).toEqual([1, 2, 11, 1, ['b', 1]]);
  lanes.stop();
  expect(told()).toEqual([1, 0, 11, 0, undefined]);
  await end('a2');
  expect(lanes.inFlight).toBe(0);
});

test('an error starts nothing more, and the first is kept', async () => {
  const { lanes, started, end } = lanesOf(2);
  lanes.add([
    ['a', 1],
    ['b', 1],
    ['c', 1],
  ]);
  expect(lanes.error).toBeUndefined();
  const first = new Error('denied');
  await end('a1', first);
  await end('b1', new Error('denied again'));
  expect(lanes.error).toEqual({ error: first });
  expect(started).toEqual(['a1', 'b1']);
});

describe('places', () => {
  test('are shared: one that is given back is taken by whoever waits', async () => {
    const one = lanesOf(1);
    const other = lanesOf(0, one.slots);
    one.lanes.add([['a', 1]]);
    other.lanes.add([['b', 1]]);
    expect(other.started).toEqual([]);
    await one.end('a1');
    expect(other.started).toEqual(['b1']);
  });

  test('of lanes that are closed are left to others', async () => {
    const one = lanesOf(1);
    const other = lanesOf(0, one.slots);
    one.lanes.add([
      ['a', 1],
      ['c', 1],
    ]);
    other.lanes.add([['b', 1]]);
    one.lanes.close();
    await one.end('a1');
    expect([one.started, other.started]).toEqual([['a1'], ['b1']]);
  });

  test('may become more and fewer', async () => {
    let places = 1;
    const { lanes, slots, started, end } = lanesOf(() => places);
    lanes.add([
      ['a', 1],
      ['b', 1],
      ['c', 1],
      ['d', 1],
    ]);
    places = 2;
    expect(started).toHaveLength(1);
    slots.wake();
    expect(started).toHaveLength(2);
    places = 1;
    await end('a1');
    expect(started).toHaveLength(2);
    await end('b1');
    expect(started).toHaveLength(3);
  });

  test('are left for the time of a pause, and taken again before a job that did not start yet', async () => {
    const slots = new RequestSlots(() => 1);
    const { lanes, started, end } = lanesOf(0, slots);
    expect(slots.take()).toBe(true);
    const order: string[] = [];
    let endPause: () => void = () => undefined;
    const pause = (): Promise<void> => new Promise((resolve) => (endPause = resolve));
    const left = slots.leaveFor(pause, new AbortController().signal).then(() => order.push('returned'));
    lanes.add([
      ['a', 1],
      ['b', 1],
    ]);
    expect(started).toEqual(['a1']);
    endPause();
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual([]);
    await end('a1');
    await left;
    expect([order, started]).toEqual([['returned'], ['a1']]);
    slots.release();
    expect(started).toEqual(['a1', 'b1']);
  });

  test.each(['before', 'after'])(
    'are taken beyond the limit where none is free and the signal aborts %s the pause',
    async (when) => {
      const slots = new RequestSlots(() => 1);
      const over = new AbortController();
      slots.take();
      const left = slots.leaveFor(() => {
        slots.take();
        if (when === 'before') over.abort();
        return Promise.resolve();
      }, over.signal);
      await new Promise((resolve) => setImmediate(resolve));
      if (when === 'after') over.abort();
      await left;
      slots.release();
      expect(slots.take()).toBe(false);
      slots.release();
      expect(slots.take()).toBe(true);
    },
  );

  test('are taken while there are some, and wake only those that still wait', () => {
    const slots = new RequestSlots(() => 1);
    let woken = 0;
    const end = slots.onRelease(() => (woken += 1));
    expect([slots.take(), slots.take()]).toEqual([true, false]);
    slots.release();
    expect([slots.take(), woken]).toEqual([true, 1]);
    end();
    slots.release();
    expect(woken).toBe(1);
  });
});

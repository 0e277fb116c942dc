import { BilledTime } from '../../../lib/simulation/fleet/billed-time';
import type { FleetPool } from '../../../lib/simulation/fleet';
import { byPriority, LaunchOrder } from '../../../lib/simulation/fleet/launch-order';
import { inReleaseOrder } from '../../../lib/simulation/fleet/release-order';

const instance = (serial: number, state: string, priority = 1, requests = 0) => ({ serial, state, priority, requests });

describe('the order of release', () => {
  test.each([
    ['provisioning before in service', [instance(1, 'in-service'), instance(2, 'provisioning')], [2, 1]],
    ['the pool of the lowest priority', [instance(1, 'in-service', 1), instance(2, 'in-service', 3)], [2, 1]],
    ['the fewest requests', [instance(1, 'in-service', 1, 4), instance(2, 'in-service', 1, 2)], [2, 1]],
    ['the youngest', [instance(1, 'in-service'), instance(2, 'in-service')], [2, 1]],
    ['priority before requests', [instance(1, 'in-service', 1, 0), instance(2, 'in-service', 2, 9)], [2, 1]],
    [
      'requests of provisioning ones do not count',
      [instance(1, 'provisioning'), instance(2, 'provisioning', 1, 5)],
      [2, 1],
    ],
  ])('%s', (_name, instances, serials) => {
    expect(inReleaseOrder(instances, ({ requests }) => requests).map(({ serial }) => serial)).toEqual(serials);
  });
});

describe('the order of launches', () => {
  const pools: FleetPool[] = byPriority([
    { instanceType: 'c', priority: 3 },
    { instanceType: 'a', priority: 1 },
    { instanceType: 'b', priority: 2 },
  ]);
  const launched = (order: LaunchOrder, count: number, room: () => number = () => Infinity) => {
    const launches: [string, readonly string[]][] = [];
    const shortfall = order.launch(pools, count, room, ({ instanceType }, refused) =>
      launches.push([instanceType, refused]),
    );
    return { launches, shortfall };
  };

  test('takes all instances from the first pool that has capacity', () => {
    const order = new LaunchOrder();
    order.setCapacity('a', 'insufficient');
    expect(launched(order, 2)).toEqual({
      launches: [
        ['b', ['a']],
        ['b', ['a']],
      ],
      shortfall: undefined,
    });
    order.setCapacity('a', 'available');
    expect(launched(order, 1).launches).toEqual([['a', []]]);
  });

  test('goes to the next pool when there is room for a part only, and each launch keeps the types refused before it', () => {
    const room = [1, 1, 0];
    const { launches, shortfall } = launched(new LaunchOrder(), 3, () => room.shift()!);
    expect(launches).toEqual([
      ['a', []],
      ['b', ['a']],
    ]);
    expect(shortfall).toEqual({ missing: 1, refusedTypes: ['a', 'b', 'c'] });
  });

  test('reports instances that no pool has capacity for', () => {
    const order = new LaunchOrder();
    for (const { instanceType } of pools) order.setCapacity(instanceType, 'insufficient');
    expect(launched(order, 2)).toEqual({ launches: [], shortfall: { missing: 2, refusedTypes: ['a', 'b', 'c'] } });
  });
});

test('instance time is billed from launch to termination, and every type has an entry', () => {
  const billed = new BilledTime();
  billed.cover('a');
  billed.cover('b');
  billed.close('a', 100);
  // 100 s of a terminated instance and 50 s of one launched at 250.
  expect(billed.until(300, [{ instanceType: 'a', launchedAt: 250 }])).toEqual({ a: 150, b: 0 });
});

import {
  parseTrace,
  requestSource,
  RequestBlock,
  type TrafficShare,
  type Workload,
} from '../../../lib/simulation/traffic';

const service = { kind: 'distribution', distribution: 'exponential', meanSeconds: 2 } as const;

type Taken = readonly (readonly [at: number, service: number])[];

function taken(workload: Workload, share?: TrafficShare, fromSeconds = 0): Taken {
  const source = requestSource(workload, { service, seed: 3, fromSeconds, ...(share !== undefined && { share }) });
  const block = new RequestBlock();
  const all: [number, number][] = [];
  while (source.next(block)) {
    for (let index = 0; index < block.length; index++) all.push([block.at[index]!, block.service[index]!]);
  }
  return all;
}

const inOrder = (rows: Taken): Taken => [...rows].sort(([a], [b]) => a - b);

describe.each<[string, string]>([
  [
    'counts',
    ['# step_seconds=60', 'requests', ...Array.from({ length: 200 }, (_, step) => 40 + (step % 50))].join('\n'),
  ],
  ['requests', ['timestamp', ...Array.from({ length: 9000 }, (_, index) => index / 7)].join('\n')],
])('a share of %s', (name, text) => {
  let workload: Workload;
  beforeAll(async () => {
    workload = await parseTrace(text.split('\n'), { name });
  });

  test('is the weight’s, and with the other shares makes up all requests, each once', () => {
    const all = taken(workload);
    expect(all.length).toBeGreaterThan(8000);
    const [most, least] = [taken(workload, { from: 0, to: 0.9 }), taken(workload, { from: 0.9, to: 1 })];
    expect(inOrder([...most, ...least])).toEqual(all);
    // Six deviations of a binomial count.
    expect(Math.abs(least.length - 0.1 * all.length)).toBeLessThan(6 * Math.sqrt(0.09 * all.length));
    expect(taken(workload, { from: 0, to: 1 })).toEqual(all);
    expect(taken(workload, { from: 1, to: 1 })).toEqual([]);
  });

  test('is the same every time', () => {
    const share = { from: 0.2, to: 0.4 };
    expect(taken(workload, share, 60)).toEqual(taken(workload, share, 60));
  });
});

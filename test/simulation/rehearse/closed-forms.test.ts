import { FastRandom } from '../../../lib/simulation/random';
import { RequestEngine } from '../../../lib/simulation/fleet';
import { PoissonSource } from './generated-requests';

interface Queue {
  readonly name: string;
  readonly slots: number;
  /** Arrivals per second; the mean service time is 1 s. */
  readonly rate: number;
  readonly service: (random: FastRandom) => number;
  /** One queue before instances with one slot each, instead of one instance with slots. */
  readonly shared?: boolean;
  readonly meanWait: number;
  /** Requests of each run; the busier the queue, the more it takes for a narrow interval. @default 40 000 */
  readonly requests?: number;
}

/** Probability of waiting in M/M/c (Erlang C), by the recursion of Erlang B. */
function erlangC(servers: number, offered: number): number {
  let blocked = 1;
  for (let server = 1; server <= servers; server++) blocked = (offered * blocked) / (server + offered * blocked);
  return blocked / (1 - (offered / servers) * (1 - blocked));
}

/** Mean wait of M/M/c with mean service 1. */
const mmc = (servers: number, offered: number): number => erlangC(servers, offered) / (servers - offered);

/** Mean wait of M/G/1 with mean service 1 (Pollaczek and Khinchine). */
const mg1 = (load: number, squaredVariation: number): number => (load * (1 + squaredVariation)) / (2 * (1 - load));

const exponential = (random: FastRandom): number => random.exponential();
const constant = (): number => 1;
const lognormal = (random: FastRandom): number => Math.exp(-Math.log(2) / 2 + Math.sqrt(Math.log(2)) * random.normal());
const twoKinds = (random: FastRandom): number => (random.uniform() < 0.8 ? 0.5 : 3);

const QUEUES: readonly Queue[] = [
  { name: 'M/M/1 at 70 %', slots: 1, rate: 0.7, service: exponential, meanWait: mmc(1, 0.7) },
  { name: 'M/M/4 at 80 %', slots: 4, rate: 3.2, service: exponential, meanWait: mmc(4, 3.2) },
  { name: 'M/M/16 at 90 %', slots: 16, rate: 14.4, service: exponential, meanWait: mmc(16, 14.4), requests: 120_000 },
  {
    name: 'M/M/8 at 85 %, one queue before eight instances',
    slots: 8,
    rate: 6.8,
    service: exponential,
    shared: true,
    meanWait: mmc(8, 6.8),
    requests: 80_000,
  },
  { name: 'M/D/1 at 50 %', slots: 1, rate: 0.5, service: constant, meanWait: mg1(0.5, 0) },
  { name: 'M/D/1 at 80 %', slots: 1, rate: 0.8, service: constant, meanWait: mg1(0.8, 0) },
  { name: 'M/G/1 at 60 %, lognormal', slots: 1, rate: 0.6, service: lognormal, meanWait: mg1(0.6, 1) },
  // 0.8 x 0.25 + 0.2 x 9 = 2 is the second moment, so the squared variation is 1.
  { name: 'M/G/1 at 60 %, two kinds of requests', slots: 1, rate: 0.6, service: twoKinds, meanWait: mg1(0.6, 1) },
];

const REPLICATIONS = 24;
const WARM_UP_SECONDS = 2_000;
/** 99.5 % point of Student's t with 23 degrees of freedom. */
const STUDENT = 2.807;

/** Mean waits of independent runs. */
function replicate({ slots, rate, service, shared, requests = 40_000 }: Queue): number[] {
  return Array.from({ length: REPLICATIONS }, (_, replication) => {
    const engine = new RequestEngine({
      pools: [{ instanceType: 'any', priority: 1 }],
      slotsPerInstance: shared === true ? 1 : slots,
      queue: shared === true ? 'shared' : 'instance',
      provisioning: () => 0,
      requestTimeoutSeconds: Infinity,
      requestsPerSecond: rate,
    });
    engine.setDesired(shared === true ? slots : 1, true);
    const source = new PoissonSource(rate, new FastRandom(`closed forms ${replication}`), service);
    engine.run(source, WARM_UP_SECONDS);
    engine.takeSpan();
    engine.run(source, WARM_UP_SECONDS + requests / rate);
    const { waitSum, arrived } = engine.takeSpan();
    return waitSum / arrived;
  });
}

describe('the request engine against the closed forms', () => {
  test.each(QUEUES)('$name: the mean wait lies within 0.5 % or inside the 99 % interval', (queue) => {
    const means = replicate(queue);
    const mean = means.reduce((sum, each) => sum + each, 0) / REPLICATIONS;
    const variance = means.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (REPLICATIONS - 1);
    const interval = STUDENT * Math.sqrt(variance / REPLICATIONS);
    const distance = Math.abs(mean - queue.meanWait);
    expect(distance).toBeLessThan(Math.max(0.005 * queue.meanWait, interval));
    // The interval itself must be narrow, or it would prove nothing.
    expect(interval).toBeLessThan(0.05 * queue.meanWait);
  });

  test('the share of M/M/4 that waits is that of Erlang C', () => {
    const engine = new RequestEngine({
      pools: [{ instanceType: 'any', priority: 1 }],
      slotsPerInstance: 4,
      provisioning: () => 0,
      requestTimeoutSeconds: Infinity,
    });
    engine.setDesired(1, true);
    engine.run(new PoissonSource(3.2, new FastRandom('erlang'), exponential), 300_000);
    expect(1 - engine.wait.shareUpTo(1e-4)).toBeCloseTo(erlangC(4, 3.2), 2);
  });

  test("Little's law holds: requests present = arrivals per second x time in the system", () => {
    const engine = new RequestEngine({
      pools: [{ instanceType: 'any', priority: 1 }],
      slotsPerInstance: 4,
      provisioning: () => 0,
      requestTimeoutSeconds: Infinity,
    });
    engine.setDesired(3, true);
    engine.run(new PoissonSource(10, new FastRandom('little'), exponential), 50_000);
    const span = engine.takeSpan();
    const present = (span.arrived / 50_000) * (span.latencySum / span.completed);
    expect(span.meanOutstanding).toBeCloseTo(present, 2);
  });
});

import { EndpointFleet } from '../../../lib/simulation/fleet';
import { Random } from '../../../lib/simulation/random';

interface Measured {
  readonly meanWait: number;
  readonly waitingShare: number;
  readonly meanConcurrent: number;
}

/** One instance with `slots` servers and an endless queue, in its steady state. */
function measure(slots: number, arrivalsPerSecond: number, service: (random: Random) => number): Measured {
  const random = new Random(2024);
  const arrivals = random.fork('arrivals');
  const services = random.fork('services');
  const fleet = new EndpointFleet({
    pools: [{ instanceType: 'ml.g5.xlarge', priority: 1 }],
    slotsPerInstance: slots,
    provisioning: () => 0,
    requestTimeoutSeconds: Infinity,
    random: random.fork('routing'),
  });
  fleet.startInService(1, 0);
  const warmUp = 20_000;
  const count = 420_000;
  let at = 0;
  let wait = 0;
  let waited = 0;
  for (let id = 0; id < count; id++) {
    at += arrivals.exponential(1 / arrivalsPerSecond);
    fleet.arrive(at, { id, serviceSeconds: service(services) });
    if (id === warmUp) fleet.drainMetrics(at);
    if (id % 1000 !== 999 && id !== count - 1) continue;
    for (const event of fleet.advanceTo(at)) {
      if (event.kind !== 'completed' || Number(event.id) < warmUp) continue;
      wait += event.startedAt - event.arrivedAt;
      if (event.startedAt > event.arrivedAt) waited++;
    }
  }
  const metrics = fleet.drainMetrics(at);
  const served = count - warmUp;
  return { meanWait: wait / served, waitingShare: waited / served, meanConcurrent: metrics.concurrentRequests.sum };
}

/** The probability of waiting in M/M/c (Erlang C), by the recursion of Erlang B. */
function erlangC(servers: number, offered: number): number {
  let blocked = 1;
  for (let server = 1; server <= servers; server++) blocked = (offered * blocked) / (server + offered * blocked);
  return blocked / (1 - (offered / servers) * (1 - blocked));
}

describe('a fleet of one instance, against the closed forms', () => {
  test.each([
    ['1 slot at 70 %', 1, 0.7],
    ['4 slots at 80 %', 4, 3.2],
    ['8 slots at 85 %', 8, 6.8],
  ])('waits as M/M/c does: %s', (_, slots, offered) => {
    const waiting = erlangC(slots, offered);
    // Mean wait = C / (c mu - lambda) with mu = 1; concurrency = lambda (wait + 1), by Little's law.
    const wait = waiting / (slots - offered);
    const measured = measure(slots, offered, (random) => random.exponential(1));
    expect(measured.waitingShare / waiting).toBeGreaterThan(0.97);
    expect(measured.waitingShare / waiting).toBeLessThan(1.03);
    expect(measured.meanWait / wait).toBeGreaterThan(0.95);
    expect(measured.meanWait / wait).toBeLessThan(1.05);
    expect(measured.meanConcurrent / (offered * (wait + 1))).toBeCloseTo(1, 1);
  });

  test('waits as M/D/1 does', () => {
    // Pollaczek-Khinchine for constant service: rho / (2 (1 - rho)) = 0.8 / 0.4.
    const measured = measure(1, 0.8, () => 1);
    expect(measured.meanWait / 2).toBeGreaterThan(0.95);
    expect(measured.meanWait / 2).toBeLessThan(1.05);
  });
});

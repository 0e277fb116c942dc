import { LocalClock } from '../../../lib/emulator/clock';
import { LoadDriver } from '../../../lib/local/traffic/load-driver';
import { Outcomes } from '../../../lib/local/traffic/outcomes';
import { planMalformedRecords, planRequests } from '../../../lib/local/traffic/request-plan';
import type { StreamItem } from '../../../lib/local/traffic/stream-sender';
import { generateWorkload } from '../../../lib/simulation/traffic';

const workload = generateWorkload({ seed: 5, durationSeconds: 300 });

function driverAt(speed: number) {
  const clock = LocalClock.startingNow(speed);
  const direct: string[] = [];
  const stream: StreamItem[] = [];
  const outcomes = new Outcomes();
  const anchor = clock.now();
  const late: number[] = [];
  const requests = [...planRequests(workload, 1)];
  const driver = new LoadDriver({
    clock,
    anchor,
    requests: requests.values(),
    malformed: planMalformedRecords(300),
    outcomes,
    direct: {
      send: ({ id, sentAt }) => {
        direct.push(id);
        late.push(sentAt! - anchor - requests[Number(id.slice(2))]!.atSeconds);
      },
      pending: () => 0,
    },
    stream: {
      send: (item) => {
        stream.push(item);
        item.onStored(String(stream.length));
      },
      pending: () => 0,
    },
  });
  return { driver, direct, stream, outcomes, requests, late };
}

describe('LoadDriver', () => {
  test('sends every request and every poison record, none before its time', async () => {
    const { driver, direct, stream, outcomes, requests, late } = driverAt(600);
    await driver.run(new AbortController().signal);
    expect(direct).toHaveLength(requests.filter(({ channel }) => channel === 'direct').length);
    expect(stream).toHaveLength(requests.length - direct.length + 5);
    expect(outcomes.totals().in).toBe(requests.length + 5);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(-0.001);
  });

  test('returns the demand of the last minute', async () => {
    const { driver, requests } = driverAt(3000);
    await driver.run(new AbortController().signal);
    const last = requests.filter(({ atSeconds }) => atSeconds > 240);
    const { requestsPerSecond, concurrency } = driver.demand(300);
    expect(requestsPerSecond).toBeCloseTo(last.length / 60, 5);
    expect(concurrency).toBeCloseTo(last.reduce((sum, one) => sum + one.serviceSeconds, 0) / 60, 5);
  });

  test('stops in the middle when it is aborted', async () => {
    const { driver, outcomes, requests } = driverAt(60);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 100);
    await expect(driver.run(controller.signal)).rejects.toThrow('enough');
    expect(outcomes.totals().in).toBeLessThan(requests.length / 2);
  });
});

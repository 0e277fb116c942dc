import { statusText, Terminal } from '../../../lib/local/report/terminal';
import { finishedRecording, recordedRun } from './page/recorded-run';

const plain = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, '');

function terminal(isTTY: boolean, columns = 80) {
  let text = '';
  let now = 0;
  const made = new Terminal({ isTTY, columns, write: (part) => (text += part) }, () => now);
  return { made, text: () => plain(text), pass: (ms: number) => (now += ms) };
}

describe('Terminal', () => {
  test('prints a line for every step and event, and a status line every few seconds, without a terminal', () => {
    const { made, text, pass } = terminal(false);
    const { samples, events, steps } = finishedRecording();
    pass(10_000);
    made.show({ kind: 'steps', steps: steps.slice(0, 1) });
    made.show({ kind: 'steps', steps: steps.slice(0, 1) });
    made.show({ kind: 'sample', sample: samples[10]! });
    made.show({ kind: 'sample', sample: samples[11]! });
    pass(5000);
    made.show({ kind: 'sample', sample: samples[12]! });
    made.show({ kind: 'event', event: events[0]! });
    expect(text().split('\n')).toEqual([
      '✓ Prepare: engine up in 2 s',
      statusText(samples[10]!),
      statusText(samples[12]!),
      '   4:00 Scaled out 2 → 4 instances – concurrency 9.8 per instance is above the target 5.6 for 3 datapoints',
      '',
    ]);
  });

  test('tells a step that was skipped from one that is done', () => {
    const { made, text } = terminal(false);
    made.show({
      kind: 'steps',
      steps: [{ id: 'edge', title: 'Edge device', status: 'skipped', detail: 'it needs mosquitto' }],
    });
    expect(text()).toBe('– Edge device: it needs mosquitto\n');
  });

  test('keeps one status line, as wide as the terminal, below the lines above it', () => {
    const { made, text, pass } = terminal(true, 40);
    const { samples, events } = finishedRecording();
    pass(10_000);
    made.show({ kind: 'sample', sample: samples[10]! });
    made.show({ kind: 'event', event: events[0]! });
    const drawn = text()
      .split('\r\u001b[2K')
      .filter((part) => part !== '');
    expect(drawn).toHaveLength(2);
    expect(drawn[0]).toHaveLength(39);
    expect(drawn[1]).toMatch(/^ {3}4:00 Scaled out .*\n/);
    expect(drawn[1]!.split('\n')[1]).toBe(drawn[0]);
  });

  test('ends with the numbers and the problems', () => {
    const { made, text } = terminal(false);
    const { summary } = recordedRun({ finished: true }).recording();
    made.show({ kind: 'summary', summary: summary! });
    expect(text()).toContain('Requests in             12,031');
    expect(text()).toContain('The run passed');
    made.show({ kind: 'summary', summary: { ...summary!, ok: false, problems: ['requests do not add up'] } });
    expect(text()).toContain('✕ requests do not add up');
    expect(text()).toContain('The run failed');
  });
});

describe('statusText', () => {
  test('shows traffic, instances, queue, latency and spend in one line', () => {
    const sample = {
      ...finishedRecording().samples[0]!,
      second: 725,
      requestsPerSecond: 4.25,
      instancesByType: { a: 2, b: 1 },
      provisioningInstances: 1,
      queued: 3,
      streamBacklog: 4,
      p95: 8.04,
      spendUsd: 1.5,
      guardLevel: 'warn',
    };
    expect(statusText(sample)).toBe(
      '  12:05  4.3 req/s  3 instances (+1 starting)  queue 7  p95 8.0 s  $1.50  guard warn',
    );
    expect(statusText({ ...sample, p95: null, guardLevel: 'ok', provisioningInstances: 0 })).toContain('p95 –  $1.50');
  });
});

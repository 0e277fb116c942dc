import { embedRecording } from '../../lib/local/report/html-report';
import { Recorder } from '../../lib/local/recorder';
import type { LiveMessage, Sample } from '../../lib/local/recording';
import { apply, EMPTY } from '../../lib/local/report/page/store';
import { finishedRecording } from './report/page/recorded-run';

const HEADER = {
  stage: 'local',
  traffic: '',
  seed: 1,
  speed: 30,
  budgetUsd: null,
  chaos: false,
  trafficSeconds: 60,
  firstRequestAt: null,
};
const STEPS = [
  { id: 'a', title: 'A' },
  { id: 'b', title: 'B' },
];
const sample = (second: number): Sample => ({ ...finishedRecording().samples[0]!, second });

describe('Recorder', () => {
  test('publishes every change, so that the recording of a listener equals its own', () => {
    const recorder = new Recorder(HEADER, STEPS);
    let kept = apply(EMPTY, { kind: 'recording', recording: recorder.recording() });
    const stop = recorder.listen((message: LiveMessage) => {
      kept = apply(kept, message);
    });
    recorder.step('a', 'running', 'half');
    recorder.step('a', 'done');
    recorder.sample(sample(1));
    recorder.event(1, 'note', 'hello', 'why');
    recorder.setHeader({ speed: 5 });
    recorder.finish({ ok: true, problems: [], items: [] });
    expect(kept).toEqual(recorder.recording());
    stop();
    recorder.event(2, 'note', 'later');
    expect(kept.events).toHaveLength(1);
  });

  test('marks the running step as failed', () => {
    const recorder = new Recorder(HEADER, STEPS);
    recorder.step('a', 'done');
    recorder.step('b', 'running');
    recorder.failRunningStep('no way');
    expect(recorder.recording().steps.map(({ status, detail }) => [status, detail])).toEqual([
      ['done', ''],
      ['failed', 'no way'],
    ]);
  });

  test('thins out the samples of a long run, evenly', () => {
    const recorder = new Recorder(HEADER, STEPS);
    for (let second = 0; second < 20_000; second++) recorder.sample(sample(second));
    const seconds = recorder.recording().samples.map((one) => one.second);
    expect(seconds.length).toBeLessThanOrEqual(2400);
    expect(seconds.length).toBeGreaterThan(1000);
    expect(seconds.at(-1)).toBeGreaterThan(19_900);
    expect([...seconds].sort((a, b) => a - b)).toEqual(seconds);
  });
});

describe('embedRecording', () => {
  test('puts the recording into the page so that no text of it can end its element', () => {
    const recording = {
      ...finishedRecording(),
      events: [{ second: 1, kind: 'note' as const, title: '</script><script>alert(1)</script>', reason: '<!--' }],
    };
    const html = embedRecording('<body><!--recording--></body>', recording);
    expect(html).not.toContain('</script><script>');
    const data = /<script type="application\/json" id="recording">(.*)<\/script>/s.exec(html)![1]!;
    expect(JSON.parse(data)).toEqual(recording);
  });

  test('refuses a page without a place for it', () => {
    expect(() => embedRecording('<body></body>', finishedRecording())).toThrow('has no <!--recording-->');
  });
});

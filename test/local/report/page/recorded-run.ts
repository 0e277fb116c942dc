import { Recorder } from '../../../../lib/local/recorder';
import type { Recording, Sample } from '../../../../lib/local/recording';

const TRAFFIC_SECONDS = 3000;
const BUDGET_USD = 3;

function sampleAt(second: number, instances: number, spendUsd: number): Sample {
  const wave = 14 + 8 * Math.sin(second / 480);
  const spike = second > 1000 && second < 1700 ? 22 * Math.sin(((second - 1000) / 700) * Math.PI) : 0;
  const demand = wave + spike;
  const capacity = instances * 8;
  const queued = Math.max(0, Math.round(demand - capacity));
  const p50 = 2 + queued * 0.4;
  return {
    second,
    requestsPerSecond: demand / 3.4,
    demandConcurrency: demand,
    capacityConcurrency: capacity,
    inFlight: Math.min(capacity, Math.round(demand)),
    queued,
    streamBacklog: queued * 3,
    p50,
    p95: p50 * 2.4,
    p99: p50 * 3.1,
    serviceP95: 4.2,
    queueP95: queued * 0.2,
    streamP95: 1.1,
    spendUsd,
    guardLevel:
      spendUsd > BUDGET_USD
        ? 'shrink'
        : spendUsd > BUDGET_USD * 0.9
          ? 'freeze-growth'
          : spendUsd > BUDGET_USD * 0.7
            ? 'warn'
            : 'ok',
    desiredInstances: instances,
    provisioningInstances: second > 1080 && second < 1330 ? 2 : 0,
    maxInstances: spendUsd > BUDGET_USD ? 2 : 8,
    instancesByType:
      second > 1330 && second < 2100
        ? { 'ml.g5.xlarge': instances - 1, 'ml.g6.xlarge': 1 }
        : { 'ml.g5.xlarge': instances },
  };
}

/** Recorder at the end of a run with a budget, a spike and a fallback pool; the same at every call. */
export function recordedRun(options: { readonly finished: boolean }): Recorder {
  const recorder = new Recorder(
    {
      stage: 'local',
      traffic: 'day curve with a launch spike',
      seed: 1,
      speed: 30,
      budgetUsd: BUDGET_USD,
      chaos: true,
      trafficSeconds: TRAFFIC_SECONDS,
      // 2026-11-30T22:05:00Z.
      firstRequestAt: 1_796_076_300,
    },
    [
      { id: 'prepare', title: 'Prepare' },
      { id: 'synth', title: 'Synthesise' },
      { id: 'deploy', title: 'Deploy' },
      { id: 'verify', title: 'Verify' },
      { id: 'traffic', title: 'Traffic' },
      { id: 'training', title: 'Training' },
      { id: 'drain', title: 'Drain' },
      { id: 'report', title: 'Report' },
    ],
  );
  recorder.step('prepare', 'done', 'engine up in 2 s');
  recorder.step('synth', 'done', '1 stack, 58 resources');
  recorder.step('deploy', 'done', 'Tidegate-local, 14 s');
  recorder.step('verify', 'done', '58 of 58 resources verified');
  recorder.step('traffic', 'running', '62 %');
  recorder.step('training', 'running', 'job running');
  let spend = 0;
  for (let second = 0; second <= TRAFFIC_SECONDS; second += 15) {
    const instances = second < 240 ? 2 : second < 1330 ? 4 : second < 2100 ? 6 : 2;
    spend += (instances * 1.41 * 15) / 3600;
    recorder.sample(sampleAt(second, instances, spend));
  }
  recorder.event(
    240,
    'scale-out',
    'Scaled out 2 → 4 instances',
    'concurrency 9.8 per instance is above the target 5.6 for 3 datapoints',
  );
  recorder.event(1000, 'capacity', 'ml.g5.xlarge: insufficient capacity', 'the next pool, ml.g6.xlarge, takes over');
  recorder.event(
    1080,
    'scale-out',
    'Scaled out 4 → 6 instances',
    'concurrency 9.1 per instance is above the target 5.6 for 3 datapoints',
  );
  recorder.event(1100, 'alarm', 'AlarmHigh is in ALARM', 'threshold crossed');
  recorder.event(1400, 'training', 'Training started', 'over 41 objects in the results bucket');
  recorder.event(2040, 'guard', 'Cost guard: freeze-growth → shrink', 'spent $3.01 of $3.00; the maximum is 2');
  recorder.event(2100, 'scale-in', 'Scaled in 6 → 2 instances', 'the scalable maximum was lowered to 2');
  if (options.finished) {
    for (const id of ['traffic', 'training', 'drain', 'report']) recorder.step(id, 'done', '');
    recorder.finish({
      ok: true,
      problems: [],
      items: [
        { label: 'Requests in', value: '12,031', good: null },
        { label: 'Answered', value: '12,026', good: null },
        { label: 'Dead-lettered', value: '5', good: null },
        { label: 'Still queued', value: '0', good: null },
        { label: 'Accounted for', value: 'all requests', good: true },
        { label: 'p50 / p95 / p99', value: '3.1 / 8.4 / 12.9 s', good: null },
        { label: 'Scale-outs / scale-ins', value: '2 / 1', good: null },
        { label: 'Cost', value: '$3.94', good: null },
        { label: 'Training', value: 'Completed', good: true },
        { label: 'Peak memory', value: '812 MiB', good: true },
      ],
    });
  }
  return recorder;
}

export function finishedRecording(): Recording {
  return recordedRun({ finished: true }).recording();
}

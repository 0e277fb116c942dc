import type { LiveMessage, Recording } from '../report/recording';

/** Beyond this the page keeps every second sample, as the recorder does. */
const MOST_SAMPLES = 4800;

export const EMPTY: Recording = {
  header: { stage: '', traffic: '', seed: 0, speed: 1, budgetUsd: null, chaos: false, trafficSeconds: 0 },
  steps: [],
  samples: [],
  events: [],
  summary: null,
};

/** The recording after one more message. */
export function apply(recording: Recording, message: LiveMessage): Recording {
  switch (message.kind) {
    case 'recording':
      return message.recording;
    case 'header':
      return { ...recording, header: message.header };
    case 'steps':
      return { ...recording, steps: message.steps };
    case 'sample': {
      const samples = [...recording.samples, message.sample];
      return { ...recording, samples: samples.length > MOST_SAMPLES ? samples.filter((_, i) => i % 2 === 0) : samples };
    }
    case 'event':
      return { ...recording, events: [...recording.events, message.event] };
    case 'summary':
      return { ...recording, summary: message.summary };
  }
}

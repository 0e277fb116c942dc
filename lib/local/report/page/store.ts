import type { LiveMessage, Recording } from '../../recording';

/** Above this number every second sample is discarded, as in the recorder. */
const MAX_SAMPLES = 4800;

export const EMPTY: Recording = {
  header: {
    stage: '',
    traffic: '',
    seed: 0,
    speed: 1,
    budgetUsd: null,
    chaos: false,
    trafficSeconds: 0,
    firstRequestAt: null,
  },
  steps: [],
  samples: [],
  events: [],
  summary: null,
};

/** Applies a message to the recording. */
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
      return { ...recording, samples: samples.length > MAX_SAMPLES ? samples.filter((_, i) => i % 2 === 0) : samples };
    }
    case 'event':
      return { ...recording, events: [...recording.events, message.event] };
    case 'summary':
      return { ...recording, summary: message.summary };
  }
}

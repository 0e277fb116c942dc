import type { Actor } from '../../lib/emulator/actor';
import { Emulator, type EmulatorParts } from '../../lib/emulator/emulator';

type Played = readonly [part: string, atSeconds: number];

/** A part with an event at each of its moments, in a journal shared with the others. */
function beat(name: string, journal: Played[], ...moments: number[]): Actor {
  return {
    nextEventAt: () => moments[0],
    advanceTo: (atSeconds) => {
      journal.push([name, atSeconds]);
      moments.shift();
    },
  };
}

/** Lets a part do something more at each of its events, and return it. */
function withEvent(part: Actor, onEvent: (atSeconds: number) => unknown): Actor {
  return {
    nextEventAt: () => part.nextEventAt(),
    advanceTo: (atSeconds) => {
      part.advanceTo(atSeconds);
      return onEvent(atSeconds);
    },
  };
}

function emulatorOf(parts: { readonly [name in keyof EmulatorParts]?: object }): Emulator {
  const idle = beat('idle', []);
  const fail = (error: unknown): void => {
    throw error;
  };
  const all = { endpoints: idle, streams: idle, metrics: idle, alarms: idle, scaling: idle, onError: fail, ...parts };
  return new Emulator(all as unknown as EmulatorParts, 1000);
}

test('plays every event at its own moment, in the order of time and at one moment in the order of the loop', () => {
  const journal: Played[] = [];
  const emulator = emulatorOf({
    scaling: { ...beat('scaling', journal, 1020, 1030), onEvaluations: () => undefined },
    alarms: withEvent(beat('alarms', journal, 1030), () => []),
    metrics: beat('metrics', journal, 1010, 1020, 1030),
    streams: beat('streams', journal, 1030),
    endpoints: beat('endpoints', journal, 1030, 1030, 1040),
  });
  expect(emulator.nextEventAt()).toBe(1010);
  expect(emulator.advanceTo(1035)).toBe(1035);
  expect(journal).toEqual([
    ['metrics', 1010],
    ['metrics', 1020],
    ['scaling', 1020],
    ['endpoints', 1030],
    ['endpoints', 1030],
    ['streams', 1030],
    ['metrics', 1030],
    ['alarms', 1030],
    ['scaling', 1030],
  ]);
  expect(emulator.nextEventAt()).toBe(1040);
});

test('an event that a later part causes at the same moment is played before that part goes on', () => {
  const journal: Played[] = [];
  const launched: number[] = [];
  const endpoints = beat('endpoints', journal);
  const emulator = emulatorOf({
    endpoints: {
      nextEventAt: () => launched[0],
      advanceTo: (at: number) => {
        endpoints.advanceTo(at);
        launched.shift();
      },
    },
    metrics: withEvent(beat('metrics', journal, 1010, 1010), (at) => launched.push(at)),
  });
  emulator.advanceTo(1010);
  expect(journal.map(([part]) => part)).toEqual(['metrics', 'endpoints', 'metrics', 'endpoints']);
});

test('alarms in ALARM roll back updates, and every evaluation reaches scaling', () => {
  const told: unknown[] = [];
  const evaluations = [
    { alarmName: 'errors', state: 'ALARM', atSeconds: 1010 },
    { alarmName: 'latency', state: 'OK', atSeconds: 1010 },
  ];
  const emulator = emulatorOf({
    endpoints: { ...beat('endpoints', []), onAlarm: (name: string, at: number) => told.push(['rollback', name, at]) },
    alarms: withEvent(beat('alarms', [], 1010), () => evaluations),
    scaling: { ...beat('scaling', []), onEvaluations: (all: unknown) => told.push(['scaling', all]) },
  });
  emulator.advanceTo(1010);
  expect(told).toEqual([
    ['rollback', 'errors', 1010],
    ['scaling', evaluations],
  ]);
});

test('inside an event the moment reached is that of the event', () => {
  const seen: number[] = [];
  const emulator: Emulator = emulatorOf({
    endpoints: withEvent(beat('endpoints', [], 1001), () => seen.push(emulator.advanceTo(5000))),
  });
  emulator.advanceTo(1050);
  expect(seen).toEqual([1001]);
});

test('a part that throws is reported and does not stop the others', () => {
  const errors: unknown[] = [];
  const journal: Played[] = [];
  const broken = withEvent(beat('endpoints', [], 1001), () => {
    throw new Error('broken');
  });
  const emulator = emulatorOf({
    endpoints: broken,
    metrics: beat('metrics', journal, 1010, 1020, 1030),
    onError: (error: unknown) => errors.push(error),
  });
  emulator.advanceTo(1030);
  expect(errors).toEqual([new Error('broken')]);
  expect(journal).toHaveLength(3);
});

test('a part that reports the same moment for ever is an error instead of an endless loop', () => {
  const emulator = emulatorOf({ endpoints: { nextEventAt: () => 1001, advanceTo: () => undefined } });
  expect(() => emulator.advanceTo(1030)).toThrow('does not move past 1001');
});

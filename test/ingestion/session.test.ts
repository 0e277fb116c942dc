import { decideSession, type SessionState } from '../../lib/ingestion/decide/session';

const MIB = 1024 * 1024;
/** Invocation of two minutes, of which 120 - 10 = 110 s are open and 60 s past. */
const state = (over: Partial<SessionState> = {}): SessionState => ({
  elapsedSeconds: 60,
  totalSeconds: 120,
  readsAhead: true,
  inFlight: 8,
  waiting: 0,
  waitingBytes: 0,
  silentSeconds: 0,
  finishingSeconds: undefined,
  ...over,
});

describe('an invocation', () => {
  test.each<[string, Partial<SessionState>, string]>([
    ['reads on while responses are awaited', {}, 'read'],
    ['reads on while records wait for others of their key', { waiting: 1_999 }, 'read'],
    ['holds with 2,000 records that wait', { waiting: 2_000 }, 'hold'],
    ['holds with 32 MiB that wait', { waiting: 10, waitingBytes: 32 * MIB }, 'hold'],
    ['holds while the endpoint fails on everything', { silentSeconds: 1 }, 'hold'],
    ['finishes when that takes two minutes', { silentSeconds: 110 }, 'finish'],
    ['reads until ten seconds before its end', { elapsedSeconds: 109 }, 'read'],
    ['finishes ten seconds before its end', { elapsedSeconds: 110 }, 'finish'],
    ['waits two seconds for responses then', { elapsedSeconds: 111, finishingSeconds: 1.9 }, 'finish'],
    ['ends without the slow ones', { elapsedSeconds: 112, finishingSeconds: 2 }, 'end'],
    ['ends when nothing is left', { inFlight: 0 }, 'end'],
    ['ends with nothing left also in its last minute', { inFlight: 0, elapsedSeconds: 115 }, 'end'],
    ['does not end while a record waits', { inFlight: 0, waiting: 1 }, 'read'],
    // 60 s - 10 s = 50 s, less than a verdict takes
    ['that is too short for a verdict waits for records that fail', { totalSeconds: 60, elapsedSeconds: 51 }, 'hold'],
    ['that shares its shard with others never reads', { readsAhead: false }, 'hold'],
    ['that shares its shard with others waits until its end', { readsAhead: false, elapsedSeconds: 119 }, 'hold'],
    ['that shares its shard with others ends with its batch', { readsAhead: false, inFlight: 0 }, 'end'],
  ])('%s', (_, over, step) => {
    expect(decideSession(state(over))).toBe(step);
  });
});

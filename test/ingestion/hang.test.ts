import { decideHang, type HangState, isRarelySlow } from '../../lib/ingestion/decide/hang';

const state = (over: Partial<HangState>): HangState => ({
  timedOut: { count: 0, requestSeconds: 0 },
  openSeconds: [40],
  witnesses: { quick: 5, slow: 0 },
  hasAnsweredSinceLatest: true,
  othersRecover: false,
  maySendAgain: true,
  ...over,
});
const once = { count: 1, requestSeconds: 60 };

test.each([
  ['fewer than five quick answers', 4, 0, false],
  ['five quick answers and no slow request', 5, 0, true],
  ['twenty quick answers for a slow request', 20, 1, true],
  ['fewer than twenty for each slow request', 39, 2, false],
  ['nothing', 0, 0, false],
])('slow requests are rare or not: %s', (_, quick, slow, isRare) => {
  expect(isRarelySlow({ quick, slow })).toBe(isRare);
});

describe('a record whose response is late', () => {
  test.each<[string, Partial<HangState>, string]>([
    ['waits before forty seconds', { openSeconds: [39.9] }, 'wait'],
    ['is sent again where slow requests are rare', {}, 'send again'],
    ['waits where no more records may be sent twice', { maySendAgain: false }, 'wait'],
    ['asks for witnesses first', { witnesses: { quick: 4, slow: 0 } }, 'ask'],
    ['is not sent again in an endpoint that is slow for others', { witnesses: { quick: 10, slow: 1 } }, 'ask'],
    ['waits while its second request is young', { openSeconds: [49, 9] }, 'wait'],
    [
      'asks while nothing was answered since its second request',
      { openSeconds: [50, 10], hasAnsweredSinceLatest: false },
      'ask',
    ],
    ['is not to blame before its first request has timed out', { openSeconds: [59.9, 19.9] }, 'wait'],
    ['is to blame when its first request has timed out', { timedOut: once, openSeconds: [20] }, 'blame'],
    ['is to blame after fifteen seconds of a repetition', { timedOut: once, openSeconds: [15] }, 'blame'],
    ['is not to blame before that', { timedOut: once, openSeconds: [14.9] }, 'wait'],
    [
      'is not to blame where others are slow too',
      { timedOut: once, openSeconds: [20], witnesses: { quick: 19, slow: 1 } },
      'ask',
    ],
    [
      'is left to the number of its failures while others recover',
      { timedOut: once, openSeconds: [20], othersRecover: true },
      'wait',
    ],
    [
      'is not to blame where nothing is answered any more',
      { timedOut: once, openSeconds: [20], hasAnsweredSinceLatest: false },
      'ask',
    ],
  ])('%s', (_, over, step) => {
    expect(decideHang(state(over))).toBe(step);
  });
});

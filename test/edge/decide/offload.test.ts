import * as fc from 'fast-check';
import { cloudPart, decideEdgeOffload } from '../../../lib/edge/decide/offload';

const anyCounts = fc.array(fc.record({ requests: fc.nat(100_000), askedCloud: fc.nat(100_000) }), { maxLength: 20 });

describe('the share that stays at the edge', () => {
  test.each([
    [
      'all, where the cloud was never asked',
      [{ requests: 40, askedCloud: 0 }],
      { share: 1, requests: 40, answeredAtEdge: 40 },
    ],
    // 100 + 300 requests, of which 25 + 15 went to the cloud: 360 of 400.
    [
      'of several periods together',
      [
        { requests: 100, askedCloud: 25 },
        { requests: 300, askedCloud: 15 },
      ],
      { share: 0.9, requests: 400, answeredAtEdge: 360 },
    ],
    ['none, without requests', [{ requests: 0, askedCloud: 0 }], { share: 0, requests: 0, answeredAtEdge: 0 }],
    ['none, without a measurement', [], { share: 0, requests: 0, answeredAtEdge: 0 }],
    // Questions that waited through an outage are asked in a later period.
    [
      'at least none, in a period with more questions than requests',
      [{ requests: 10, askedCloud: 30 }],
      { share: 0, requests: 10, answeredAtEdge: 0 },
    ],
  ])('is %s', (_, counts, offload) => {
    expect(decideEdgeOffload(counts)).toEqual(offload);
  });

  test('is between none and all, and what stays and what goes are all requests', () => {
    fc.assert(
      fc.property(anyCounts, (counts) => {
        const { share, requests, answeredAtEdge } = decideEdgeOffload(counts);
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1);
        expect(answeredAtEdge).toBeLessThanOrEqual(requests);
      }),
    );
  });

  test('falls when more requests go to the cloud', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.nat(10_000), fc.nat(10_000), (requests, a, b) => {
        const share = (askedCloud: number): number => decideEdgeOffload([{ requests, askedCloud }]).share;
        expect(share(Math.max(a, b))).toBeLessThanOrEqual(share(Math.min(a, b)));
      }),
    );
  });
});

describe('the part of the requests that reaches the cloud', () => {
  test.each([
    ['all without an offload', { from: 0, to: 1 }, 0, { from: 0, to: 1 }],
    ['none where all stay', { from: 0, to: 1 }, 1, { from: 0, to: 0 }],
    // A variant with the second half of the requests, of which a quarter stays: 0.5 + 0.75 x 0.5.
    ['of a variant', { from: 0.5, to: 1 }, 0.25, { from: 0.5, to: 0.875 }],
  ])('is %s', (_, part, offload, wanted) => {
    expect(cloudPart(part, offload)).toEqual(wanted);
  });
});

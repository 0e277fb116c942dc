import { addedOnceCaughtUp, type StreamedRequest } from '../../../lib/local/traffic/caught-up';

/** Request that is sent at a second and waits in the stream for some. */
const request = (sentAt: number, addedSeconds: number): StreamedRequest => ({
  sentAt,
  leftAt: sentAt + addedSeconds,
  addedSeconds,
});

describe('What the stream adds once the fleet has caught up', () => {
  test('is that of the requests which were sent while every record in the stream had a free slot', () => {
    const slots = [
      { at: 0, free: 2 },
      { at: 10, free: 2 },
    ];
    expect(addedOnceCaughtUp(slots, [request(1, 0.5), request(11, 0.75)])).toEqual([0.5, 0.75]);
  });

  test('leaves out what is sent behind the records of a time without free slots', () => {
    const slots = [
      { at: 10, free: 0 }, // full: three records wait
      { at: 20, free: 2 }, // two slots for three records
      { at: 30, free: 2 }, // one record waits
    ];
    const waiting = [request(5, 30), request(6, 20), request(7, 20)]; // they leave at 35, 26 and 27
    expect(addedOnceCaughtUp(slots, [...waiting, request(15, 6), request(25, 1), request(32, 1.5)])).toEqual([1.5]);
  });

  test('has a consumer that falls behind while slots are free', () => {
    const slots = [
      { at: 0, free: 2 },
      { at: 10, free: 2 }, // four records wait
      { at: 20, free: 0 },
    ];
    const late = [request(1, 40), request(2, 40), request(3, 40), request(4, 40), request(11, 40)];
    expect(addedOnceCaughtUp(slots, [...late, request(21, 1)])).toEqual([40, 40, 40, 40, 40]);
  });

  test('is nothing without an observation', () => {
    expect(addedOnceCaughtUp([], [request(1, 1)])).toEqual([]);
  });
});

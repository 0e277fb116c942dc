import fc from 'fast-check';
import { shardNotices, type ShardLook } from '../../lib/ingestion/decide/shard-notices';

const look = fc.record<ShardLook>({
  streamName: fc.constant('requests'),
  openShards: fc.integer({ min: 1, max: 20 }),
  isUpdating: fc.boolean(),
  decision: fc.record({
    target: fc.integer({ min: 1, max: 20 }),
    missing: fc.nat(5),
    reason: fc.constant('the busiest minute uses 80 %'),
  }),
  refused: fc.option(fc.constant('LimitExceededException'), { nil: undefined }),
  changesLeft: fc.nat(10),
  wasHeldBack: fc.boolean(),
});

test('a look has one notice at most, which names the stream and the changes that are left', () => {
  fc.assert(
    fc.property(look, (seen) => {
      const { notices } = shardNotices(seen);
      expect(notices.length).toBeLessThanOrEqual(1);
      for (const { subject, message } of notices) {
        expect(subject).toMatch(/^Stream requests: /);
        expect(subject).not.toContain('\n');
        expect(message).toMatch(/ left of those that Kinesis allows in 24 hours\.$/);
      }
    }),
  );
});

test('a look at the same shards, held back as before, has none', () => {
  fc.assert(
    fc.property(look, (seen) => {
      const still = { ...seen, decision: { ...seen.decision, target: seen.openShards } };
      const { isHeldBack } = shardNotices(still);
      const again = shardNotices({ ...still, wasHeldBack: isHeldBack });
      expect(again).toEqual({ isHeldBack, notices: [] });
    }),
  );
});

test('shards that are being changed keep what was known of them', () => {
  const seen = {
    streamName: 'requests',
    openShards: 2,
    isUpdating: true,
    decision: { target: 2, missing: 2, reason: 'the stream is being changed' },
    refused: undefined,
    changesLeft: 3,
  };
  for (const wasHeldBack of [true, false])
    expect(shardNotices({ ...seen, wasHeldBack })).toEqual({ isHeldBack: wasHeldBack, notices: [] });
});

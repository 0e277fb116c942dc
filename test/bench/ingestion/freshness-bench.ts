import { playFreshness } from '../../lambda/stream-consumer/freshness';

/** Plays shards at several uses of the fleet; prints what the stream adds to the service times as JSON. Arguments: seed, records. */
async function main(): Promise<void> {
  const [seed, records] = process.argv.slice(2).map(Number);
  const rows = [];
  for (const sigma of [0.5, 1.2]) {
    for (const use of [0.3, 0.6, 0.9]) {
      const before = process.cpuUsage();
      const plan = { seed: seed!, records: records!, use, slots: 32, meanServiceSeconds: 4, sigma, bad: 0.005 };
      const { added, ...counts } = await playFreshness({ ...plan, readsAhead: true });
      const { user, system } = process.cpuUsage(before);
      const round = (value: number): number => Math.round(value * 100) / 100;
      rows.push({
        use,
        sigma,
        addedSeconds: { p50: round(added.p50), p95: round(added.p95), p99: round(added.p99), max: round(added.max) },
        arrivedWithFreeSlots: round(counts.free),
        answered: counts.answered,
        deadLetters: counts.deadLetters,
        longestVerdictSeconds: round(counts.longestVerdict),
        recordsPerCpuSecond: Math.round(records! / ((user + system) / 1e6)),
      });
    }
  }
  process.stdout.write(JSON.stringify(rows));
}

void main();

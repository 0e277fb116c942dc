import { type MappingLife, playMapping, type SourceKind } from '../../lambda/stream-consumer/mapping-life';

/** Plays lives by the model of a mapping until a number of records was delivered; prints the sums as JSON. Arguments: source, deliveries, first seed, records of a life. */
function main(): void {
  const [kind, ...numbers] = process.argv.slice(2);
  const [wanted, firstSeed, size] = numbers.map(Number);
  const sums = {
    records: 0,
    deliveries: 0,
    invocations: 0,
    answered: 0,
    deadLetters: 0,
    givenUp: 0,
    lost: 0,
    orderBreaks: 0,
    doubleEffects: 0,
  };
  let lives = 0;
  for (let seed = firstSeed!; sums.deliveries < wanted!; seed++) {
    const life = playMapping(kind as SourceKind, seed, size!);
    lives += 1;
    for (const name of Object.keys(sums) as (keyof MappingLife)[]) sums[name] += life[name];
  }
  const { user, system } = process.cpuUsage();
  process.stdout.write(JSON.stringify({ lives, ...sums, cpuSeconds: (user + system) / 1e6 }));
}

main();

import { playStream } from '../../lambda/stream-consumer/deliveries';

/** Plays lives of streams until a number of records was delivered; prints the sums as JSON. Arguments: deliveries, first seed, records of a life. */
async function main(): Promise<void> {
  const [wanted, firstSeed, size] = process.argv.slice(2).map(Number);
  const sums = { lives: 0, records: 0, deliveries: 0, invocations: 0, readAhead: 0, answered: 0, deadLetters: 0 };
  const breaches: string[] = [];
  for (let seed = firstSeed!; sums.deliveries < wanted!; seed++) {
    const life = await playStream(seed, size!);
    sums.lives += 1;
    for (const name of ['records', 'deliveries', 'invocations', 'readAhead', 'answered', 'deadLetters'] as const) {
      sums[name] += life[name];
    }
    breaches.push(...life.breaches.map((breach) => `seed ${seed}: ${breach}`));
  }
  const { user, system } = process.cpuUsage();
  process.stdout.write(JSON.stringify({ ...sums, breaches, cpuSeconds: (user + system) / 1e6 }));
}

void main();

import { playScenario } from '../../lambda/cost-guard/model';

// The deadlines of runs that died never come.
globalThis.setTimeout = (() => undefined) as unknown as typeof setTimeout;
globalThis.clearTimeout = () => undefined;

/** Violations after which the rest is not played. */
const MAX_VIOLATIONS = 20;

async function play(first: number, count: number): Promise<void> {
  const violations: string[] = [];
  let played = 0;
  for (; played < count && violations.length < MAX_VIOLATIONS; played++)
    violations.push(...(await playScenario(first + played)).map((law) => `seed ${first + played}: ${law}`));
  process.stdout.write(JSON.stringify({ played, violations }));
}

void play(Number(process.argv[2]), Number(process.argv[3]));

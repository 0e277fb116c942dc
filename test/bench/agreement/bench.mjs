// Agreement of a rehearsal with the local run: the same traffic through `tidegate local` and `tidegate simulate`, with the desired number of
// instances compared every 10 seconds. Baseline: a fleet that never scales.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const project = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const trace = resolve(process.env.TRACE ?? join(project, '../shared/traces/azure-llm-2023-conv.csv'));
const seed = process.env.SEED ?? '1';
if (!existsSync(trace)) {
  console.log(`skipped: ${trace} does not exist; name a trace with TRACE=FILE`);
  process.exit(0);
}

const scratch = mkdtempSync(join(tmpdir(), 'tidegate-agreement-'));
try {
  const quiet = { cwd: project, stdio: ['ignore', 'ignore', 'inherit'], maxBuffer: 1 << 28 };
  const tidegate = join(project, 'bin/tidegate.mjs');
  const out = join(scratch, 'local');
  execFileSync(
    'node',
    [tidegate, 'local', '--trace', trace, '--speed', '30', '--port', '0', '--seed', seed, '--out', out],
    quiet,
  );
  const assembly = join(scratch, 'cdk.out');
  execFileSync('npx', ['cdk', 'synth', '-q', '-c', 'stage=local', '-o', assembly], quiet);
  const template = readdirSync(assembly).find((name) => name.endsWith('.template.json'));
  // The stream retries a request until it completes, so none times out for good.
  const flags = ['--start-instances', '1', '--timeout', '3600', '--seed', seed, '--no-advice', '--json'];
  const json = execFileSync(
    'node',
    [tidegate, 'simulate', '--template', join(assembly, template), '--trace', trace, ...flags],
    {
      ...quiet,
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );

  const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'));
  const [rehearsal] = JSON.parse(json).rehearsals;
  const desiredLocally = (second) =>
    report.scaling.events.reduce((count, event) => (event.atSecond <= second ? event.to : count), 1);
  const moments = rehearsal.timeline.filter(({ second }) => second <= report.trafficSeconds);
  const measure = join(scratch, 'within.mjs');
  await build({
    entryPoints: [join(project, 'lib/simulation/agree/within.ts')],
    outfile: measure,
    format: 'esm',
    logLevel: 'error',
  });
  const { withinPercent } = await import(measure);
  const agreementPercent = (count) =>
    withinPercent(
      moments.map((moment) => [desiredLocally(moment.second), count(moment)]),
      1,
    );
  console.log(
    `local run   ${report.scaling.events.map(({ atSecond, to }) => `${Math.round(atSecond)} s: ${to}`).join(', ')}`,
  );
  console.log(`rehearsal   ${rehearsal.scaling.actions.map(({ second, to }) => `${second} s: ${to}`).join(', ')}`);
  console.log(`completed   ${report.requests.answered ?? '?'} locally, ${rehearsal.requests.completed} rehearsed`);
  console.log(
    `within one instance ${agreementPercent(({ desired }) => desired).toFixed(1)} % of the time (a fleet that stays at 1: ${agreementPercent(() => 1).toFixed(1)} %)`,
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

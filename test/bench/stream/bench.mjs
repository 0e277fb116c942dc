#!/usr/bin/env node
// Records through the local engine's stream to the deployed handler of an ingestion, aggregated as the Kinesis Producer Library does it, one in
// 1,000 bad: how many are answered, dead letters, lost, or have two outcomes, and how many a second there are.
//   npm run bench:stream -- [--records N] [--seconds N] [--json]
// Fails unless in = answered + dead-lettered, each once.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { setUp } from '../../../bin/setup.mjs';
import { workFolder } from '../work-folder.mjs';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
// As deep as the sources, whose paths of assets are relative.
const outfile = path.join(workFolder('stream'), 'bench.js');
const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '7200' },
    json: { type: 'boolean', default: false },
  },
});

await setUp();
await build({
  absWorkingDir: projectDirectory,
  entryPoints: ['test/bench/stream/stream-bench.ts'],
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  logLevel: 'silent',
  outfile,
});
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-bench-'));
try {
  const { status } = spawnSync(process.execPath, [outfile, projectDirectory, folder, values.records, values.seconds], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error('the run failed');
  const result = JSON.parse(fs.readFileSync(path.join(folder, 'result.json'), 'utf8'));
  console.log(JSON.stringify(result, null, values.json ? 0 : 2));
  const isWhole = result.in === Number(values.records) && result.in === result.answered + result.deadLettered;
  if (!isWhole || result.twice + result.unknown + result.deniedCalls > 0) process.exitCode = 1;
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

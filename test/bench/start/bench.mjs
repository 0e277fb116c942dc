// CPU seconds until a command has printed its help: user and system time of the whole process, the median of several runs.
//   npm run bench:start
//   npm run bench:start -- --node PATH    another Node.js
// The exit code is 1 where a command takes more than the limit.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setUp } from '../../../bin/setup.mjs';

const LIMIT_SECONDS = 0.4;
const RUNS = 5;
const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const { values } = parseArgs({ options: { node: { type: 'string', default: process.execPath } } });

/** The process writes its own times at its end: nothing outside it knows them on every system. */
const REPORT = `process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  require('node:fs').writeFileSync(process.env.TIDEGATE_BENCH_FILE, String((user + system) / 1e6));
});`;

await setUp();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-bench-'));
try {
  const hook = path.join(folder, 'report.cjs');
  fs.writeFileSync(hook, REPORT);
  const own = ['--require', hook, path.join(projectDirectory, 'bin', 'tidegate.mjs')];
  const nothing = median(['--require', hook, '--eval', '0']);
  const { stdout } = spawnSync(values.node, [...own, 'completion', 'bash'], { encoding: 'utf8', env: environment() });
  const commands = [...stdout.matchAll(/^ {4}'(.+)'\)$/gm)].map(([, name]) => name.split(' '));
  const rows = [['--version'], ['--help'], ...commands.map((names) => [...names, '--help'])].map((args) => [
    args.join(' '),
    median([...own, ...args]),
  ]);
  console.log(`CPU seconds to start on ${os.cpus()[0].model}, ${values.node}: ${nothing.toFixed(2)} for Node.js alone`);
  for (const [name, seconds] of rows) console.log(`${seconds.toFixed(2)}  tidegate ${name}`);
  const slowest = rows.reduce((most, row) => (row[1] > most[1] ? row : most));
  console.log(`slowest: tidegate ${slowest[0]}, ${slowest[1].toFixed(2)} s (limit ${LIMIT_SECONDS} s)`);
  process.exitCode = slowest[1] > LIMIT_SECONDS ? 1 : 0;
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

function environment() {
  return { ...process.env, XDG_CACHE_HOME: folder, TIDEGATE_BENCH_FILE: path.join(folder, 'seconds') };
}

/** Median of the runs after a first one, which fills caches. */
function median(args) {
  const seconds = Array.from({ length: RUNS + 1 }, () => {
    const { status, stderr } = spawnSync(values.node, args, { encoding: 'utf8', env: environment() });
    if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
    return Number(fs.readFileSync(path.join(folder, 'seconds'), 'utf8'));
  });
  return seconds.slice(1).sort((a, b) => a - b)[Math.floor(RUNS / 2)];
}

// Rate of false alarms and delay of true ones of the drift monitor's comparison, over traffic of many seeds.
import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const directory = path.dirname(fileURLToPath(import.meta.url));
const assets = path.join(directory, '../../../lib/drift/assets');
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    hours: { type: 'string', default: '24' },
    rows: { type: 'string', default: '300' },
  },
});
const { seeds, hours, rows } = values;

const started = performance.now();
const output = execFileSync(
  process.env.PYTHON ?? 'python3',
  [path.join(directory, 'play.py'), assets, '--seeds', seeds, '--hours', hours, '--rows', rows],
  { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 },
);
const played = JSON.parse(output);

console.log(
  `${played.seeds} seeds, ${played.hours} hours without a drift, ${rows} requests an hour, 3 columns and the confidence`,
);
console.log(
  `false alarms: ${played.falseHours} of ${played.hours} hours, ${played.seedsWithAlarm} of ${played.seeds} seeds`,
);
for (const [drift, delays] of Object.entries(played.delays)) {
  const found = delays.filter((delay) => delay !== null).sort((a, b) => a - b);
  const at = (share) => (found[Math.min(found.length - 1, Math.floor(share * found.length))] ?? NaN).toFixed(2);
  const within = found.filter((delay) => delay <= 2.25).length;
  console.log(
    `${drift}: found in ${found.length} of ${delays.length}, within 2.25 h in ${within}; hours to the alarm: median ${at(0.5)}, 99 % ${at(0.99)}`,
  );
}
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);

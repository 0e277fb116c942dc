// Thread beside the tests of a change: ends their process once it has used more processor time than they may, which a busy machine does not
// change. Stryker then starts another process, which finds the file that says so.
import * as fs from 'node:fs';
import { parentPort } from 'node:worker_threads';

const INTERVAL_MILLISECONDS = 200;

const processorSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

let current;
parentPort.on('message', (change) => {
  current = change && { ...change, end: processorSeconds() + change.processorSeconds };
});

setInterval(() => {
  if (current === undefined || processorSeconds() < current.end) return;
  fs.writeFileSync(current.stopped, '');
  process.kill(process.pid, 'SIGKILL');
}, INTERVAL_MILLISECONDS);

import * as fs from 'node:fs';
import { RequestEngine } from '../../../lib/simulation/fleet';
import { listSource } from '../../../lib/simulation/fleet/engine/request-list';
import { FastRandom } from '../../../lib/simulation/random';

/**
 * The request engine on a queue of fixed size. Arguments: instances, slots, requests per second, mean service in seconds, requests, and a
 * file to which arrivals and service times are written, for another program to play the same ones. Output is that of `simpy_queue.py`.
 */
const [instances, slots, rate, meanService, requests] = process.argv.slice(2, 7).map(Number) as [
  number,
  number,
  number,
  number,
  number,
];
const file = process.argv[7];

const random = new FastRandom('bench');
const at = new Float64Array(requests);
const service = new Float64Array(requests);
let now = 0;
for (let index = 0; index < requests; index++) {
  now += random.exponential() / rate;
  at[index] = now;
  service[index] = meanService * random.exponential();
}
if (file !== undefined) {
  fs.writeFileSync(file, Buffer.concat([Buffer.from(at.buffer), Buffer.from(service.buffer)]));
}

const engine = new RequestEngine({
  pools: [{ instanceType: 'any', priority: 1 }],
  slotsPerInstance: slots,
  provisioning: () => 0,
  requestTimeoutSeconds: Infinity,
  requestsPerSecond: rate,
});
engine.setDesired(instances, true);
const began = performance.now();
engine.run(listSource({ at, service }), now + 1e3 * meanService);
const seconds = (performance.now() - began) / 1000;
const { arrived, waitSum } = engine.takeSpan();
process.stdout.write(
  `${JSON.stringify({ requests: arrived, seconds, requestsPerSecond: arrived / seconds, meanWaitSeconds: waitSum / arrived })}\n`,
);

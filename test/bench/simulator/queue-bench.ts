import { FastRandom } from '../../../lib/simulation/random';
import { RequestEngine } from '../../../lib/simulation/fleet';
import { PoissonSource } from '../../simulation/rehearse/generated-requests';

/** The request engine on a queue of fixed size; arguments and output are those of `simpy_queue.py`. */
const [instances, slots, rate, meanService, requests] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
  number,
];

const engine = new RequestEngine({
  pools: [{ instanceType: 'any', priority: 1 }],
  slotsPerInstance: slots,
  provisioning: () => 0,
  requestTimeoutSeconds: Infinity,
  requestsPerSecond: rate,
});
engine.setDesired(instances, true);
const source = new PoissonSource(rate, new FastRandom('bench'), (random) => meanService * random.exponential());
const began = performance.now();
engine.run(source, requests / rate);
const seconds = (performance.now() - began) / 1000;
const { arrived, waitSum } = engine.takeSpan();
process.stdout.write(
  `${JSON.stringify({ requests: arrived, seconds, requestsPerSecond: arrived / seconds, meanWaitSeconds: waitSum / arrived })}\n`,
);

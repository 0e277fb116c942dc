import { InvokeConnection } from '../load/direct-sender';
import { endpointOf, instancesOf, until, type Facts, type Stage } from './act';
import { LiveLoad, requestBody } from './live-load';

const TIMEOUT_MS = 30_000;
/** Local seconds between two tries of the request that finds no copy. */
const RETRY_SECONDS = 5;

/** A model on a shared endpoint: copies and instances out under traffic, both to zero without, and woken by a request that tries again. */
export async function componentAct(stage: Stage): Promise<Facts> {
  const { platform, outputs, signal } = stage;
  const name = outputs.SharedEndpointName;
  const connection = new InvokeConnection(platform.invokeUrl, name, TIMEOUT_MS, outputs.ComponentName);
  const copies = (): number =>
    endpointOf(stage, name).components.find((one) => one.name === outputs.ComponentName)!.inServiceCopies;
  try {
    const load = new LiveLoad('component', platform.clock, (body) => connection.invoke(body), signal);
    load.setCallers(14);
    await until(stage, 'the component has two copies', 3600, () => copies() >= 2);
    const [peakCopies, peakInstances] = [copies(), instancesOf(stage, name)];
    await load.stop();
    if (load.failures.length > 0) throw new Error(`${load.failures.length} of ${load.sent} requests failed`);
    await until(stage, 'the component is at zero copies', 3600, () => copies() === 0);
    await until(stage, 'its endpoint is at zero instances', 3600, () => instancesOf(stage, name) === 0);

    const startedAt = platform.clock.now();
    let refusals = 0;
    await until(stage, 'the request that woke it is answered', 1800, async () => {
      const { statusCode } = await connection.invoke(requestBody('waking', platform.clock.now()));
      if (statusCode === 200) return true;
      refusals++;
      await platform.clock.sleep(RETRY_SECONDS, signal);
      return false;
    });
    const wokeInSeconds = Math.round(platform.clock.now() - startedAt);
    return {
      requests: load.sent + 1,
      answered: load.answered + 1,
      peakCopies,
      peakInstances,
      wokeInSeconds,
      triesRefusedMeanwhile: refusals,
    };
  } finally {
    connection.close();
  }
}

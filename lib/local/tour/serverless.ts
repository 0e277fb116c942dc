import { InvokeConnection } from '../load/direct-sender';
import type { ServerlessSnapshot } from '../sidecar/snapshot';
import { endpointOf, until, type Facts, type Stage } from './act';
import { LiveLoad } from './live-load';

const TIMEOUT_MS = 30_000;

/** The serverless endpoint: its provisioned concurrency follows the traffic, out and in. */
export async function serverlessAct(stage: Stage): Promise<Facts> {
  const { platform, outputs, signal } = stage;
  const name = outputs.ServerlessEndpointName;
  const state = (): ServerlessSnapshot => endpointOf(stage, name).variants[0]!.serverless!;
  const connection = new InvokeConnection(platform.invokeUrl, name, TIMEOUT_MS);
  try {
    const load = new LiveLoad('serverless', platform.clock, (body) => connection.invoke(body), signal);
    load.setCallers(4);
    let peak = 1;
    await until(stage, 'four provisioned environments', 3600, () => {
      peak = Math.max(peak, state().readyProvisionedConcurrency);
      return peak >= 4;
    });
    await load.stop();
    if (load.failures.length > 0) throw new Error(`${load.failures.length} of ${load.sent} requests failed`);
    await until(stage, 'one provisioned environment', 3600, () => state().readyProvisionedConcurrency === 1);
    const { coldStarts, throttled } = state();
    return {
      requests: load.sent,
      answered: load.answered,
      peakProvisionedConcurrency: peak,
      endedAt: 1,
      coldStarts,
      throttled,
    };
  } finally {
    connection.close();
  }
}

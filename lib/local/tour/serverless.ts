import { InvokeConnection } from '../deploy/invoke';
import type { ServerlessSnapshot } from '../../emulator/snapshot';
import { endpointOf, until, type TourContext, type TourResults } from './context';
import { ClosedLoopLoad } from './closed-loop-load';

const TIMEOUT_MS = 30_000;

/** Scales the provisioned concurrency of the serverless endpoint out and in with the traffic. */
export async function serverlessStep(context: TourContext): Promise<TourResults> {
  const { platform, outputs, signal } = context;
  const name = outputs.ServerlessEndpointName;
  const state = (): ServerlessSnapshot => endpointOf(context, name).variants[0]!.serverless!;
  const connection = new InvokeConnection(platform.invokeUrl, name, TIMEOUT_MS);
  try {
    const load = new ClosedLoopLoad('serverless', platform.clock, (body) => connection.invoke(body), signal);
    load.setCallers(4);
    let peak = 1;
    await until(context, 'four provisioned environments', 3600, () => {
      peak = Math.max(peak, state().readyProvisionedConcurrency);
      return peak >= 4;
    });
    await load.stop();
    if (load.failures.length > 0) throw new Error(`${load.failures.length} of ${load.sent} requests failed`);
    await until(context, 'one provisioned environment', 3600, () => state().readyProvisionedConcurrency === 1);
    const { coldStarts, throttled } = state();
    return {
      requests: load.sent,
      answered: load.answered,
      peakProvisionedConcurrency: peak,
      finalProvisionedConcurrency: 1,
      coldStarts,
      throttled,
    };
  } finally {
    connection.close();
  }
}

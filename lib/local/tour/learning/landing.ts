import { LEARNING_TOUR } from '../../../platform/contract';
import { InvokeConnection } from '../../deploy/invoke';
import { endpointOf, until, type TourResults } from '../context';
import { land, putRows } from './landed';
import { LiveTraffic } from './live-traffic';
import type { LearningContext, LearningProgress } from './progress';
import { FIRST_LABELS, generateRows, percent } from './rows';

const REQUESTS = 1600;
const FROZEN_ROWS = 800;
const CALIBRATION_ROWS = 1600;
/** Rows that live traffic asks for. */
const LIVE_ROWS = 400;
const INVOKE_TIMEOUT_MS = 30_000;

/** Sends requests through the stream to the first model: their results and copies land in S3, and their labels become known. */
export async function landingStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  const { platform, seed } = context;
  await platform.enforceIam();
  await until(context, 'the endpoint is in service', 3600, () => {
    return endpointOf(context, LEARNING_TOUR.endpointName).status === 'InService';
  });
  const rows = (prefix: string, count: number) => generateRows(seed, FIRST_LABELS, { count, prefix });
  await putRows(context, `${LEARNING_TOUR.frozenPrefix}rows.jsonl`, rows('frozen', FROZEN_ROWS));
  await putRows(context, `${LEARNING_TOUR.calibrationPrefix}rows.jsonl`, rows('calibration', CALIBRATION_ROWS));
  const landed = await land(context, rows('first', REQUESTS));

  const connection = new InvokeConnection(platform.invokeUrl, LEARNING_TOUR.endpointName, INVOKE_TIMEOUT_MS);
  const traffic = new LiveTraffic(connection, rows('live', LIVE_ROWS));
  progress.set('traffic', traffic);
  progress.atEnd(() => traffic.stop());
  return {
    summary:
      `${landed.answered} of ${landed.requests} requests through the stream have a result, ${landed.captured} a captured copy; ` +
      `the first model gave ${percent(landed.accuracy)} the right label`,
    requests: landed.requests,
    answered: landed.answered,
    deadLetters: landed.deadLetters,
    captured: landed.captured,
    accuracyOfTheFirstModel: landed.accuracy,
  };
}

import type { EpochSeconds } from '../../core/time';
import {
  componentMetrics,
  FOLLOWING_UTILIZATION_METRICS,
  namedForComponents,
  type QuietMetrics,
} from '../../simulation/aws/sagemaker-metrics';
import type { Random } from '../../simulation/random';
import type { EmulatedComponent } from '../sagemaker/components/inference-component';
import { loadOf, overheadOf } from './endpoint-metrics';
import { applyTable, type Measurement, measurements } from './measurement';

/** Metrics that SageMaker publishes of one inference component for a span that has ended. */
export function measureComponent(
  { name, copies }: EmulatedComponent,
  fromSeconds: EpochSeconds,
  toSeconds: EpochSeconds,
  random: Random,
  quiet: QuietMetrics,
): Measurement[] {
  const { all, refused } = copies.drainMetrics(toSeconds);
  const load = loadOf(all, refused, 1);
  const statistics = {
    ...applyTable(componentMetrics(quiet), load),
    ...overheadOf(load, random),
    ...applyTable(namedForComponents(FOLLOWING_UTILIZATION_METRICS), load),
  };
  return measurements(statistics, { InferenceComponentName: name }, fromSeconds);
}

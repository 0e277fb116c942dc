import { LEARNING_TOUR_STATES } from '../../../platform/contract';
import type { TourPlan } from '../plan';
import { driftStep } from './drift';
import { driftEdgeStep, edgeStep } from './edge';
import { landingStep } from './landing';
import { compressionStep, driftCompressionStep, trainingStep } from './models';
import { LEARNING_OUTPUTS, type LearningContext, type LearningOutput, LearningProgress } from './progress';
import { driftRolloutStep, gateStep, rolloutStep } from './versions';

/**
 * A model that learns from the requests of its endpoint, is compressed, tried, and rolled out to the endpoint and to devices, until a drift of the traffic
 * starts the next training, whose model takes the same way. Each step takes what those before it made.
 */
export function learningTour(): TourPlan<LearningOutput> {
  const progress = new LearningProgress();
  const step = (
    id: string,
    title: string,
    take: (context: LearningContext, progress: LearningProgress) => ReturnType<typeof landingStep>,
  ) => ({
    id,
    title,
    run: (context: LearningContext) => take(context, progress),
  });
  return {
    states: LEARNING_TOUR_STATES,
    outputs: LEARNING_OUTPUTS,
    groups: [
      [step('landing', 'Requests', landingStep)],
      [step('training', 'Distributed training', trainingStep)],
      [step('compression', 'Compression', compressionStep)],
      [step('gate', 'Gate', gateStep)],
      [step('rollout', 'Rollout', rolloutStep)],
      [step('edge', 'Edge device', edgeStep), step('drift', 'Drift', driftStep)],
      [step('drift-compression', 'Compression after the drift', driftCompressionStep)],
      [step('drift-rollout', 'Rollout after the drift', driftRolloutStep)],
      [step('drift-edge', 'Edge device after the drift', driftEdgeStep)],
    ],
    withLearning: true,
    summaryOf: ({ summary }) => String(summary),
    success: 'Every step went as expected',
    close: () => progress.close(),
  };
}

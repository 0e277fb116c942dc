import { LEARNING_TOUR_STATES } from '../../../platform/contract';
import type { TourPlan } from '../plan';
import { compressionStep, trainingStep } from './models';
import { LEARNING_OUTPUTS, type LearningOutput, LearningProgress } from './progress';
import { gateStep, rolloutStep, servingStep } from './versions';

/** A model that is trained, compressed, tried and rolled out: each step takes what those before it made. */
export function learningTour(): TourPlan<LearningOutput> {
  const progress = new LearningProgress();
  return {
    states: LEARNING_TOUR_STATES,
    outputs: LEARNING_OUTPUTS,
    steps: [
      { id: 'training', title: 'Distributed training', run: (context) => trainingStep(context, progress) },
      { id: 'compression', title: 'Compression', run: (context) => compressionStep(context, progress) },
      { id: 'serving', title: 'Serving', run: (context) => servingStep(context, progress) },
      { id: 'gate', title: 'Gate', run: (context) => gateStep(context, progress) },
      { id: 'rollout', title: 'Rollout', run: (context) => rolloutStep(context, progress) },
    ],
    isParallel: false,
    withLearning: true,
    summaryOf: ({ summary }) => String(summary),
    success: 'Every step went as expected',
    close: () => progress.close(),
  };
}

import { ENDPOINT_TOUR_STATES } from '../../platform/contract';
import { asynchronousStep } from './asynchronous';
import { componentStep } from './component';
import { ENDPOINT_OUTPUTS, type EndpointOutput } from './context';
import type { TourPlan } from './plan';
import { realTimeStep } from './real-time';
import { serverlessStep } from './serverless';

/**
 * One endpoint of every kind: each scales out, in and, where possible, to zero and from zero. The real-time endpoint gets other instance types and
 * versions, good and bad, under live traffic.
 */
export const ENDPOINT_TOUR: TourPlan<EndpointOutput> = {
  states: ENDPOINT_TOUR_STATES,
  outputs: ENDPOINT_OUTPUTS,
  groups: [
    [
      { id: 'real-time', title: 'Real-time endpoint', run: realTimeStep },
      { id: 'asynchronous', title: 'Asynchronous endpoint', run: asynchronousStep },
      { id: 'component', title: 'Inference component', run: componentStep },
      { id: 'serverless', title: 'Serverless endpoint', run: serverlessStep },
    ],
  ],
  withLearning: false,
  summaryOf: (results) => `${results['answered']} of ${results['requests']} requests answered`,
  success: 'Every endpoint behaved as expected',
};

import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { CapacityForecaster, IScalableFleet, ScaleEvents } from '../scaling';
import { deadLetterAlarms, handlerAlarms } from './handler-alarms';
import type { AlarmSet } from './alarm-set';

/** More than twice the start-up of an instance with an uncached image (median 525 s). */
const MISSING_INSTANCES_MINUTES = 20;

/**
 * Minutes in which the missing ones are counted. An attempt that SageMaker gives up returns the desired count to the current one until the
 * next attempt, so that attempts which fail one after the other are never without a break.
 */
const MISSING_INSTANCES_RANGE_MINUTES = 30;

const FAILURE_PERIOD_MINUTES = 5;

/**
 * Minutes in which two failures set off an alarm: twice the longest attempt, a provisioning, a download and a start-up of 600 s each and
 * what is lost between them. Each failure counts when it is known, at the end of its attempt.
 */
const FAILURE_RANGE_MINUTES = 90;

/** Evaluation of an alarm on failed attempts. */
const TWO_FAILURES = {
  threshold: 1,
  evaluationPeriods: FAILURE_RANGE_MINUTES / FAILURE_PERIOD_MINUTES,
  datapointsToAlarm: 2,
  treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
};

const { MISSING, NOT_BREACHING } = cloudwatch.TreatMissingData;

/** Returns the alarms of the scaling of a fleet by id. */
export function scalingAlarms(scaleEvents: ScaleEvents, fleet: IScalableFleet): AlarmSet {
  return {
    CapacityErrors: {
      metric: scaleEvents.metricCapacityErrors(fleet, { period: Duration.minutes(FAILURE_PERIOD_MINUTES) }),
      ...TWO_FAILURES,
      runbook: {
        meaning: `The fleet cannot scale out: two attempts within ${FAILURE_RANGE_MINUTES} minutes found no capacity for its instance types, or the quota used up.`,
        lookAt: 'The reasons in the table of scale events: InsufficientInstanceCapacity or ResourceLimitExceeded.',
        whatToDo: 'For capacity, add an instance type to the pools. For quota, request more in Service Quotas.',
      },
    },
    ScalingFailures: {
      metric: scaleEvents.metricScalingFailures(fleet, { period: Duration.minutes(FAILURE_PERIOD_MINUTES) }),
      ...TWO_FAILURES,
      runbook: {
        meaning: `Two scaling activities within ${FAILURE_RANGE_MINUTES} minutes failed for another reason than capacity; the fleet keeps its size.`,
        lookAt: 'The reasons in the table of scale events, and the status of the endpoint.',
        whatToDo:
          'While the endpoint is updating, wait. After UpdateRollbackFailed, deploy again. Otherwise check the service-linked role.',
      },
    },
    ...stateAlarms(scaleEvents, fleet),
    ...handlerAlarms('ScaleEvents', scaleEvents.handler, 'Scale events are not recorded; scaling is not affected.'),
    ...deadLetterAlarms('ScaleEvents', scaleEvents.deadLetterQueue, {
      meaning: 'Events of the fleet could not be delivered to their handler, or the handler failed on them.',
      lookAt: 'The messages in the dead-letter queue; the attributes of each have the error.',
      whatToDo: 'Correct the error, then delete the messages: the handler reads scaling activities every minute.',
    }),
  };
}

/** Alarms on desired instances that do not start, on rollbacks and on configuration drift. */
function stateAlarms(scaleEvents: ScaleEvents, fleet: IScalableFleet): AlarmSet {
  if (fleet.stateSource === undefined) return {};
  const missingInstances: AlarmSet = {
    MissingInstances: {
      metric: scaleEvents.metricCapacityGap(fleet, { statistic: cloudwatch.Stats.MINIMUM }),
      threshold: 1,
      evaluationPeriods: MISSING_INSTANCES_RANGE_MINUTES,
      datapointsToAlarm: MISSING_INSTANCES_MINUTES,
      treatMissingData: MISSING,
      runbook: {
        meaning:
          `In ${MISSING_INSTANCES_MINUTES} of ${MISSING_INSTANCES_RANGE_MINUTES} minutes desired instances were not in service: a start-up takes ` +
          'longer than any should, or attempts fail one after the other.',
        lookAt:
          'Scale events of kind capacity-error; without one, the log of the newest instance: a download or a health check that ' +
          'does not end.',
        whatToDo:
          'Without capacity, add an instance type to the pools, or a reservation. For quota, request more in Service Quotas. For a ' +
          'start-up that hangs, deploy the previous version.',
      },
    },
  };
  if (fleet.stateSource.declaredConfigName === undefined) return missingInstances;
  return {
    ...missingInstances,
    RolloutRolledBack: {
      metric: scaleEvents.metricRollbacks(fleet),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning:
          'The rollout of a new version failed, and the endpoint is rolled back to the previous version, which stays in service.',
        lookAt:
          'The failure reason of the endpoint, the two alarms of the rollout, and the log of the newest instances: a health check ' +
          'that does not end, errors, latency, or no capacity for the new instances.',
        whatToDo:
          'Correct the version and deploy again. After UpdateRollbackFailed deploy immediately: both versions may be in service.',
      },
    },
    ConfigurationDrift: {
      metric: scaleEvents.metricConfigurationDrift(fleet),
      threshold: 1,
      evaluationPeriods: 5,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning:
          'The endpoint runs another configuration than the deployed one: a rollout was rolled back, or the endpoint was changed ' +
          'manually. The deployment itself may have succeeded.',
        lookAt:
          'The failure reason of the endpoint, its state changes in the scale events, and the two alarms of the rollout.',
        whatToDo:
          'Correct the version and deploy again, or deploy the previous version, so that stack and endpoint agree. After ' +
          'UpdateRollbackFailed deploy immediately: both versions may be in service.',
      },
    },
  };
}

/** Returns the alarms of a capacity forecaster by id. */
export function forecasterAlarms(forecaster: CapacityForecaster): AlarmSet {
  return {
    ...handlerAlarms('Forecast', forecaster.handler, 'The forecaster fails; the scaling policies work without it.'),
    ...deadLetterAlarms('Forecast', forecaster.deadLetterQueue, {
      meaning: 'Evaluations of the forecaster failed; an active forecaster leaves its last minimum in force.',
      lookAt: 'The messages in the dead-letter queue and the last error in the log of the handler.',
      whatToDo:
        'Correct the error, then delete the messages: the next evaluation covers every minute since the last one. If the last ' +
        'minimum is too high meanwhile, set MinCapacity manually.',
    }),
  };
}

import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { CostGuard } from '../cost';
import type { IAsyncEndpoint, IGpuEndpoint, IModelComponent, IServerlessEndpoint } from '../inference';
import type { StreamIngestion } from '../ingestion';
import type { CapacityForecaster, IScalableFleet, ScaleEvents } from '../scaling';
import { asyncEndpointAlarms } from './async-endpoint-alarms';
import type {
  AsyncEndpointAlarmsProps,
  ModelComponentAlarmsProps,
  ServerlessEndpointAlarmsProps,
} from './fleet-alarms-props';
import { modelComponentAlarms } from './model-component-alarms';
import { RunbookAlarm, type RunbookAlarmProps } from './runbook-alarm';
import { serverlessEndpointAlarms } from './serverless-endpoint-alarms';

/** Properties of {@link PlatformAlarms}. */
export interface PlatformAlarmsProps {
  /** Who is told. */
  readonly topic: sns.ITopic;
}

/** When the alarms of an endpoint go off. */
export interface EndpointAlarmsProps {
  /**
   * The share of requests that fail as the server's fault, above 0 and at most 1.
   *
   * @default 0.05
   */
  readonly maxErrorRate?: number;

  /**
   * The time the model takes for a request, on average.
   *
   * @default Duration.seconds(20)
   */
  readonly maxModelLatency?: Duration;

  /**
   * How long each instance may have more requests than it was tested with. A scale-out takes minutes, so keep it longer than that.
   *
   * @default Duration.minutes(15)
   */
  readonly maxOverload?: Duration;
}

/** Twice and more what an instance with an uncached image takes (median 525 s). */
const MISSING_INSTANCES_MINUTES = 20;

const { MISSING, NOT_BREACHING, BREACHING } = cloudwatch.TreatMissingData;

/**
 * The alarms of a platform, each with a runbook entry.
 *
 * Creates nothing by itself; each verb adds the alarms of one part.
 *
 * @example
 * const alarms = new monitoring.PlatformAlarms(this, 'Alarms', { topic: guard.topic });
 * alarms.watchEndpoint(endpoint);
 */
export class PlatformAlarms extends Construct {
  /** The alarms added so far. */
  public readonly alarms: RunbookAlarm[] = [];

  private readonly topic: sns.ITopic;

  public constructor(scope: Construct, id: string, props: PlatformAlarmsProps) {
    super(scope, id);
    this.topic = props.topic;
  }

  /** Errors, latency, and more requests than the instances were tested with. */
  public watchEndpoint(endpoint: IGpuEndpoint, props: EndpointAlarmsProps = {}): void {
    const maxErrorRate = props.maxErrorRate ?? 0.05;
    const maxModelLatency = props.maxModelLatency ?? Duration.seconds(20);
    const overloadMinutes = (props.maxOverload ?? Duration.minutes(15)).toMinutes();
    this.add('EndpointErrors', {
      metric: endpoint.metric5xx({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxErrorRate,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `At least ${maxErrorRate * 100} % of the requests to the endpoint fail as the server's fault.`,
        lookAt:
          'The log group /aws/sagemaker/Endpoints/<endpoint> and the last rollout. One sick instance among healthy ones shows ' +
          'as a steady share of errors (GPU lost, XID in the log).',
        whatToDo:
          'After a rollout, deploy the version before. For a sick instance, raise the minimum by one and lower it again, so that ' +
          'it is replaced.',
      },
    });
    this.add('EndpointLatency', {
      metric: endpoint.metricModelLatency({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxModelLatency.toMilliseconds() * 1000,
      evaluationPeriods: 5,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `A request takes the model ${maxModelLatency.toHumanString()} or longer on average; at 60 seconds it fails.`,
        lookAt: 'Demand against capacity on the dashboard, then tokens per request, then the use of the GPUs.',
        whatToDo:
          'If instances are full, see the alarm on capacity. If not, requests have become longer: lower the target concurrency ' +
          'per instance, or load-test again.',
      },
    });
    this.add('CapacityGap', {
      metric: endpoint.metricConcurrencyPerInstance({ statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: endpoint.maxConcurrencyPerInstance,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: overloadMinutes,
      treatMissingData: MISSING,
      runbook: {
        meaning:
          `For ${overloadMinutes} minutes an instance has had more than the ${endpoint.maxConcurrencyPerInstance} concurrent requests ` +
          'it was tested with: requests queue and the fleet does not catch up.',
        lookAt:
          'Instances against their maximum on the dashboard. At the maximum: who lowered it (level of the cost guard)? Below it: ' +
          'scale events of kind capacity-error, and the quota of the instance type.',
        whatToDo:
          'At the maximum, raise it, or the budget if the guard holds it. Without capacity, add a further instance type to the ' +
          'pools or ask for quota.',
      },
    });
  }

  /** Work that waits without any instance, requests that wait too long, fail or expire, and answers that are lost. */
  public watchAsyncEndpoint(endpoint: IAsyncEndpoint, props: AsyncEndpointAlarmsProps = {}): void {
    this.addAll(asyncEndpointAlarms(endpoint, props));
  }

  /** Errors, latency, more requests than the copies were tested with, and a model that does not come up from zero. */
  public watchModelComponent(component: IModelComponent, props: ModelComponentAlarmsProps = {}): void {
    this.addAll(modelComponentAlarms(component, props));
  }

  /** Errors, latency, all concurrency in use, and requests that find no provisioned concurrency where there is some. */
  public watchServerlessEndpoint(endpoint: IServerlessEndpoint, props: ServerlessEndpointAlarmsProps = {}): void {
    this.addAll(serverlessEndpointAlarms(endpoint, props));
  }

  /** Instances or quota lacking, scaling that fails, and a fleet that stays at its maximum. */
  public watchScaling(scaleEvents: ScaleEvents, fleet: IScalableFleet): void {
    this.add('CapacityErrors', {
      metric: scaleEvents.metricCapacityErrors(fleet, { period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'The fleet wants to grow, and the provider has no instances of its types, or the quota is used up.',
        lookAt: 'The reasons in the table of scale events: InsufficientInstanceCapacity or ResourceLimitExceeded.',
        whatToDo: 'For capacity, add another instance type to the pools. For quota, ask for more in Service Quotas.',
      },
    });
    this.add('ScalingFailures', {
      metric: scaleEvents.metricScalingFailures(fleet, { period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'Scaling activities fail for a reason other than capacity; the fleet stays at its size.',
        lookAt: 'The reasons in the table of scale events, and the state of the endpoint.',
        whatToDo:
          'While the endpoint is updating, wait. After UpdateRollbackFailed, deploy again. Else check the service-linked role.',
      },
    });
    this.watchState(scaleEvents, fleet);
    this.watchHandler('ScaleEvents', scaleEvents.handler, 'Scale events are not recorded; scaling itself goes on.');
    this.watchDeadLetters('ScaleEvents', scaleEvents.deadLetterQueue, {
      meaning: 'Events about the fleet could not be delivered to their handler, or it could not handle them.',
      lookAt: 'The messages in the dead-letter queue; each carries the error in its attributes.',
      whatToDo: 'Fix the error, then delete the messages: the handler reads scaling activities back every minute.',
    });
  }

  /** Replicas that are wanted and do not come, and a rollout that was taken back without anyone being told. */
  private watchState(scaleEvents: ScaleEvents, fleet: IScalableFleet): void {
    if (fleet.stateSource === undefined) return;
    this.add('MissingInstances', {
      metric: scaleEvents.metricCapacityGap(fleet, { statistic: cloudwatch.Stats.MINIMUM }),
      threshold: 1,
      evaluationPeriods: MISSING_INSTANCES_MINUTES,
      treatMissingData: MISSING,
      runbook: {
        meaning: `For ${MISSING_INSTANCES_MINUTES} minutes instances have been wanted that do not serve: more than any start takes.`,
        lookAt:
          'Scale events of kind capacity-error; without one, the log of the newest instance: a download or a health check that ' +
          'does not end.',
        whatToDo:
          'Without capacity, add a further instance type to the pools, or a reservation. For quota, ask for more in Service Quotas. ' +
          'For a start that hangs, deploy the version before.',
      },
    });
    if (fleet.stateSource.declaredConfigName === undefined) return;
    this.add('RolloutTakenBack', {
      metric: scaleEvents.metricRolloutsTakenBack(fleet),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning:
          'A new version did not stand its rollout, and the endpoint goes back to the version before. Requests are answered.',
        lookAt:
          'The failure reason of the endpoint, the two alarms of the rollout, and the log of the newest instances: a health check ' +
          'that does not end, errors, latency, or no capacity for the new instances.',
        whatToDo:
          'Mend the version and deploy again. After UpdateRollbackFailed deploy at once: both versions may be answering.',
      },
    });
    this.add('ConfigurationDrift', {
      metric: scaleEvents.metricConfigurationDrift(fleet),
      threshold: 1,
      evaluationPeriods: 5,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning:
          'The endpoint runs another configuration than the one that was deployed: a rollout was taken back, or someone changed the ' +
          'endpoint by hand. The deployment itself may look like a success.',
        lookAt:
          'The failure reason of the endpoint, its state changes among the scale events, and the two alarms of the rollout.',
        whatToDo:
          'Mend the version and deploy again, or deploy the version before, so that the stack says what runs. After ' +
          'UpdateRollbackFailed deploy at once: both versions may be answering.',
      },
    });
  }

  /** A forecaster that cannot look, whose fleet is then held by its policies and the last minimum. */
  public watchForecaster(forecaster: CapacityForecaster): void {
    this.watchHandler('Forecast', forecaster.handler, 'The forecaster cannot look; the policies scale alone.');
    this.watchDeadLetters('Forecast', forecaster.deadLetterQueue, {
      meaning: 'Looks of the forecaster were given up after their retries; where it is active, its last minimum stays.',
      lookAt: 'The messages in the dead-letter queue and the last error in the log of the handler.',
      whatToDo:
        'Fix the error, then delete the messages: the next look learns from every minute since the last. If the last minimum is ' +
        'too high meanwhile, set MinCapacity by hand.',
    });
  }

  /** Records that wait too long, records set aside, producers that are refused, and a consumer that fails. */
  public watchIngestion(ingestion: StreamIngestion): void {
    this.add('IteratorAge', {
      metric: ingestion.metricIteratorAge(),
      threshold: Duration.minutes(5).toMilliseconds(),
      evaluationPeriods: 5,
      treatMissingData: MISSING,
      runbook: {
        meaning:
          'The oldest record has waited 5 minutes or longer in the stream; records expire at the retention of the stream.',
        lookAt:
          'Demand against capacity of the endpoint, then errors and duration of the consumer, then its throttles.',
        whatToDo:
          'If the endpoint is full, let it grow. If the consumer is the limit, raise its concurrency, the parallelization factor ' +
          'or the number of shards.',
      },
    });
    this.add('DeadLetters', {
      metric: ingestion.metricDeadLetters({ period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'Records that can never be answered were set aside with their payload; the others go on.',
        lookAt: `The objects below ${ingestion.deadLettersPrefix} in the results bucket: each holds the record and the error.`,
        whatToDo: 'Fix the producer, or put the repaired records into the stream again, then delete the objects.',
      },
    });
    this.add('ThrottledPuts', {
      metric: ingestion.metricThrottledPuts(),
      threshold: 1,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'The stream refuses records of producers; those that do not retry lose them.',
        lookAt: 'Incoming bytes and records of the stream, and whether a few partition keys get most of them.',
        whatToDo: 'Add shards, or spread the keys. Make sure that producers retry the failed records of PutRecords.',
      },
    });
    this.watchHandler('Consumer', ingestion.consumer, 'Batches of the stream fail as a whole and are retried.');
  }

  /** Limits held by the guard, things it cannot see, silence, and a handler that fails. */
  public watchGuard(guard: CostGuard): void {
    this.add('GuardLimits', {
      metric: guard.metricLevel(),
      threshold: 2,
      evaluationPeriods: 1,
      treatMissingData: MISSING,
      runbook: {
        meaning:
          'The budget is nearly or wholly spent, and the cost guard keeps the fleets from growing or at their floor.',
        lookAt:
          'Spend against budget on the dashboard, and the records of the guard, which name the numbers and the limits.',
        whatToDo:
          'If the spend is wanted, raise the amount in the budget parameter: limits come back within a minute. If not, find the ' +
          'fleet or the training job that burns it.',
      },
    });
    this.add('GuardProblems', {
      metric: guard.metricProblems(),
      threshold: 1,
      evaluationPeriods: 5,
      treatMissingData: MISSING,
      runbook: {
        meaning: 'For 5 minutes the cost guard could not see, price or limit something; it charges what it last knew.',
        lookAt: 'The log of its handler: `problems` of the last look, and lines that begin with "cannot".',
        whatToDo: 'Add the missing price or permission, or repair the budget parameter; then deploy.',
      },
    });
    this.add('GuardSilence', {
      metric: guard.metricLevel({ statistic: cloudwatch.Stats.SAMPLE_COUNT, period: Duration.minutes(5) }),
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 2,
      treatMissingData: BREACHING,
      runbook: {
        meaning: 'For 10 minutes the cost guard has not looked: nothing keeps the spend within the budget.',
        lookAt: 'Errors and throttles of its handler, and whether its schedule is enabled.',
        whatToDo: 'Repair the handler. Until then watch the fleet yourself, or lower its maximum by hand.',
      },
    });
    this.watchHandler('Guard', guard.handler, 'Looks of the cost guard fail; the spend of that time is charged later.');
  }

  /** Training runs that fail. */
  public watchTraining(stateMachine: sfn.IStateMachine): void {
    this.add('TrainingFailures', {
      metric: stateMachine.metricFailed({ statistic: cloudwatch.Stats.SUM, period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'A training run has failed; the endpoint goes on serving the model it has.',
        lookAt: 'The failed execution of the state machine, then the log group /aws/sagemaker/TrainingJobs.',
        whatToDo:
          'Fix the cause and start the machine again: a run begins from what has landed, and repeats nothing else.',
      },
    });
  }

  /** Errors of a handler. */
  public watchHandler(id: string, handler: lambda.IFunction, meaning: string): void {
    this.add(`${id}HandlerErrors`, {
      metric: handler.metricErrors({ statistic: cloudwatch.Stats.SUM, period: Duration.minutes(1) }),
      threshold: 1,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning,
        lookAt: "The handler's log group: the last line of level error names the cause.",
        whatToDo:
          'AccessDenied: give the role the action named there. Time-outs: look at the service that answers late.',
      },
    });
  }

  private watchDeadLetters(id: string, queue: sqs.IQueue, runbook: RunbookAlarmProps['runbook']): void {
    this.add(`${id}DeadLetters`, {
      metric: queue.metricApproximateNumberOfMessagesVisible({
        statistic: cloudwatch.Stats.MAXIMUM,
        period: Duration.minutes(1),
      }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook,
    });
  }

  private addAll(alarms: { readonly [id: string]: RunbookAlarmProps }): void {
    for (const [id, props] of Object.entries(alarms)) this.add(id, props);
  }

  private add(id: string, props: RunbookAlarmProps): void {
    this.alarms.push(new RunbookAlarm(this, id, { ...props, topic: this.topic }));
  }
}

import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct, type IConstruct } from 'constructs';
import { InputError, throwProblems } from '../core/errors';
import type { CostGuard } from '../cost';
import type { EdgeFleet } from '../edge';
import type { DriftMonitor } from '../drift';
import type { IAsyncEndpoint, IGpuEndpoint, IInferenceComponent, IServerlessEndpoint } from '../inference';
import type { KafkaIngestion, ResultSink, ResultTable, StreamIngestion } from '../ingestion';
import type { ModelRollout } from '../rollout';
import type { CapacityForecaster, IScalableFleet, ScaleEvents } from '../scaling';
import type { TrainingTriggers } from '../training';
import type { AlarmSet } from './alarm-set';
import { asyncEndpointAlarms } from './async-endpoint-alarms';
import { edgeAlarms } from './edge-alarms';
import { endpointAlarms } from './endpoint-alarms';
import type {
  AsyncEndpointAlarmsProps,
  EndpointAlarmsProps,
  InferenceComponentAlarmsProps,
  ServerlessEndpointAlarmsProps,
} from './fleet-alarms-props';
import { guardAlarms } from './guard-alarms';
import { deadLetterAlarms, handlerAlarms } from './handler-alarms';
import { inferenceComponentAlarms } from './inference-component-alarms';
import { ingestionAlarms, kafkaIngestionAlarms } from './ingestion-alarms';
import type { Notifications } from './notifications';
import { notificationAlarms } from './notification-alarms';
import { resultSinkAlarms, resultTableAlarms } from './result-sink-alarms';
import { rolloutAlarms } from './rollout-alarms';
import { RunbookAlarm } from './runbook-alarm';
import { forecasterAlarms, scalingAlarms } from './scaling-alarms';
import { serverlessEndpointAlarms } from './serverless-endpoint-alarms';
import { driftAlarms } from './drift-alarms';
import { featureAlarms } from './feature-alarms';
import { trainingAlarms, trainingTriggersAlarms } from './training-alarms';
import { checkFleetAlarms } from './fleet-alarms-checks';

/** Properties of {@link PlatformAlarms}. */
export interface PlatformAlarmsProps {
  /** Topic for the notifications of all alarms. */
  readonly topic: sns.ITopic;
}

/**
 * Alarms of a platform, each with a runbook entry.
 *
 * Creates nothing by itself; each method adds the alarms of one part.
 *
 * @example
 * const alarms = new monitoring.PlatformAlarms(this, 'Alarms', { topic: guard.topic });
 * alarms.watchEndpoint(endpoint);
 */
export class PlatformAlarms extends Construct {
  /** Alarms that were added. */
  public readonly alarms: RunbookAlarm[] = [];

  private readonly topic: sns.ITopic;

  /** Paths of the watched parts by method. */
  private readonly watched = new Map<string, string>();

  public constructor(scope: Construct, id: string, props: PlatformAlarmsProps) {
    super(scope, id);
    this.topic = props.topic;
  }

  /** Adds alarms on errors, latency, and more concurrent requests on an instance than `maxConcurrencyPerInstance`. */
  public watchEndpoint(endpoint: IGpuEndpoint, props: EndpointAlarmsProps = {}): void {
    throwProblems(endpoint.node.path, checkFleetAlarms(props));
    this.add('watchEndpoint', endpoint, endpointAlarms(endpoint, props));
  }

  /** Adds alarms on a backlog without an instance, on requests that wait too long, fail or expire, and on lost responses. */
  public watchAsyncEndpoint(endpoint: IAsyncEndpoint, props: AsyncEndpointAlarmsProps = {}): void {
    throwProblems(endpoint.node.path, checkFleetAlarms(props));
    this.add('watchAsyncEndpoint', endpoint, asyncEndpointAlarms(endpoint, props));
  }

  /** Adds alarms on errors, latency, more concurrent requests on a copy than `maxConcurrencyPerCopy`, and a component that does not scale from zero. */
  public watchInferenceComponent(component: IInferenceComponent, props: InferenceComponentAlarmsProps = {}): void {
    throwProblems(component.node.path, checkFleetAlarms(props));
    this.add('watchInferenceComponent', component, inferenceComponentAlarms(component, props));
  }

  /** Adds alarms on errors, latency, exhausted concurrency, and requests beyond the provisioned concurrency where there is some. */
  public watchServerlessEndpoint(endpoint: IServerlessEndpoint, props: ServerlessEndpointAlarmsProps = {}): void {
    throwProblems(endpoint.node.path, checkFleetAlarms(props));
    this.add('watchServerlessEndpoint', endpoint, serverlessEndpointAlarms(endpoint, props));
  }

  /** Adds alarms on missing capacity or quota, failed scaling activities, missing instances, rollbacks and configuration drift. */
  public watchScaling(scaleEvents: ScaleEvents, fleet: IScalableFleet): void {
    this.add('watchScaling', fleet, scalingAlarms(scaleEvents, fleet));
  }

  /** Adds alarms on failed evaluations of the forecaster. */
  public watchForecaster(forecaster: CapacityForecaster): void {
    this.add('watchForecaster', forecaster, forecasterAlarms(forecaster));
  }

  /** Adds alarms on the age of records, dead letters, throttled producers, and errors of the consumer. */
  public watchIngestion(ingestion: StreamIngestion): void {
    this.add('watchIngestion', ingestion, ingestionAlarms(ingestion));
  }

  /** Adds alarms on the lag of a topic, dead letters, an endpoint that answers nothing, and errors of the consumer. */
  public watchKafkaIngestion(ingestion: KafkaIngestion): void {
    this.add('watchKafkaIngestion', ingestion, kafkaIngestionAlarms(ingestion));
  }

  /** Adds alarms on results that wait for their delivery, results that were given up, and errors of the deliverer. */
  public watchResultSink(sink: ResultSink): void {
    this.add('watchResultSink', sink, resultSinkAlarms(sink));
  }

  /** Adds alarms on results that wait for their row or are none, and those of the sink of the table. */
  public watchResultTable(table: ResultTable): void {
    this.add('watchResultTable', table, resultTableAlarms(table));
  }

  /** Adds alarms on limits set by the guard, problems of its evaluations, and a guard that does not run. */
  public watchGuard(guard: CostGuard): void {
    this.add('watchGuard', guard, guardAlarms(guard));
  }

  /** Adds an alarm on failed executions of a training pipeline. */
  public watchTraining(stateMachine: sfn.IStateMachine): void {
    this.add('watchTraining', stateMachine, trainingAlarms(stateMachine));
  }

  /** Adds alarms on decisions about training that failed, and on triggers that were not delivered. */
  public watchTrainingTriggers(triggers: TrainingTriggers): void {
    this.add('watchTrainingTriggers', triggers, trainingTriggersAlarms(triggers));
  }

  /** Adds alarms on versions that were rolled back or could not be judged in time, and on events that started no rollout. */
  public watchRollout(rollout: ModelRollout): void {
    this.add('watchRollout', rollout, rolloutAlarms(rollout));
  }

  /** Adds an alarm on failed executions of a Spark pipeline. */
  public watchFeatures(stateMachine: sfn.IStateMachine): void {
    this.add('watchFeatures', stateMachine, featureAlarms(stateMachine));
  }

  /** Adds alarms on missing devices, failed deployments, full stores, dropped results, and devices that ask the cloud for most requests. */
  public watchEdgeFleet(fleet: EdgeFleet): void {
    this.add('watchEdgeFleet', fleet, edgeAlarms(fleet));
  }

  /** Adds alarms on a drift, on hours that were not compared with the baseline, and on evaluations that failed or did not start. */
  public watchDrift(monitor: DriftMonitor): void {
    this.add('watchDrift', monitor, driftAlarms(monitor));
  }

  /** Adds alarms on notifications that a webhook did not accept; the other recipients get them. */
  public watchNotifications(notifications: Notifications): void {
    this.add('watchNotifications', notifications, notificationAlarms(notifications));
  }

  /**
   * Adds an alarm on errors of a function.
   *
   * @param id prefix of the alarm's id
   * @param handler function to watch
   * @param meaning consequence of the errors, for the runbook entry
   */
  public watchHandler(id: string, handler: lambda.IFunction, meaning: string): void {
    this.add(`watchHandler (${id})`, handler, handlerAlarms(id, handler, meaning));
  }

  /**
   * Adds an alarm on messages of a dead-letter queue, such as those of the schedule of a pipeline.
   *
   * @param id prefix of the alarm's id
   * @param queue queue that should be empty
   * @param meaning what did not happen for each of its messages, for the runbook entry
   */
  public watchDeadLetters(id: string, queue: sqs.IQueue, meaning: string): void {
    const runbook = {
      meaning,
      lookAt:
        'The messages of the dead-letter queue: each has what could not be delivered, and its attributes the error.',
      whatToDo: 'Correct the cause, do by hand what the messages ask for where it is still due, then delete them.',
    };
    this.add(`watchDeadLetters (${id})`, queue, deadLetterAlarms(id, queue, runbook));
  }

  private add(method: string, part: IConstruct, alarms: AlarmSet): void {
    const before = this.watched.get(method);
    if (before !== undefined) {
      throw new InputError(
        `${this.node.path}: ${method} was called before, with ${before}; a PlatformAlarms watches one of each part, so create another ` +
          `one for ${part.node.path}`,
      );
    }
    this.watched.set(method, part.node.path);
    for (const [id, props] of Object.entries(alarms)) {
      this.alarms.push(new RunbookAlarm(this, id, { ...props, topic: this.topic }));
    }
  }
}

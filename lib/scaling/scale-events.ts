import { Duration, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import { HandlerFunction } from '../runtime/handler-function';
import {
  acknowledgeControl,
  acknowledgeInlinePolicy,
  acknowledgeNoBackupPlan,
  acknowledgeWildcards,
} from '../runtime/acknowledge';
import { createAfter } from '../runtime/creation-order';
import { deadLetterQueue, failureDestination } from '../runtime/dead-letter-queue';
import {
  FLEET_STATE_METRICS,
  RESOURCE_ID_DIMENSION,
  SCALE_EVENT_METRICS,
  SCALE_EVENTS_ENVIRONMENT,
  SCALE_EVENTS_TABLE_KEYS,
  type WatchedFleet,
} from './contract';
import { describeStatements } from './describe-statements';
import type { IScalableFleet } from './scalable-fleet';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';

/** Properties of ScaleEvents. */
export interface ScaleEventsProps {
  /** Fleets to record; at least one. */
  readonly fleets: IScalableFleet[];

  /**
   * Interval at which the scaling activities are read back: maximum delay of an event that the event bus lost.
   *
   * @default Duration.minutes(1)
   */
  readonly reconcileInterval?: Duration;

  /**
   * Retention period of the events.
   *
   * @default Duration.days(90)
   */
  readonly retention?: Duration;

  /**
   * Removal policy of the table.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * Records every scale-out and scale-in of some fleets with its reason, capacity errors and state changes.
 *
 * Creates a table, a handler that receives changes from the event bus and reads the scaling activities back on a schedule, a
 * dead-letter queue for events that could not be delivered or handled, and a metric for each kind of event. Each evaluation also publishes the
 * number of missing replicas, and whether the endpoint runs the configuration that was deployed.
 *
 * @example
 * const events = new scaling.ScaleEvents(this, 'ScaleEvents', { fleets: [endpoint] });
 */
export class ScaleEvents extends Construct {
  /** Table of the events, by fleet and time. */
  public readonly table: dynamodb.Table;

  /** Function that records the events. */
  public readonly handler: lambda.Function;

  /** Events that could not be delivered or handled; normally empty. */
  public readonly deadLetterQueue: sqs.Queue;

  public constructor(scope: Construct, id: string, props: ScaleEventsProps) {
    super(scope, id);
    const reconcileInterval = props.reconcileInterval ?? Duration.minutes(1);
    const retention = props.retention ?? Duration.days(90);
    throwProblems(this.node.path, checkProps(props, reconcileInterval, retention));

    this.table = new dynamodb.Table(this, 'Table', {
      partitionKey: { name: SCALE_EVENTS_TABLE_KEYS.partition, type: dynamodb.AttributeType.STRING },
      sortKey: { name: SCALE_EVENTS_TABLE_KEYS.sort, type: dynamodb.AttributeType.STRING },
      timeToLiveAttribute: SCALE_EVENTS_TABLE_KEYS.expiry,
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      encryption: dynamodb.TableEncryption.AWS_MANAGED,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    acknowledgeNoBackupPlan(this.table);
    this.deadLetterQueue = deadLetterQueue(this, 'DeadLetters', 'event rules and of a function');

    this.handler = new HandlerFunction(this, 'Handler', {
      handlerName: 'scale-events',
      description: 'Records scale events of the fleets with their reasons, capacity errors and state changes',
      // Three parts one after the other, each with a deadline of 10 s: reading the fleets, storing, counting.
      timeout: Duration.seconds(50),
      environment: {
        [SCALE_EVENTS_ENVIRONMENT.tableName]: this.table.tableName,
        // A rollout of models may be added to an endpoint after this construct.
        [SCALE_EVENTS_ENVIRONMENT.fleets]: Lazy.string({
          produce: () => Stack.of(this).toJsonString(props.fleets.map(watchedFleet)),
        }),
        [SCALE_EVENTS_ENVIRONMENT.retentionDays]: String(retention.toDays()),
      },
    });
    this.handler.configureAsyncInvoke({
      onFailure: failureDestination(this.deadLetterQueue),
      retryAttempts: 2,
      // As long as the rules keep an event; one that is repeated late is recorded at its own time.
      maxEventAge: Duration.hours(2),
    });
    acknowledgeControl(
      this.handler,
      'LambdaDLQ',
      'Failed invocations go to the on-failure destination, with the error; a dead-letter queue would repeat them.',
    );
    this.grantHandler(props.fleets);
    // The handler compares with the declared configuration, which is deployed only once the endpoint is.
    const handler = this.handler.node.defaultChild as lambda.CfnFunction;
    for (const { stateSource, scalingDependency, resourceId } of props.fleets) {
      if (stateSource?.declaredConfigName !== undefined) createAfter(handler, scalingDependency, resourceId);
    }
    this.addRules(props.fleets, reconcileInterval);
  }

  /** Grants read access to the recorded events. */
  public grantRead(grantee: iam.IGrantable): iam.Grant {
    return this.table.grant(grantee, 'dynamodb:GetItem', 'dynamodb:Query');
  }

  /** Number of scale-outs of a fleet. */
  public metricScaleOuts(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['scale-out'], fleet, options);
  }

  /** Number of scale-ins of a fleet. */
  public metricScaleIns(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['scale-in'], fleet, options);
  }

  /** Number of scale-outs of a fleet that failed for lack of instances or quota. */
  public metricCapacityErrors(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['capacity-error'], fleet, options);
  }

  /** Number of scaling activities of a fleet that failed for another reason. */
  public metricScalingFailures(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['scaling-failed'], fleet, options);
  }

  /** Number of times that the policies required at least a fleet's maximum. */
  public metricMaxCapacityReached(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['max-reached'], fleet, options);
  }

  /** Number of rollouts of a fleet's endpoint that were rolled back: by a health check, an alarm, or a lack of capacity. */
  public metricRollbacks(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['rollout-rolled-back'], fleet, options);
  }

  /** Maximum number of desired replicas of a fleet that were not in service in a minute. Needs a fleet with a `stateSource`. */
  public metricCapacityGap(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(FLEET_STATE_METRICS.capacityGap, fleet, { statistic: cloudwatch.Stats.MAXIMUM, ...options });
  }

  /**
   * 1 while the endpoint of a fleet runs another configuration than the deployed one: a rollout was rolled back, although the deployment may
   * have been reported as successful. Needs a fleet whose endpoint the stack deploys.
   */
  public metricConfigurationDrift(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(FLEET_STATE_METRICS.configurationDrift, fleet, {
      statistic: cloudwatch.Stats.MINIMUM,
      ...options,
    });
  }

  private metric(metricName: string, fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: { [RESOURCE_ID_DIMENSION]: fleet.resourceId },
      statistic: cloudwatch.Stats.SUM,
      period: Duration.minutes(1),
      ...options,
    });
  }

  private grantHandler(fleets: readonly IScalableFleet[]): void {
    this.table.grant(this.handler, 'dynamodb:PutItem');
    const policy = new iam.Policy(this, 'HandlerPolicy', {
      statements: [
        new iam.PolicyStatement({ actions: ['application-autoscaling:DescribeScalingActivities'], resources: ['*'] }),
        ...describeStatements(fleets),
        new iam.PolicyStatement({
          actions: ['cloudwatch:PutMetricData'],
          resources: ['*'],
          conditions: { StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE } },
        }),
      ],
    });
    policy.attachToRole(this.handler.role!);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(
      policy,
      ['*'],
      'DescribeScalingActivities and PutMetricData do not support resource-level permissions; a condition limits PutMetricData to one namespace.',
    );
  }

  private addRules(fleets: IScalableFleet[], reconcileInterval: Duration): void {
    const target = new targets.LambdaFunction(this.handler, {
      deadLetterQueue: this.deadLetterQueue,
      maxEventAge: Duration.hours(2),
      retryAttempts: 10,
    });
    const rules: { [id: string]: events.RuleProps } = {
      EndpointStates: {
        description: 'State changes of the recorded endpoints',
        eventPattern: {
          source: ['aws.sagemaker'],
          detailType: ['SageMaker Endpoint State Change'],
          detail: { EndpointName: unique(fleets.map((fleet) => fleet.fleetName)) },
        },
      },
      MaxCapacityReached: {
        description: 'Scaling activities that took a recorded fleet to its maximum',
        eventPattern: {
          source: ['aws.application-autoscaling'],
          detailType: ['Application Auto Scaling Scaling Activity State Change'],
          detail: { resourceId: unique(fleets.map((fleet) => fleet.resourceId)) },
        },
      },
      Reconcile: {
        description: 'Reads scaling activities back, so that an event the bus lost is still recorded',
        schedule: events.Schedule.rate(reconcileInterval),
      },
    };
    for (const [id, props] of Object.entries(rules)) new events.Rule(this, id, { ...props, targets: [target] });
  }
}

function checkProps(props: ScaleEventsProps, reconcileInterval: Duration, retention: Duration): string[] {
  const problems: string[] = [];
  if (props.fleets.length === 0) problems.push('fleets is empty; name at least one fleet');
  const seconds = secondsOf(reconcileInterval);
  if (!(seconds >= 60 && seconds % 60 === 0)) {
    problems.push(`reconcileInterval (${seconds} s) must be a whole number of minutes, 1 or more`);
  }
  problems.push(...checkWholeDurations('days', { retention }));
  if (secondsOf(retention) < Duration.days(1).toSeconds()) {
    problems.push(`retention (${retention.toHumanString()}) must be at least a day`);
  }
  return problems;
}

function watchedFleet(fleet: IScalableFleet): WatchedFleet {
  const { resourceId, scalableDimension, serviceNamespace, fleetName, initialCapacity, stateSource } = fleet;
  const { declaredConfigName, rolloutConfigPrefix } = stateSource ?? {};
  return {
    resourceId,
    scalableDimension,
    serviceNamespace,
    fleetName,
    initialCapacity,
    hasState: stateSource !== undefined,
    ...(declaredConfigName !== undefined && { declaredConfigName }),
    ...(rolloutConfigPrefix !== undefined && { rolloutConfigPrefix }),
  };
}

function unique(values: string[]): string[] {
  return [...new Set(values)];
}

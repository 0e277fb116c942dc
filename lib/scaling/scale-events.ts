import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambdaDestinations from 'aws-cdk-lib/aws-lambda-destinations';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { HandlerFunction } from '../runtime';
import {
  acknowledgeControl,
  acknowledgeInlinePolicy,
  acknowledgeNoBackupPlan,
  acknowledgeWildcards,
} from '../runtime/acknowledge';
import { deadLetterQueue } from '../runtime/dead-letter-queue';
import {
  FLEET_STATE_METRICS,
  METRIC_NAMESPACE,
  RESOURCE_ID_DIMENSION,
  SCALE_EVENT_METRICS,
  SCALE_EVENTS_ENVIRONMENT,
  SCALE_EVENTS_TABLE_KEYS,
  type WatchedFleet,
} from './contract';
import type { IScalableFleet } from './scalable-fleet';

/** Properties of ScaleEvents. */
export interface ScaleEventsProps {
  /** The fleets to watch; at least one. */
  readonly fleets: IScalableFleet[];

  /**
   * How often the scaling activities are read back. An event that the event bus lost is recorded within this time.
   *
   * @default Duration.minutes(1)
   */
  readonly reconcileEvery?: Duration;

  /**
   * How long events are kept.
   *
   * @default Duration.days(90)
   */
  readonly retention?: Duration;

  /**
   * What happens to the table when the construct is removed from the stack.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A record of everything that happened to some fleets: each scale-out and scale-in with its reason, capacity errors, state changes.
 *
 * Creates a table, a handler that hears of changes from the event bus and reads the scaling activities back on a schedule, a
 * dead-letter queue for what could not be delivered or handled, and a metric for each kind of event. With every look it tells how many
 * replicas are wanted and missing, and whether the endpoint runs the configuration that was deployed.
 *
 * @example
 * const events = new ScaleEvents(this, 'ScaleEvents', { fleets: [endpoint] });
 */
export class ScaleEvents extends Construct {
  /** Where the events are stored, by fleet and time. */
  public readonly table: dynamodb.Table;

  /** The function that records them. */
  public readonly handler: HandlerFunction;

  /** Events that could not be delivered or handled; should be empty. */
  public readonly deadLetterQueue: sqs.Queue;

  public constructor(scope: Construct, id: string, props: ScaleEventsProps) {
    super(scope, id);
    const reconcileEvery = props.reconcileEvery ?? Duration.minutes(1);
    const retention = props.retention ?? Duration.days(90);
    throwProblems(this.node.path, checkProps(props, reconcileEvery, retention));

    this.table = new dynamodb.Table(this, 'Table', {
      partitionKey: { name: SCALE_EVENTS_TABLE_KEYS.partition, type: dynamodb.AttributeType.STRING },
      sortKey: { name: SCALE_EVENTS_TABLE_KEYS.sort, type: dynamodb.AttributeType.STRING },
      timeToLiveAttribute: SCALE_EVENTS_TABLE_KEYS.expiry,
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      encryption: dynamodb.TableEncryption.AWS_MANAGED,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    });
    acknowledgeNoBackupPlan(this.table);
    this.deadLetterQueue = deadLetterQueue(this, 'DeadLetters', 'event rules and of a function');

    this.handler = new HandlerFunction(this, 'Handler', {
      handlerName: 'scale-events',
      description: 'Records what happened to the fleets: scale events with reasons, capacity errors, state changes',
      environment: {
        [SCALE_EVENTS_ENVIRONMENT.tableName]: this.table.tableName,
        [SCALE_EVENTS_ENVIRONMENT.fleets]: Stack.of(this).toJsonString(props.fleets.map(watchedFleet)),
        [SCALE_EVENTS_ENVIRONMENT.retentionDays]: String(retention.toDays()),
      },
    });
    this.handler.configureAsyncInvoke({
      onFailure: new lambdaDestinations.SqsDestination(this.deadLetterQueue),
      retryAttempts: 2,
    });
    acknowledgeControl(
      this.handler,
      'LambdaDLQ',
      'The destination of failed invocations takes what a dead-letter queue would take, with the error beside it.',
    );
    this.grantHandler(props.fleets);
    // What it compares with is known to have been deployed only after the endpoint.
    for (const { stateSource, scalingDependency } of props.fleets) {
      if (stateSource?.declaredConfigName !== undefined)
        this.handler.node.defaultChild!.node.addDependency(scalingDependency);
    }
    this.addRules(props.fleets, reconcileEvery);
  }

  /** Lets someone read the recorded events. */
  public grantRead(grantee: iam.IGrantable): iam.Grant {
    return this.table.grant(grantee, 'dynamodb:GetItem', 'dynamodb:Query');
  }

  /** How many scale-outs were recorded for a fleet. */
  public metricScaleOuts(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['scale-out'], fleet, options);
  }

  /** How many scale-ins were recorded for a fleet. */
  public metricScaleIns(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['scale-in'], fleet, options);
  }

  /** How often a fleet could not grow because instances or quota were lacking. */
  public metricCapacityErrors(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['capacity-error'], fleet, options);
  }

  /** How often scaling failed for another reason. */
  public metricScalingFailures(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['scaling-failed'], fleet, options);
  }

  /** How often the policies wanted at least a fleet's maximum. */
  public metricMaxCapacityReached(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['max-reached'], fleet, options);
  }

  /** How often the endpoint of a fleet went back to the version before: by a health check, an alarm, or a lack of capacity. */
  public metricRolloutsTakenBack(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(SCALE_EVENT_METRICS['rollout-taken-back'], fleet, options);
  }

  /** How many replicas of a fleet are wanted and do not serve yet; the most of a minute. Needs a fleet whose state can be read. */
  public metricCapacityGap(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(FLEET_STATE_METRICS.capacityGap, fleet, { statistic: cloudwatch.Stats.MAXIMUM, ...options });
  }

  /**
   * 1 while the endpoint of a fleet runs another configuration than the deployed one: a rollout was taken back, and the deployment that
   * began it may have been reported as a success. Needs a fleet whose endpoint the stack deploys.
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
      'DescribeScalingActivities and PutMetricData know no resources; PutMetricData is held to one namespace by a condition.',
    );
  }

  private addRules(fleets: IScalableFleet[], reconcileEvery: Duration): void {
    const target = new targets.LambdaFunction(this.handler, {
      deadLetterQueue: this.deadLetterQueue,
      maxEventAge: Duration.hours(2),
      retryAttempts: 10,
    });
    const rules: { [id: string]: events.RuleProps } = {
      EndpointStates: {
        description: 'State changes of the watched endpoints',
        eventPattern: {
          source: ['aws.sagemaker'],
          detailType: ['SageMaker Endpoint State Change'],
          detail: { EndpointName: unique(fleets.map((fleet) => fleet.fleetName)) },
        },
      },
      MaxCapacityReached: {
        description: 'Scaling activities that took a watched fleet to its maximum',
        eventPattern: {
          source: ['aws.application-autoscaling'],
          detailType: ['Application Auto Scaling Scaling Activity State Change'],
          detail: { resourceId: unique(fleets.map((fleet) => fleet.resourceId)) },
        },
      },
      Reconcile: {
        description: 'Reads scaling activities back, so that an event the bus lost is still recorded',
        schedule: events.Schedule.rate(reconcileEvery),
      },
    };
    for (const [id, props] of Object.entries(rules)) new events.Rule(this, id, { ...props, targets: [target] });
  }
}

function checkProps(props: ScaleEventsProps, reconcileEvery: Duration, retention: Duration): string[] {
  const problems: string[] = [];
  if (props.fleets.length === 0) problems.push('fleets is empty; name at least one fleet');
  if (reconcileEvery.toSeconds() < 60 || reconcileEvery.toSeconds() % 60 !== 0) {
    problems.push(`reconcileEvery (${reconcileEvery.toSeconds()} s) must be a whole number of minutes, 1 or more`);
  }
  if (retention.toSeconds() < Duration.days(1).toSeconds()) {
    problems.push(`retention (${retention.toHumanString()}) must be a day or more`);
  }
  return problems;
}

function watchedFleet(fleet: IScalableFleet): WatchedFleet {
  const { resourceId, scalableDimension, serviceNamespace, fleetName, initialCapacity, stateSource } = fleet;
  const declaredConfigName = stateSource?.declaredConfigName;
  return {
    resourceId,
    scalableDimension,
    serviceNamespace,
    fleetName,
    initialCapacity,
    hasState: stateSource !== undefined,
    ...(declaredConfigName !== undefined && { declaredConfigName }),
  };
}

/** Leave to read the state of each fleet, and of no other. */
function describeStatements(fleets: readonly IScalableFleet[]): iam.PolicyStatement[] {
  const arnsOf = (areComponents: boolean): string[] =>
    unique(
      fleets.flatMap(({ stateSource, scalableDimension }) =>
        stateSource !== undefined && scalableDimension.includes(':inference-component:') === areComponents
          ? [stateSource.arn]
          : [],
      ),
    );
  const allow = (action: string, resources: string[]): iam.PolicyStatement[] =>
    resources.length === 0 ? [] : [new iam.PolicyStatement({ actions: [action], resources })];
  return [
    ...allow('sagemaker:DescribeEndpoint', arnsOf(false)),
    ...allow('sagemaker:DescribeInferenceComponent', arnsOf(true)),
  ];
}

function unique(values: string[]): string[] {
  return [...new Set(values)];
}

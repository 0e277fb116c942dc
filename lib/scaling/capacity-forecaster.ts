import { ArnFormat, Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambdaDestinations from 'aws-cdk-lib/aws-lambda-destinations';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { SAGEMAKER_NAMESPACE } from '../catalog/metrics';
import { CACHED_PROVISIONING } from '../catalog/provisioning-times';
import { throwProblems } from '../core/errors';
import { HandlerFunction } from '../runtime';
import { acknowledgeControl, acknowledgeNoBackupPlan, acknowledgeWildcards } from '../runtime/acknowledge';
import { deadLetterQueue } from '../runtime/dead-letter-queue';
import { ForecastMode, type CapacityForecasterProps } from './capacity-forecaster-props';
import {
  FORECASTER_ENVIRONMENT,
  FORECASTER_METRICS,
  FORECASTER_TABLE,
  METRIC_NAMESPACE,
  RESOURCE_ID_DIMENSION,
  type ForecasterConfiguration,
} from './contract';
import type { FleetScaling } from './fleet-scaling';
import type { IScalableFleet } from './scalable-fleet';

/**
 * Has instances ready before the requests come: forecasts a fleet's demand over the time an instance takes to launch, and holds
 * that many instances at least. The scaling policies rise above it as before.
 *
 * Every minute a handler reads the requests counted since the last one, learns from them, and turns the forecast into a minimum.
 * It begins as a shadow: it publishes what it would do and how far off it was, and may change nothing. Where it does not beat
 * the naive forecast on the fleet's own traffic, it asks for nothing.
 *
 * Creates the handler with its schedule, a table with one item, and a dead-letter queue.
 *
 * @example
 * new scaling.CapacityForecaster(this, 'Forecast', { scaling, serviceTime: Duration.millis(800) });
 */
export class CapacityForecaster extends Construct {
  /** The fleet whose demand is forecast. */
  public readonly fleet: IScalableFleet;

  /** Whether the forecast changes anything. */
  public readonly mode: ForecastMode;

  /** The handler. */
  public readonly handler: HandlerFunction;

  /** The table that holds what was learned. */
  public readonly table: dynamodb.Table;

  /** Looks that failed; should be empty. */
  public readonly deadLetterQueue: sqs.Queue;

  public constructor(scope: Construct, id: string, props: CapacityForecasterProps) {
    super(scope, id);
    this.fleet = props.scaling.fleet;
    this.mode = props.mode ?? ForecastMode.SHADOW;
    const configuration = forecasterConfiguration(props, this.mode);
    throwProblems(this.node.path, checkConfiguration(configuration));

    this.table = new dynamodb.Table(this, 'Table', {
      partitionKey: { name: FORECASTER_TABLE.key, type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      encryption: dynamodb.TableEncryption.AWS_MANAGED,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: props.removalPolicy ?? RemovalPolicy.DESTROY,
    });
    acknowledgeNoBackupPlan(this.table);
    this.deadLetterQueue = deadLetterQueue(this, 'DeadLetters', 'an event rule and of a function');
    this.handler = new HandlerFunction(this, 'Handler', {
      handlerName: 'capacity-forecaster',
      description: 'Forecasts the demand on a fleet every minute and holds the instances it will need',
      timeout: Duration.seconds(50),
      memorySize: 512,
      environment: {
        [FORECASTER_ENVIRONMENT.configuration]: Stack.of(this).toJsonString(configuration),
        [FORECASTER_ENVIRONMENT.tableName]: this.table.tableName,
      },
    });
    // A look that failed is made up for by the next one, on newer numbers.
    this.handler.configureAsyncInvoke({
      onFailure: new lambdaDestinations.SqsDestination(this.deadLetterQueue),
      retryAttempts: 0,
    });
    acknowledgeControl(
      this.handler,
      'LambdaDLQ',
      'The destination of failed invocations takes what a dead-letter queue would take, with the error beside it.',
    );
    this.grantHandler();
    this.addSchedule(props.scaling);
    if (this.mode === ForecastMode.ACTIVE) refuseScheduledMinimum(this, props.scaling);
  }

  /** Requests a second that are expected once an instance launched now serves. */
  public metricPredictedRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(FORECASTER_METRICS.predicted, options);
  }

  /** The fewest instances the forecast asks for; in shadow mode what it would ask for. */
  public metricFloor(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(FORECASTER_METRICS.floor, options);
  }

  /** How far the forecasts were off so far: pinball loss, less is better. */
  public metricLoss(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(FORECASTER_METRICS.loss, options);
  }

  /** How far the naive forecast, which the forecast has to beat, was off so far. */
  public metricNaiveLoss(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(FORECASTER_METRICS.naiveLoss, options);
  }

  private metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: { [RESOURCE_ID_DIMENSION]: this.fleet.resourceId },
      statistic: cloudwatch.Stats.MAXIMUM,
      period: Duration.minutes(1),
      ...options,
    });
  }

  /** Only an active forecaster may see and write limits. */
  private grantHandler(): void {
    const allow = (
      sid: string,
      actions: string[],
      resources: string[],
      conditions?: { [key: string]: unknown },
    ): void => this.handler.addToRolePolicy(new iam.PolicyStatement({ sid, actions, resources, conditions }));
    const role = this.handler.role!;
    const everywhere = ['cloudwatch:GetMetricData', 'cloudwatch:PutMetricData (held to one namespace by a condition)'];

    allow('Learned', ['dynamodb:GetItem', 'dynamodb:PutItem'], [this.table.tableArn]);
    allow('Demand', ['cloudwatch:GetMetricData'], ['*']);
    allow('Metrics', ['cloudwatch:PutMetricData'], ['*'], {
      StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE },
    });
    if (this.mode === ForecastMode.ACTIVE) {
      const scalableTargets = Stack.of(this).formatArn({
        service: 'application-autoscaling',
        resource: 'scalable-target/*',
        arnFormat: ArnFormat.NO_RESOURCE_NAME,
      });
      allow('Floor', ['application-autoscaling:RegisterScalableTarget'], [scalableTargets], {
        StringEquals: {
          'application-autoscaling:service-namespace': this.fleet.serviceNamespace,
          'application-autoscaling:scalable-dimension': this.fleet.scalableDimension,
        },
      });
      acknowledgeWildcards(
        role,
        [scalableTargets],
        'The ARN of a scalable target ends in an id that the service makes up and CloudFormation does not return; ' +
          'conditions hold the statement to the namespace and the dimension of the fleet.',
      );
      allow('SeeLimits', ['application-autoscaling:DescribeScalableTargets'], ['*']);
      everywhere.push('application-autoscaling:DescribeScalableTargets');
    }
    acknowledgeWildcards(role, ['*'], `These actions know no resources: ${everywhere.join(', ')}.`);
  }

  private addSchedule(scaling: FleetScaling): void {
    const rule = new events.Rule(this, 'EveryMinute', {
      description: 'Lets the forecaster look once a minute',
      schedule: events.Schedule.rate(Duration.minutes(1)),
      targets: [
        new targets.LambdaFunction(this.handler, {
          deadLetterQueue: this.deadLetterQueue,
          retryAttempts: 0,
          maxEventAge: Duration.minutes(1),
        }),
      ],
    });
    rule.node.addDependency(scaling);
  }
}

function forecasterConfiguration(props: CapacityForecasterProps, mode: ForecastMode): ForecasterConfiguration {
  const { fleet, minCapacity, maxCapacity } = props.scaling;
  const { resourceId, scalableDimension, serviceNamespace } = fleet;
  return {
    active: mode === ForecastMode.ACTIVE,
    resourceId,
    scalableDimension,
    serviceNamespace,
    demand: demandOf(fleet, props.requestsMetric),
    settings: {
      slotsPerInstance: fleet.maxConcurrencyPerInstance,
      serviceSeconds: props.serviceTime.toSeconds({ integral: false }),
      provisioningSeconds: props.provisioning?.toSeconds() ?? CACHED_PROVISIONING.medianSeconds,
      minCapacity,
      maxCapacity,
    },
  };
}

/** Requests are counted under the dimensions under which the concurrent ones are told. */
function demandOf(fleet: IScalableFleet, metric?: cloudwatch.Metric): ForecasterConfiguration['demand'] {
  const { namespace, metricName } = metric ?? { namespace: SAGEMAKER_NAMESPACE, metricName: 'Invocations' };
  const { dimensions = {} } = metric ?? fleet.metricConcurrencyPerInstance();
  return { namespace, metricName, dimensions, statistic: 'Sum' };
}

function checkConfiguration({ settings, demand }: ForecasterConfiguration): string[] {
  const { serviceSeconds, provisioningSeconds } = settings;
  const problems: string[] = [];
  if (!Token.isUnresolved(serviceSeconds) && serviceSeconds <= 0)
    problems.push(`serviceTime (${serviceSeconds} s) must be above 0; give the mean latency of the model`);
  if (!Token.isUnresolved(provisioningSeconds) && (provisioningSeconds < 1 || provisioningSeconds > 3600))
    problems.push(`provisioning (${provisioningSeconds} s) must be between a second and an hour`);
  if (Object.keys(demand.dimensions).length === 0)
    problems.push('requestsMetric has no dimensions; name the metric of this fleet alone');
  return problems;
}

/** A schedule and a forecast that both write the minimum would overwrite each other. */
function refuseScheduledMinimum(forecaster: CapacityForecaster, scaling: FleetScaling): void {
  forecaster.node.addValidation({
    validate: () =>
      scaling
        ._toPlan()
        .schedules.filter(({ minCapacity }) => minCapacity !== undefined)
        .map(
          ({ scheduledActionName }) =>
            `schedule '${scheduledActionName}' of ${scaling.node.path} sets minCapacity, which the active forecast would ` +
            'overwrite a minute later; leave minCapacity out of the schedule, or keep the forecast in shadow mode',
        ),
  });
}

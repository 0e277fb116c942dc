import { Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { CACHED_PROVISIONING } from '../catalog/provisioning-times';
import { InputError, throwProblems } from '../core/errors';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import { HandlerFunction } from '../runtime/handler-function';
import { acknowledgeControl, acknowledgeNoBackupPlan, acknowledgeWildcards } from '../runtime/acknowledge';
import { deadLetterQueue, failureDestination } from '../runtime/dead-letter-queue';
import { ForecastMode, type CapacityForecasterProps } from './capacity-forecaster-props';
import {
  FORECASTER_ENVIRONMENT,
  FORECASTER_METRICS,
  FORECASTER_TABLE,
  RESOURCE_ID_DIMENSION,
  type ForecasterConfiguration,
} from './contract';
import type { FleetScaling } from './fleet-scaling';
import { grantLimits } from './limit-permissions';
import type { IScalableFleet } from './scalable-fleet';
import { secondsOf } from '../runtime/whole-amounts';

/**
 * Starts instances before their requests arrive: forecasts a fleet's demand over the launch time of an instance, and keeps the minimum
 * capacity at the number of instances needed for it. Scaling policies add capacity above the minimum as before.
 *
 * Every minute a handler reads the request counts since the last evaluation, learns from them, and computes the minimum. By default it runs
 * as a shadow: it publishes the forecast and its error, and changes nothing. Where the forecast is not better than the naive one on the
 * fleet's own traffic, the declared minimum applies.
 *
 * Creates the handler with its schedule, a table with one item, and a dead-letter queue.
 *
 * @example
 * new scaling.CapacityForecaster(this, 'Forecast', { scaling: fleetScaling, serviceTime: Duration.millis(800) });
 */
export class CapacityForecaster extends Construct {
  /** Fleet whose demand is forecast. */
  public readonly fleet: IScalableFleet;

  /** Effect of the forecast on the fleet. */
  public readonly mode: ForecastMode;

  /** Function that forecasts. */
  public readonly handler: lambda.Function;

  /** Table with the state of the forecast. */
  public readonly table: dynamodb.Table;

  /** Failed evaluations; normally empty. */
  public readonly deadLetterQueue: sqs.Queue;

  public constructor(scope: Construct, id: string, props: CapacityForecasterProps) {
    super(scope, id);
    this.fleet = props.scaling.fleet;
    this.mode = props.mode ?? ForecastMode.SHADOW;
    const requestsMetric = props.requestsMetric ?? this.fleet.signals?.invocations;
    if (requestsMetric === undefined) {
      throw new InputError(
        `${this.node.path}: requestsMetric is missing, and ${this.fleet.node.path} publishes no invocations as a default; ` +
          'give the metric that counts its requests',
      );
    }
    const configuration = forecasterConfiguration(props, this.mode, requestsMetric);
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
      description: 'Forecasts the demand on a fleet every minute and keeps the minimum number of instances for it',
      timeout: Duration.seconds(50),
      memorySize: 512,
      environment: {
        [FORECASTER_ENVIRONMENT.configuration]: Stack.of(this).toJsonString(configuration),
        [FORECASTER_ENVIRONMENT.tableName]: this.table.tableName,
      },
    });
    // The next evaluation compensates for a failed one, on newer data.
    this.handler.configureAsyncInvoke({
      onFailure: failureDestination(this.deadLetterQueue),
      retryAttempts: 0,
      maxEventAge: Duration.minutes(1),
    });
    acknowledgeControl(
      this.handler,
      'LambdaDLQ',
      'Failed invocations go to the on-failure destination, with the error; a dead-letter queue would repeat them.',
    );
    this.grantHandler();
    this.addSchedule(props.scaling);
    if (this.mode === ForecastMode.ACTIVE) refuseScheduledMinimum(this, props.scaling);
  }

  /** Requests per second forecast for the time when an instance launched now would serve. */
  public metricPredictedRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(FORECASTER_METRICS.predicted, options);
  }

  /** Minimum number of instances by the forecast; not applied in shadow mode. */
  public metricFloor(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(FORECASTER_METRICS.floor, options);
  }

  /** Error of the forecasts, as pinball loss; lower is better. */
  public metricLoss(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(FORECASTER_METRICS.loss, options);
  }

  /** Error of the naive forecast (the same minute of the previous day), as pinball loss. */
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

  /** Grants what the mode needs: only an active forecaster may read and set limits. */
  private grantHandler(): void {
    const allow = (
      sid: string,
      actions: string[],
      resources: string[],
      conditions?: { [key: string]: unknown },
    ): void => this.handler.addToRolePolicy(new iam.PolicyStatement({ sid, actions, resources, conditions }));
    const role = this.handler.role!;
    const everywhere = [
      'cloudwatch:GetMetricData',
      'cloudwatch:PutMetricData (limited to one namespace by a condition)',
    ];

    allow('Learned', ['dynamodb:GetItem', 'dynamodb:PutItem'], [this.table.tableArn]);
    allow('Demand', ['cloudwatch:GetMetricData'], ['*']);
    allow('Metrics', ['cloudwatch:PutMetricData'], ['*'], {
      StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE },
    });
    if (this.mode === ForecastMode.ACTIVE) everywhere.push(...grantLimits(this.handler, [this.fleet]));
    acknowledgeWildcards(
      role,
      ['*'],
      `Services do not check these actions on a resource that a policy could name: ${everywhere.join(', ')}.`,
    );
  }

  private addSchedule(scaling: FleetScaling): void {
    const rule = new events.Rule(this, 'EveryMinute', {
      description: 'Runs the forecaster once a minute',
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

function forecasterConfiguration(
  props: CapacityForecasterProps,
  mode: ForecastMode,
  requestsMetric: cloudwatch.Metric,
): ForecasterConfiguration {
  const { fleet, minCapacity, maxCapacity } = props.scaling;
  const { resourceId, scalableDimension, serviceNamespace } = fleet;
  return {
    active: mode === ForecastMode.ACTIVE,
    resourceId,
    scalableDimension,
    serviceNamespace,
    demand: demandOf(requestsMetric),
    settings: {
      slotsPerInstance: fleet.maxConcurrencyPerInstance,
      serviceSeconds: props.serviceTime.toSeconds({ integral: false }),
      provisioningSeconds: (props.provisioning && secondsOf(props.provisioning)) ?? CACHED_PROVISIONING.medianSeconds,
      minCapacity,
      maxCapacity,
    },
  };
}

function demandOf(metric: cloudwatch.Metric): ForecasterConfiguration['demand'] {
  const { namespace, metricName, dimensions = {} } = metric;
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

/** Adds a validation: a schedule and an active forecast that both set the minimum would overwrite each other. */
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

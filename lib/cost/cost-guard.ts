import { Duration, Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { acknowledgeControl, acknowledgeNoBackupPlan } from '../runtime/acknowledge';
import { HandlerFunction } from '../runtime/handler-function';
import type { IScalableFleet } from '../scaling/scalable-fleet';
import { FLEET_METRICS, formatBudget, GUARD_ENVIRONMENT, GUARD_METRICS, GUARD_TABLE } from './contract';
import type { CostGuardProps } from './cost-guard-props';
import { guardConfiguration } from './guard-configuration';
import { grantGuard } from './guard-permissions';
import { NoticeTopic } from './notice-topic';

/**
 * Keeps the fleets within a budget, minute by minute.
 *
 * Every minute a handler meters the instances and training jobs that run against dated prices, compares the month's spend
 * with the budget, and goes through its levels: `ok`, `warn` (people are told), `freeze-growth` (fleets may not grow),
 * `shrink` (fleets are held at their protected floor). What it does is absolute, recorded with its reason, and taken back
 * when the level falls.
 *
 * Creates the handler with its schedule, a table of records, a parameter that holds the budget, and a topic for notices.
 *
 * @example
 * new cost.CostGuard(this, 'Guard', {
 *   budgetUsd: 500,
 *   fleets: [{ scaling, endpointArn: endpoint.endpointArn, variantName: 'main', instanceTypes: ['ml.g5.xlarge'] }],
 * });
 */
export class CostGuard extends Construct {
  /** The guard's name: the dimension `Guard` of its metrics. */
  public readonly guardName: string;

  /** The handler. */
  public readonly handler: lambda.IFunction;

  /** The table that holds the guard's state and its records. */
  public readonly table: dynamodb.ITable;

  /** The parameter that holds the budget: `{"amountUsd": 500, "periodStart": null, "periodEnd": null}`. */
  public readonly budgetParameter: ssm.IStringParameter;

  /** Where notices go. */
  public readonly topic: sns.ITopic;

  public constructor(scope: Construct, id: string, props: CostGuardProps) {
    super(scope, id);
    this.guardName = props.guardName ?? Names.uniqueResourceName(this, { maxLength: 64 });
    const configuration = guardConfiguration(this, this.guardName, props);

    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    this.table = new dynamodb.Table(this, 'Table', {
      partitionKey: { name: GUARD_TABLE.partitionKey, type: dynamodb.AttributeType.STRING },
      sortKey: { name: GUARD_TABLE.sortKey, type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      encryption: dynamodb.TableEncryption.AWS_MANAGED,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute: GUARD_TABLE.expiresAt,
      removalPolicy,
    });
    acknowledgeNoBackupPlan(this.table);
    this.budgetParameter = new ssm.StringParameter(this, 'Budget', {
      parameterName: `/tidegate/${this.guardName}/budget`,
      description: `What ${this.guardName} may spend: amountUsd in the period, null for the calendar month (UTC)`,
      stringValue: formatBudget({ amountUsd: props.budgetUsd, periodStart: null, periodEnd: null }),
    });
    this.topic = props.topic ?? new NoticeTopic(this, 'Notices', { removalPolicy }).topic;

    this.handler = new HandlerFunction(this, 'Handler', {
      handlerName: 'cost-guard',
      description: `Meters spend and limits fleets every minute (${this.guardName})`,
      timeout: Duration.seconds(50),
      reservedConcurrentExecutions: 1,
      environment: {
        [GUARD_ENVIRONMENT.configuration]: Stack.of(this).toJsonString(configuration),
        [GUARD_ENVIRONMENT.tableName]: this.table.tableName,
        [GUARD_ENVIRONMENT.budgetParameter]: this.budgetParameter.parameterName,
        [GUARD_ENVIRONMENT.topicArn]: this.topic.topicArn,
      },
    });
    grantGuard(this, props);
    const rule = new events.Rule(this, 'EveryMinute', {
      description: `Lets ${this.guardName} look once a minute`,
      schedule: events.Schedule.rate(Duration.minutes(1)),
      // A look that is missed is made up for by the next one; repeating it late would help nobody.
      targets: [new targets.LambdaFunction(this.handler, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
    });
    const reason = 'A look that is missed is made up for by the next one a minute later, on newer numbers.';
    acknowledgeControl(rule, 'EventBusDLQ', reason);
    acknowledgeControl(this.handler, 'LambdaDLQ', reason);
  }

  /** What the budget period has cost so far, in USD. */
  public metricSpend(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.spend, options);
  }

  /** What may be spent in the period, in USD. */
  public metricBudget(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.budget, options);
  }

  /** What the present instances and training jobs cost, in USD an hour. */
  public metricBurnRate(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.burnRate, options);
  }

  /** How much of the budget is spent, in percent. */
  public metricBudgetUsed(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.budgetUsed, options);
  }

  /** What the period will have cost at its end, in USD. */
  public metricForecast(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.forecast, options);
  }

  /** The level: 0 `ok`, 1 `warn`, 2 `freeze-growth`, 3 `shrink`. */
  public metricLevel(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.level, options);
  }

  /** How many things could not be seen, priced or limited. */
  public metricProblems(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.problems, options);
  }

  /** How many instances a guarded fleet has. */
  public metricCurrentInstances(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.fleetMetric(FLEET_METRICS.current, fleet, options);
  }

  /** How many instances a guarded fleet was asked to have. */
  public metricDesiredInstances(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.fleetMetric(FLEET_METRICS.desired, fleet, options);
  }

  /** How many instances a guarded fleet may have, lowered by the guard or not; not published in a dry run. */
  public metricMaxInstances(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.fleetMetric(FLEET_METRICS.maximum, fleet, options);
  }

  private fleetMetric(
    metricName: string,
    fleet: IScalableFleet,
    options?: cloudwatch.MetricOptions,
  ): cloudwatch.Metric {
    return this.metric(metricName, { dimensionsMap: { [FLEET_METRICS.dimension]: fleet.resourceId }, ...options });
  }

  private metric(metricName: string, options: cloudwatch.MetricOptions = {}): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: GUARD_METRICS.namespace,
      metricName,
      dimensionsMap: { [GUARD_METRICS.dimension]: this.guardName },
      statistic: 'Maximum',
      period: Duration.minutes(1),
      ...options,
    });
  }
}

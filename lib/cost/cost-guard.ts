import { Annotations, Duration, Lazy, Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import { acknowledgeControl, acknowledgeNoBackupPlan } from '../runtime/acknowledge';
import { HandlerFunction } from '../runtime/handler-function';
import type { IScalableFleet } from '../scaling/scalable-fleet';
import {
  FLEET_METRICS,
  GUARD_ENVIRONMENT,
  GUARD_METRICS,
  GUARD_TABLE,
  type GuardConfiguration,
  type GuardedExecutions,
  type GuardedFleetConfiguration,
} from './contract';
import type { CostGuardProps, MeteredExecutionsProps, ProtectedFleetProps } from './cost-guard-props';
import { guardConfiguration, protectedFleet } from './guard-configuration';
import { grantExecutions, grantGuard, grantProtected } from './guard-permissions';
import { LimitRelease } from './limit-release';
import { NotificationTopic } from './notification-topic';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';

/**
 * Keeps fleets and training jobs within a budget, minute by minute.
 *
 * Every minute a handler meters the running instances and training jobs at dated prices, adds what is bound to follow until the period
 * ends, compares the sum with the budget, and sets its level: `ok`, `warn` (a notification), `freeze-growth` (fleets may not grow, training
 * may not start), `shrink` (fleets are held at their protected floor, which the rest of the budget covers). Limits are absolute, recorded
 * with the reason, and restored when the level falls.
 *
 * Creates the handler with its schedule, a table of records, a parameter that holds the budget, and a topic for notifications.
 *
 * @example
 * new cost.CostGuard(this, 'Guard', {
 *   budgetUsd: 1500,
 *   fleets: [{ scaling: fleetScaling, protectedFloor: 1 }],
 * });
 */
export class CostGuard extends Construct {
  /** Name of the guard: the dimension `Guard` of its metrics. */
  public readonly guardName: string;

  /** Handler that runs every minute. */
  public readonly handler: lambda.IFunction;

  /** Table of the guard's state and its records. */
  public readonly table: dynamodb.ITable;

  /** Parameter that holds the budget: `{"amountUsd": 1500, "periodStart": null, "periodEnd": null}`. */
  public readonly budgetParameter: ssm.IStringParameter;

  /** Topic of the notifications. */
  public readonly topic: sns.ITopic;

  private readonly props: CostGuardProps;
  private readonly configuration: GuardConfiguration;
  private readonly fleets: GuardedFleetConfiguration[];
  private readonly executions: GuardedExecutions[] = [];
  private readonly schedule: events.Rule;
  private release?: LimitRelease;

  public constructor(scope: Construct, id: string, props: CostGuardProps) {
    super(scope, id);
    this.guardName = props.guardName ?? Names.uniqueResourceName(this, { maxLength: 64 });
    this.props = props;
    this.configuration = guardConfiguration(this, this.guardName, props);
    this.fleets = [...this.configuration.fleets];
    this.node.addValidation({ validate: () => this.checkGuarded() });

    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
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
      description: `Budget of ${this.guardName}: amountUsd in the period, null for the calendar month (UTC)`,
      stringValue: Stack.of(this).toJsonString({ amountUsd: props.budgetUsd, periodStart: null, periodEnd: null }),
    });
    // A change of any property, tags included, makes CloudFormation write the value of the template over the operator's:
    // https://github.com/aws/aws-cdk/issues/25949
    (this.budgetParameter.node.defaultChild as ssm.CfnParameter).addPropertyDeletionOverride('Tags');
    this.topic = props.topic ?? new NotificationTopic(this, 'Notices', { removalPolicy }).topic;

    this.handler = new HandlerFunction(this, 'Handler', {
      handlerName: 'cost-guard',
      description: `Meters spend and limits fleets every minute (${this.guardName})`,
      timeout: Duration.seconds(50),
      environment: {
        [GUARD_ENVIRONMENT.configuration]: Lazy.string({
          produce: () =>
            Stack.of(this).toJsonString({
              ...this.configuration,
              fleets: this.fleets,
              ...(this.executions.length > 0 && { executions: this.executions }),
            }),
        }),
        [GUARD_ENVIRONMENT.tableName]: this.table.tableName,
        [GUARD_ENVIRONMENT.budgetParameter]: this.budgetParameter.parameterName,
        [GUARD_ENVIRONMENT.topicArn]: this.topic.topicArn,
      },
    });
    // The next evaluation makes up for one that fails. Without this, Lambda would repeat it twice, and keep its event for six hours
    // (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
    this.handler.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });
    grantGuard(this, props);
    this.schedule = new events.Rule(this, 'EveryMinute', {
      description: `Invokes ${this.guardName} once a minute`,
      schedule: events.Schedule.rate(Duration.minutes(1)),
      // A delivery to Lambda that fails is not repeated either.
      targets: [new targets.LambdaFunction(this.handler, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
    });
    for (const { scaling } of props.fleets ?? []) this.releaseLimitsOf(scaling.fleet);
    const reason = 'The next evaluation, a minute later and on newer numbers, makes up for a missed one.';
    acknowledgeControl(this.schedule, 'EventBusDLQ', reason);
    acknowledgeControl(this.handler, 'LambdaDLQ', reason);
    acknowledgeControl(this.handler, 'LambdaAsyncFailureDestination', reason);
  }

  /**
   * Guards a fleet that somebody else registered with Application Auto Scaling: another stack, Terraform, the console. Endpoint, variant
   * and instance types are those of the endpoint.
   *
   * The scalable target stays its owner's: none is created, registered or deleted, and policies, schedules and alarms stay unchanged. From
   * `freeze-growth` on the guard lowers the target's maximum, and a minimum above it, down to `protectedFloor` at the least. It gives back
   * what the owner set last, also while the fleet was limited: when the level falls, in a dry run, when the fleet leaves the guard, and when
   * the guard is deleted. It never sets a limit above its owner's, and none before it has read those. A fleet that is not registered at
   * all is metered only, and the guard says that nothing limits it.
   *
   * @param fleet endpoint or variant, created in this app or imported with its instance types
   */
  public protect(fleet: IScalableFleet, props: ProtectedFleetProps): void {
    this.fleets.push(protectedFleet(this, this.props, fleet, props, this.fleets));
    grantProtected(this.handler, fleet);
    this.releaseLimitsOf(fleet);
    Annotations.of(this).addInfoV2(
      `tidegate:limits-of-owner:${fleet.node.addr}`,
      `The limits of ${fleet.node.path} are those of whoever registered it. From freeze-growth on the guard lowers its MaxCapacity, and a ` +
        `MinCapacity above it, to ${props.protectedFloor} at the least, and gives back what its owner set last: when the level falls, in a dry ` +
        'run, and before the fleet leaves the guard or the guard is deleted. It changes no policy, schedule or alarm.',
    );
  }

  /**
   * Meters the executions of a state machine, such as those of a `SparkPipeline`, as training jobs are: each costs `maxUsdPerHour` from its start to its
   * end, waits included, and at most `maxRuntime`. That is never less than the bill. From `freeze-growth` on new ones are stopped, and so is one
   * that could cost more than the budget has free; running ones too where `runningJobs` of training is `STOP`.
   *
   * @param stateMachine state machine of this app, or an imported one
   */
  public meterExecutions(stateMachine: sfn.IStateMachine, props: MeteredExecutionsProps): void {
    const { maxUsdPerHour, maxRuntime } = props;
    const problems: string[] = [];
    if (!(maxUsdPerHour > 0)) problems.push(`maxUsdPerHour (${maxUsdPerHour}) must be above 0 USD`);
    problems.push(...checkWholeDurations('seconds', { maxRuntime }));
    if (!maxRuntime.isUnresolved() && secondsOf(maxRuntime) <= 0)
      problems.push(`maxRuntime (${secondsOf(maxRuntime)} s) must be above 0`);
    if (this.executions.some((each) => each.stateMachineArn === stateMachine.stateMachineArn))
      problems.push(
        `the executions of ${stateMachine.node.path} are metered already; call meterExecutions once for each`,
      );
    throwProblems(this.node.path, problems);
    const { stateMachineArn } = stateMachine;
    this.executions.push({ stateMachineArn, maxUsdPerHour, maxRuntimeSeconds: maxRuntime.toSeconds() });
    grantExecutions(this.handler, stateMachine);
  }

  /** Spend of the budget period so far, in USD. */
  public metricSpend(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.spend, options);
  }

  /** Budget of the period, in USD. */
  public metricBudget(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.budget, options);
  }

  /** Cost of the present instances and training jobs, in USD an hour. */
  public metricBurnRate(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.burnRate, options);
  }

  /** Spent part of the budget, in percent. */
  public metricBudgetUsed(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.budgetUsed, options);
  }

  /**
   * Spend, and what is bound to follow: protected floors until the period ends, and training jobs that may finish; in USD. The fleets are
   * held at their floors before it reaches the budget.
   */
  public metricCommitted(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.committed, options);
  }

  /** Forecast of the spend at the end of the period, in USD. */
  public metricForecast(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.forecast, options);
  }

  /** Level: 0 `ok`, 1 `warn`, 2 `freeze-growth`, 3 `shrink`. */
  public metricLevel(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.level, options);
  }

  /** Number of failures to observe, price or limit. */
  public metricProblems(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(GUARD_METRICS.problems, options);
  }

  /** Number of existing instances of a guarded fleet. */
  public metricCurrentInstances(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.fleetMetric(FLEET_METRICS.current, fleet, options);
  }

  /** Number of requested instances of a guarded fleet. */
  public metricDesiredInstances(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.fleetMetric(FLEET_METRICS.desired, fleet, options);
  }

  /** Maximum number of instances of a guarded fleet, lowered by the guard or not; not published in a dry run. */
  public metricMaxInstances(fleet: IScalableFleet, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.fleetMetric(FLEET_METRICS.maximum, fleet, options);
  }

  /** Restores the limits of a fleet that leaves the guard. */
  private releaseLimitsOf(fleet: IScalableFleet): void {
    if (this.release === undefined) {
      this.release = new LimitRelease(this, 'Release', { table: this.table });
      // Deleted before the release of the limits, so that no evaluation sets them again.
      this.schedule.node.addDependency(this.release);
    }
    this.release.add(fleet);
  }

  private checkGuarded(): string[] {
    if (this.fleets.length + this.executions.length > 0 || this.configuration.training !== null) return [];
    return ['there is nothing to guard; give fleets or training, or call protect or meterExecutions'];
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
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: { [GUARD_METRICS.dimension]: this.guardName },
      statistic: 'Maximum',
      period: Duration.minutes(1),
      ...options,
    });
  }
}

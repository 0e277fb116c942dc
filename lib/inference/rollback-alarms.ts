import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { SAGEMAKER_NAMESPACE } from '../catalog/metrics';
import { acknowledgeControl, acknowledgeInlinePolicy } from '../runtime/acknowledge';

const ERRORS = 'Invocation5XXErrors';
const LATENCY = 'ModelLatency';

/** What the alarms watch. */
export interface RollbackAlarmsOptions {
  readonly endpointName: string;
  readonly variantName: string;
  /** The new configuration: during a rollout SageMaker publishes its metrics apart, so that the new instances are watched alone. */
  readonly endpointConfigName: string;
  readonly maxErrorRate: number;
  readonly maxModelLatency: Duration;
  /** Asynchronous endpoints publish no server errors; they count failed invocations. */
  readonly isAsync: boolean;
}

/** The two alarms that take a rollout back: server errors and latency of the new instances. Silent while no rollout runs. */
export class RollbackAlarms {
  public readonly alarms: cloudwatch.Alarm[];

  private readonly variantNames: string[];

  public constructor(
    scope: Construct,
    private readonly options: RollbackAlarmsOptions,
  ) {
    this.variantNames = [options.variantName];
    this.alarms = [
      rollbackAlarm(scope, 'RollbackOnErrors', {
        alarmDescription: options.isAsync
          ? 'Takes a rollout back: too many invocations of the new instances fail'
          : 'Takes a rollout back: too many answers of the new instances are server errors',
        metric: options.isAsync ? this.failedShare() : this.metric(ERRORS),
        threshold: options.maxErrorRate,
      }),
      rollbackAlarm(scope, 'RollbackOnLatency', {
        alarmDescription: 'Takes a rollout back: the model is too slow on the new instances (microseconds)',
        metric: this.metric(LATENCY),
        threshold: inMicroseconds(options.maxModelLatency),
      }),
    ];
  }

  /**
   * Watches a further variant of a real-time endpoint: both alarms go off when any variant is past the threshold. They stay two, as
   * SageMaker takes ten for an endpoint; an alarm takes ten metrics, one for each variant that an endpoint can have.
   */
  public watch(variantName: string): void {
    this.variantNames.push(variantName);
    this.alarms.forEach((alarm, index) => this.watchWorst(alarm, [ERRORS, LATENCY][index]!));
  }

  private watchWorst(alarm: cloudwatch.Alarm, metricName: string): void {
    const declared = alarm.node.defaultChild as cloudwatch.CfnAlarm;
    declared.metricName = undefined;
    declared.namespace = undefined;
    declared.dimensions = undefined;
    declared.statistic = undefined;
    declared.period = undefined;
    const ids = this.variantNames.map((_, index) => `v${index}`);
    declared.metrics = [
      { id: 'worst', expression: `MAX([${ids.join(', ')}])`, label: `${metricName} of the worst variant` },
      ...this.variantNames.map((variantName, index) => ({
        id: ids[index]!,
        label: variantName,
        returnData: false,
        metricStat: {
          metric: {
            namespace: SAGEMAKER_NAMESPACE,
            metricName,
            dimensions: Object.entries(this.dimensions(variantName)).map(([name, value]) => ({ name, value })),
          },
          period: 60,
          stat: cloudwatch.Stats.AVERAGE,
        },
      })),
    ];
  }

  private failedShare(): cloudwatch.MathExpression {
    return new cloudwatch.MathExpression({
      label: 'Share of failed invocations',
      // Where all fail nothing is answered, and a metric without a datapoint would leave the share without a value.
      expression: 'FILL(failed, 0) / (FILL(failed, 0) + FILL(answered, 0))',
      usingMetrics: {
        failed: this.metric('InvocationFailures', cloudwatch.Stats.SUM),
        answered: this.metric('TotalProcessingTime', cloudwatch.Stats.SAMPLE_COUNT),
      },
      period: Duration.minutes(1),
    });
  }

  private metric(metricName: string, statistic: string = cloudwatch.Stats.AVERAGE): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: SAGEMAKER_NAMESPACE,
      metricName,
      dimensionsMap: this.dimensions(this.options.variantName),
      statistic,
      period: Duration.minutes(1),
    });
  }

  private dimensions(variantName: string): { readonly [name: string]: string } {
    const { endpointName, endpointConfigName } = this.options;
    return { EndpointName: endpointName, VariantName: variantName, EndpointConfigName: endpointConfigName };
  }
}

/**
 * The two alarms that take the rollout of an inference component back. SageMaker publishes nothing of its new copies apart: they watch
 * all copies, so a batch has to be large enough to be seen among the old ones.
 */
export function componentRollbackAlarms(
  scope: Construct,
  options: {
    readonly errors: cloudwatch.IMetric;
    readonly latency: cloudwatch.IMetric;
    readonly maxErrorRate: number;
    readonly maxModelLatency: Duration;
  },
): cloudwatch.Alarm[] {
  return [
    rollbackAlarm(scope, 'RollbackOnErrors', {
      alarmDescription: 'Takes a rollout back: too many answers of the copies are server errors',
      metric: options.errors,
      threshold: options.maxErrorRate,
    }),
    rollbackAlarm(scope, 'RollbackOnLatency', {
      alarmDescription: 'Takes a rollout back: the model is too slow on the copies (microseconds)',
      metric: options.latency,
      threshold: inMicroseconds(options.maxModelLatency),
    }),
  ];
}

const inMicroseconds = (duration: Duration): number => duration.toMilliseconds({ integral: false }) * 1000;

function rollbackAlarm(
  scope: Construct,
  id: string,
  props: Pick<cloudwatch.AlarmProps, 'alarmDescription' | 'metric' | 'threshold'>,
): cloudwatch.Alarm {
  const alarm = new cloudwatch.Alarm(scope, id, {
    ...props,
    comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: 2,
    treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
  });
  acknowledgeControl(
    alarm,
    'CloudWatchAlarmAction',
    'SageMaker itself looks at the alarm while a rollout runs and takes the rollout back; at other times it has nothing to watch.',
  );
  return alarm;
}

/** Lets SageMaker look at the alarms during a rollout. */
export function rollbackPolicy(scope: Construct, role: iam.IRole, alarms: readonly cloudwatch.IAlarm[]): iam.Policy {
  const policy = new iam.Policy(scope, 'RollbackPolicy', {
    statements: [
      new iam.PolicyStatement({
        actions: ['cloudwatch:DescribeAlarms'],
        resources: alarms.map((alarm) => alarm.alarmArn),
      }),
    ],
  });
  policy.attachToRole(role);
  acknowledgeInlinePolicy(policy);
  return policy;
}

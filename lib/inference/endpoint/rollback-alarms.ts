import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { SAGEMAKER_NAMESPACE } from '../../catalog/hosting-metrics';
import { acknowledgeControl, acknowledgeInlinePolicy } from '../../runtime/acknowledge';
import type { Rollout } from './rollout';

const ERRORS = 'Invocation5XXErrors';
const LATENCY = 'ModelLatency';

/** Thresholds of the two alarms. */
type Thresholds = Pick<Rollout, 'maxErrorRatio' | 'maxModelLatency'>;

/** Endpoint and variant that the alarms watch. */
export interface RollbackAlarmsOptions {
  readonly endpointName: string;
  readonly variantName: string;
  /** New configuration: during a deployment SageMaker publishes its metrics separately, so the alarms watch the new instances alone. */
  readonly endpointConfigName: string;
  readonly rollout: Thresholds;
  /** Asynchronous endpoints publish no server errors; their alarm counts failed invocations. */
  readonly isAsynchronous: boolean;
}

/** The two alarms of an endpoint that roll a deployment back: errors and latency of the new instances. Silent between deployments. */
export class RollbackAlarms {
  public readonly alarms: cloudwatch.Alarm[];

  private readonly variantNames: string[];

  public constructor(
    scope: Construct,
    private readonly options: RollbackAlarmsOptions,
  ) {
    this.variantNames = [options.variantName];
    this.alarms = rollbackAlarms(scope, {
      subject: 'new instances',
      errors: options.isAsynchronous ? this.failedRatio() : this.metric(ERRORS),
      errorsMeaning: options.isAsynchronous
        ? 'too many invocations of the new instances fail'
        : 'too many responses of the new instances are server errors',
      latency: this.metric(LATENCY),
      thresholds: options.rollout,
    });
  }

  /**
   * Watches a further variant of a real-time endpoint: both alarms fire when any variant exceeds the threshold. They stay two, as SageMaker
   * takes ten for an endpoint; an alarm takes ten metrics, one for each variant that an endpoint can have.
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

  private failedRatio(): cloudwatch.MathExpression {
    return new cloudwatch.MathExpression({
      label: 'Share of failed invocations',
      // If all invocations fail, none is processed, and a metric without a datapoint would leave the expression without a value.
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
 * Creates the two alarms that roll back the deployment of an inference component. SageMaker publishes no separate metrics of its new
 * copies: the alarms watch all copies, so a batch has to be large enough to be visible among the old ones.
 */
export function componentRollbackAlarms(
  scope: Construct,
  metrics: { readonly errors: cloudwatch.IMetric; readonly latency: cloudwatch.IMetric },
  thresholds: Thresholds,
): cloudwatch.Alarm[] {
  const errorsMeaning = 'too many responses of the copies are server errors';
  return rollbackAlarms(scope, { ...metrics, subject: 'copies', errorsMeaning, thresholds });
}

interface Watched {
  readonly subject: string;
  readonly errors: cloudwatch.IMetric;
  readonly errorsMeaning: string;
  readonly latency: cloudwatch.IMetric;
  readonly thresholds: Thresholds;
}

function rollbackAlarms(scope: Construct, { subject, thresholds, ...watched }: Watched): cloudwatch.Alarm[] {
  return [
    rollbackAlarm(scope, 'RollbackOnErrors', {
      alarmDescription: `Rolls a deployment back: ${watched.errorsMeaning}`,
      metric: watched.errors,
      threshold: thresholds.maxErrorRatio,
    }),
    rollbackAlarm(scope, 'RollbackOnLatency', {
      alarmDescription: `Rolls a deployment back: the model is too slow on the ${subject} (microseconds)`,
      metric: watched.latency,
      threshold: thresholds.maxModelLatency.toMilliseconds({ integral: false }) * 1000,
    }),
  ];
}

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
    'SageMaker itself evaluates the alarm during a deployment and rolls it back; at other times there is nothing to watch.',
  );
  return alarm;
}

/** Allows SageMaker to read the alarms during a deployment. */
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

import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { SAGEMAKER_NAMESPACE } from '../catalog/metrics';
import { acknowledgeControl, acknowledgeInlinePolicy } from '../runtime/acknowledge';

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
export function rollbackAlarms(scope: Construct, options: RollbackAlarmsOptions): cloudwatch.Alarm[] {
  const metric = (metricName: string, statistic: string = cloudwatch.Stats.AVERAGE): cloudwatch.Metric =>
    new cloudwatch.Metric({
      namespace: SAGEMAKER_NAMESPACE,
      metricName,
      dimensionsMap: {
        EndpointName: options.endpointName,
        VariantName: options.variantName,
        EndpointConfigName: options.endpointConfigName,
      },
      statistic,
      period: Duration.minutes(1),
    });
  const errorRate = options.isAsync
    ? new cloudwatch.MathExpression({
        label: 'Share of failed invocations',
        expression: 'failed / (failed + answered)',
        usingMetrics: {
          failed: metric('InvocationFailures', cloudwatch.Stats.SUM),
          answered: metric('TotalProcessingTime', cloudwatch.Stats.SAMPLE_COUNT),
        },
        period: Duration.minutes(1),
      })
    : metric('Invocation5XXErrors');
  const common = {
    comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: 2,
    treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
  };
  const alarms = [
    new cloudwatch.Alarm(scope, 'RollbackOnErrors', {
      ...common,
      alarmDescription: options.isAsync
        ? 'Takes a rollout back: too many invocations of the new instances fail'
        : 'Takes a rollout back: too many answers of the new instances are server errors',
      metric: errorRate,
      threshold: options.maxErrorRate,
    }),
    new cloudwatch.Alarm(scope, 'RollbackOnLatency', {
      ...common,
      alarmDescription: 'Takes a rollout back: the model is too slow on the new instances (microseconds)',
      metric: metric('ModelLatency'),
      threshold: options.maxModelLatency.toMilliseconds() * 1000,
    }),
  ];
  for (const alarm of alarms) {
    acknowledgeControl(
      alarm,
      'CloudWatchAlarmAction',
      'SageMaker itself looks at the alarm while a rollout runs and takes the rollout back; at other times it has nothing to watch.',
    );
  }
  return alarms;
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

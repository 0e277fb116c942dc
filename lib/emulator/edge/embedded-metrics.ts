import { z } from 'zod';
import type { EngineClient } from '../engine/engine-client';
import { MqttLink } from './mqtt-link';

const documentSchema = z.looseObject({
  _aws: z.object({
    Timestamp: z.number(),
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string(),
        Dimensions: z.array(z.array(z.string())),
        Metrics: z.array(z.object({ Name: z.string(), Unit: z.string().optional() })),
      }),
    ),
  }),
});

export interface EmbeddedMetric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: { readonly [name: string]: string };
  readonly value: number;
  readonly unit: string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

/**
 * Returns the metrics of a document in CloudWatch's embedded metric format; none for another document.
 *
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function embeddedMetrics(text: string): EmbeddedMetric[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const parsed = documentSchema.safeParse(value);
  if (!parsed.success) return [];
  const { _aws: header, ...members } = parsed.data;
  return header.CloudWatchMetrics.flatMap(({ Namespace: namespace, Dimensions, Metrics }) =>
    Dimensions.flatMap((names) =>
      Metrics.flatMap(({ Name: name, Unit: unit = 'None' }) => {
        const number = members[name];
        if (typeof number !== 'number') return [];
        const dimensions = Object.fromEntries(names.map((one) => [one, String(members[one])]));
        return [{ namespace, name, dimensions, value: number, unit, timestamp: header.Timestamp }];
      }),
    ),
  );
}

export interface MetricsRuleOptions {
  readonly broker: { readonly host: string; readonly port: number };
  readonly topic: string;
  readonly engine: Pick<EngineClient, 'putMetricData'>;
  /** Time of the account for a time of the machine, seconds. */
  readonly timeOf: (machineSeconds: number) => number;
  readonly log: (message: string) => void;
}

/** Plays a topic rule with a log group behind it: messages of a topic become metrics of the local account. Returns the way to end it. */
export function startMetricsRule({ broker, topic, engine, timeOf, log }: MetricsRuleOptions): () => void {
  const link = new MqttLink({ ...broker, clientId: `rule-${topic.replaceAll('/', '-')}` });
  link.subscribe(topic, (_, payload) => {
    for (const metric of embeddedMetrics(payload.toString('utf8'))) {
      const datum = {
        MetricName: metric.name,
        Value: metric.value,
        Unit: metric.unit as 'Count',
        Timestamp: new Date(timeOf(metric.timestamp / 1000) * 1000),
        Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
      };
      engine.putMetricData(metric.namespace, [datum]).catch((error: unknown) => log(String(error)));
    }
  });
  return () => link.close();
}

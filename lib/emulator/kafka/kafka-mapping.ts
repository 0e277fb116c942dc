import { z } from 'zod';
import { DEPENDENT_PERMISSIONS } from '../../catalog/dependent-permissions';
import { KAFKA_RETRIES_WITH_DESTINATION, type MappingPlan } from '../../ingestion/decide/event-source-mapping';
import { flag, wholeNumber } from '../http/schema-parts';

const AUTHORITY = 'SERVER_ROOT_CA_CERTIFICATE';
const CREDENTIALS = [
  'SASL_SCRAM_512_AUTH',
  'SASL_SCRAM_256_AUTH',
  'BASIC_AUTH',
  'CLIENT_CERTIFICATE_TLS_AUTH',
  AUTHORITY,
];

const consumerGroup = () => z.object({ ConsumerGroupId: z.string().optional() }).optional();

/** Event source mapping as the engine stores it. */
const mappingSchema = z.object({
  UUID: z.string(),
  AccountId: z.string(),
  Region: z.string(),
  FunctionName: z.string(),
  Enabled: flag().default(true),
  Topics: z.array(z.string()).min(1),
  EventSourceArn: z.string().optional(),
  SelfManagedEventSource: z
    .object({
      // In templates KafkaBootstrapServers, in the API KAFKA_BOOTSTRAP_SERVERS.
      Endpoints: z.record(z.string(), z.array(z.string())).default({}),
    })
    .optional(),
  SelfManagedKafkaEventSourceConfig: consumerGroup(),
  AmazonManagedKafkaEventSourceConfig: consumerGroup(),
  SourceAccessConfigurations: z.array(z.object({ Type: z.string(), URI: z.string() })).default([]),
  StartingPosition: z.enum(['LATEST', 'TRIM_HORIZON', 'AT_TIMESTAMP']).default('LATEST'),
  StartingPositionTimestamp: z.coerce.number().optional(),
  BatchSize: wholeNumber(1),
  MaximumBatchingWindowInSeconds: wholeNumber(0).default(0),
  MaximumRetryAttempts: wholeNumber(-1).optional(),
  MaximumRecordAgeInSeconds: wholeNumber(-1).optional(),
  BisectBatchOnFunctionError: flag().default(false),
  FunctionResponseTypes: z.array(z.string()).default([]),
  MetricsConfig: z.object({ Metrics: z.array(z.string()).default([]) }).optional(),
  DestinationConfig: z.object({ OnFailure: z.object({ Destination: z.string().optional() }).optional() }).optional(),
});

/** Kafka event source mapping of Lambda. */
export interface KafkaMapping extends MappingPlan {
  readonly uuid: string;
  readonly functionName: string;
  /** ARN of the MSK cluster; undefined for another cluster. */
  readonly clusterArn: string | undefined;
  /** Brokers of the template; undefined for an MSK cluster. */
  readonly bootstrapServers: string | undefined;
  readonly topics: readonly string[];
  readonly consumerGroupId: string;
  readonly startingPosition: 'LATEST' | 'TRIM_HORIZON' | 'AT_TIMESTAMP';
  /** Seconds since 1970, with AT_TIMESTAMP. */
  readonly startingTimestamp: number | undefined;
  /** Maximum number of records of a batch. */
  readonly batchSize: number;
  readonly batchingWindowSeconds: number;
  /** Maximum age of a record; undefined without limit. */
  readonly maximumRecordAgeSeconds: number | undefined;
  /** True where the function reports which records failed. */
  readonly reportsFailures: boolean;
  /** ARN, or `kafka://TOPIC`; undefined for none. */
  readonly destination: string | undefined;
  /** Way in which Lambda proves who it is to a cluster that knows its clients by a secret; undefined for any other. */
  readonly credentials: MappingCredentials | undefined;
  /** Permissions of the function's role that Lambda uses, as pairs of action and resource. */
  readonly needs: readonly PermissionNeed[];
  /** Permissions of the function's role with which Lambda sends to the destination. */
  readonly failureNeeds: readonly PermissionNeed[];
  /** True where Lambda publishes the counts of events of the mapping. */
  readonly countsEvents: boolean;
}

/** Secrets of a mapping. */
export interface MappingCredentials {
  /** Type of the `SourceAccessConfiguration`; `NONE` for TLS alone. */
  readonly mechanism: string;
  readonly secretArn: string | undefined;
  /** Secret with the certificate of the authority of the brokers. */
  readonly authoritySecretArn: string | undefined;
}

type PermissionNeed = readonly [action: string, resource: string];

/** Reads the enabled mappings out of the engine's list. */
export function parseMappings(list: unknown): readonly KafkaMapping[] {
  return z
    .array(mappingSchema)
    .parse(list)
    .filter(({ Enabled }) => Enabled)
    .map((mapping) => {
      const clusterArn = mapping.EventSourceArn || undefined;
      const destination = mapping.DestinationConfig?.OnFailure?.Destination;
      const unlimited = destination === undefined ? Infinity : KAFKA_RETRIES_WITH_DESTINATION;
      const config = mapping.AmazonManagedKafkaEventSourceConfig ?? mapping.SelfManagedKafkaEventSourceConfig;
      const consumerGroupId = config?.ConsumerGroupId ?? mapping.UUID;
      return {
        uuid: mapping.UUID,
        functionName: mapping.FunctionName,
        clusterArn,
        bootstrapServers: Object.values(mapping.SelfManagedEventSource?.Endpoints ?? {})[0]?.join(','),
        topics: mapping.Topics,
        consumerGroupId,
        startingPosition: mapping.StartingPosition,
        startingTimestamp: mapping.StartingPositionTimestamp,
        batchSize: mapping.BatchSize,
        batchingWindowSeconds: mapping.MaximumBatchingWindowInSeconds,
        maximumRetryAttempts: limit(mapping.MaximumRetryAttempts) ?? unlimited,
        maximumRecordAgeSeconds: limit(mapping.MaximumRecordAgeInSeconds),
        bisectBatchOnFunctionError: mapping.BisectBatchOnFunctionError,
        reportsFailures: mapping.FunctionResponseTypes.includes('ReportBatchItemFailures'),
        destination,
        credentials: credentialsOf(mapping),
        needs: neededPermissions(mapping, clusterArn, consumerGroupId),
        failureNeeds: failurePermissions(mapping, clusterArn, destination),
        countsEvents: mapping.MetricsConfig?.Metrics.includes('EventCount') === true,
      };
    });
}

function credentialsOf({ SourceAccessConfigurations }: z.output<typeof mappingSchema>): MappingCredentials | undefined {
  const secrets = SourceAccessConfigurations.filter(({ Type }) => CREDENTIALS.includes(Type));
  if (secrets.length === 0) return undefined;
  const identity = secrets.find(({ Type }) => Type !== AUTHORITY);
  const authority = secrets.find(({ Type }) => Type === AUTHORITY);
  return { mechanism: identity?.Type ?? 'NONE', secretArn: identity?.URI, authoritySecretArn: authority?.URI };
}

/** -1 stands for no limit. */
function limit(value: number | undefined): number | undefined {
  return value === undefined || value < 0 ? undefined : value;
}

const CREATE_MAPPING = 'lambda:CreateEventSourceMapping';

/** Permissions of the catalog's table for the role of a mapping, with the ARNs of this one. */
function neededPermissions(
  { Topics, SourceAccessConfigurations }: z.output<typeof mappingSchema>,
  clusterArn: string | undefined,
  consumerGroupId: string,
): readonly PermissionNeed[] {
  const types = SourceAccessConfigurations.map(({ Type }) => Type);
  const secrets = SourceAccessConfigurations.filter(({ Type }) => CREDENTIALS.includes(Type)).map(({ URI }) => URI);
  const isScram = types.some((type) => type.startsWith('SASL_SCRAM'));
  const isIam = usesIam(clusterArn, types);
  const cluster = clusterArn === undefined ? [] : [clusterArn];
  return permissionsOf({
    '{MskClusterArn}': cluster,
    '{ScramClusterArn}': isScram ? cluster : [],
    '{IamClusterArn}': isIam ? cluster : [],
    '{TopicArn}': isIam ? Topics.map((topic) => arnOf(clusterArn, 'topic', topic)) : [],
    '{ConsumerGroupArn}': isIam ? [arnOf(clusterArn, 'group', consumerGroupId)] : [],
    '{SecretArn}': secrets,
    '*': clusterArn !== undefined || types.includes('VPC_SUBNET') ? ['*'] : [],
  });
}

/** Permissions of the catalog's table with which Lambda sends to a destination. */
function failurePermissions(
  { UUID, SourceAccessConfigurations }: z.output<typeof mappingSchema>,
  clusterArn: string | undefined,
  destination: string | undefined,
): readonly PermissionNeed[] {
  const service = destination?.split(':')[2];
  const of = (name: string): readonly string[] => (service === name ? [destination!] : []);
  const topic = /^kafka:\/\/(.+)$/.exec(destination ?? '')?.[1];
  const isIam = usesIam(
    clusterArn,
    SourceAccessConfigurations.map(({ Type }) => Type),
  );
  return permissionsOf({
    '{FailedBatchArns}': of('s3').map((arn) => `${arn}/aws/lambda/${UUID}/batch`),
    '{FailureBucketArn}': of('s3'),
    '{FailureQueueArn}': of('sqs'),
    '{FailureSnsTopicArn}': of('sns'),
    '{FailureTopicArn}': topic !== undefined && isIam ? [arnOf(clusterArn, 'topic', topic)] : [],
  });
}

/** True where Lambda proves to the brokers who it is with the role of the function. */
function usesIam(clusterArn: string | undefined, types: readonly string[]): boolean {
  return clusterArn !== undefined && !types.some((type) => CREDENTIALS.includes(type));
}

function arnOf(clusterArn: string | undefined, kind: string, name: string): string {
  return `${clusterArn?.replace(':cluster/', `:${kind}/`)}/${name}`;
}

/** Rows of the table for the role of a mapping, as far as their resources are given. */
function permissionsOf(resources: { readonly [placeholder: string]: readonly string[] }): readonly PermissionNeed[] {
  return DEPENDENT_PERMISSIONS.filter(
    ({ call, holder, resource, onlyIn }) =>
      call === CREATE_MAPPING && holder === 'role' && (resource !== '*' || onlyIn === 'vpc'),
  ).flatMap(({ actions, resource }) =>
    (resources[resource] ?? []).flatMap((arn) => actions.map((action) => [action, arn] as const)),
  );
}

import { Aws, Duration, Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as glue from 'aws-cdk-lib/aws-glue';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as firehose from 'aws-cdk-lib/aws-kinesisfirehose';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import {
  acknowledgeInlinePolicy,
  acknowledgeLogEncryption,
  acknowledgeRule,
  acknowledgeWildcards,
} from '../runtime/acknowledge';
import { grantKeyUse } from '../runtime/dependent-grants';
import { RESULT_COLUMNS } from './contract';
import { ResultSink } from './result-sink';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';

/** Properties of {@link ResultTable}. */
export interface ResultTableProps {
  /** Bucket of the results: `resultsBucket` of an ingestion. An imported one has to send its events to EventBridge already. */
  readonly resultsBucket: s3.IBucket;

  /**
   * Bucket of the table.
   *
   * @default - `resultsBucket`
   */
  readonly tableBucket?: s3.IBucket;

  /**
   * Key prefix of the table, with `/` at its end.
   *
   * @default 'parquet/'
   */
  readonly tablePrefix?: string;

  /**
   * Maximum time for which results are gathered into one object, 60 to 900 seconds.
   *
   * @default Duration.minutes(5)
   */
  readonly bufferingInterval?: Duration;
}

/** Size of an object before its conversion, MB: at least 64 with a format conversion, the largest is 128. */
const BUFFER_MB = 128;

/**
 * Table of results in Parquet, partitioned by hour, which Athena, Spark and Redshift read through the Glue catalog: every result goes
 * through a stream to Firehose, which converts it. At least once: a result that is delivered twice is two rows with the same `id`.
 *
 * @example
 * new ingestion.ResultTable(this, 'Table', { resultsBucket: requests.resultsBucket });
 */
export class ResultTable extends Construct {
  /** Sink that sends the results to the stream. */
  public readonly sink: ResultSink;

  /** Stream between the results and Firehose; other consumers may read it too. */
  public readonly stream: kinesis.Stream;

  /** Name of the database in the Glue catalog. */
  public readonly databaseName: string;

  /** Name of the table in the database. */
  public readonly tableName: string = 'results';

  /** Firehose stream that writes the table. */
  public readonly deliveryStream: firehose.CfnDeliveryStream;

  public constructor(scope: Construct, id: string, props: ResultTableProps) {
    super(scope, id);
    const { resultsBucket, tableBucket = resultsBucket, tablePrefix = 'parquet/' } = props;
    const { bufferingInterval = Duration.minutes(5) } = props;
    throwProblems(this.node.path, checkProps(tablePrefix, bufferingInterval));
    this.stream = new kinesis.Stream(this, 'Stream', {
      streamMode: kinesis.StreamMode.ON_DEMAND,
      encryption: kinesis.StreamEncryption.MANAGED,
      // Firehose retries for as long as the stream has the records.
      retentionPeriod: Duration.days(7),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.sink = new ResultSink(this, 'Sink', { resultsBucket, stream: this.stream });
    this.databaseName = Names.uniqueResourceName(this, { maxLength: 60, separator: '_' }).toLowerCase();
    const database = new glue.CfnDatabase(this, 'Database', {
      catalogId: Aws.ACCOUNT_ID,
      databaseInput: { name: this.databaseName, description: 'Results of an ingestion' },
    });
    const table = this.createTable(tableBucket, tablePrefix);
    table.node.addDependency(database);
    const logGroup = new logs.LogGroup(this, 'Logs', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledgeLogEncryption(logGroup);
    const logStream = new logs.LogStream(this, 'LogStream', { logGroup, removalPolicy: RemovalPolicy.DESTROY });
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('firehose.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
      description: 'Writes the table of results',
    });
    const policy = this.grantDelivery(role, tableBucket, tablePrefix, logGroup);
    this.deliveryStream = new firehose.CfnDeliveryStream(this, 'DeliveryStream', {
      deliveryStreamType: 'KinesisStreamAsSource',
      kinesisStreamSourceConfiguration: { kinesisStreamArn: this.stream.streamArn, roleArn: role.roleArn },
      extendedS3DestinationConfiguration: {
        bucketArn: tableBucket.bucketArn,
        roleArn: role.roleArn,
        prefix: `${tablePrefix}day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/`,
        errorOutputPrefix: `${errorPrefix(tablePrefix)}!{firehose:error-output-type}/day=!{timestamp:yyyy-MM-dd}/`,
        bufferingHints: { intervalInSeconds: bufferingInterval.toSeconds(), sizeInMBs: BUFFER_MB },
        // Parquet is compressed by itself.
        compressionFormat: 'UNCOMPRESSED',
        cloudWatchLoggingOptions: {
          enabled: true,
          logGroupName: logGroup.logGroupName,
          logStreamName: logStream.logStreamName,
        },
        dataFormatConversionConfiguration: {
          enabled: true,
          inputFormatConfiguration: { deserializer: { openXJsonSerDe: {} } },
          outputFormatConfiguration: { serializer: { parquetSerDe: { compression: 'SNAPPY' } } },
          schemaConfiguration: {
            catalogId: Aws.ACCOUNT_ID,
            databaseName: this.databaseName,
            tableName: this.tableName,
            region: Stack.of(this).region,
            roleArn: role.roleArn,
            versionId: 'LATEST',
          },
        },
      },
    });
    acknowledgeRule(
      this.deliveryStream,
      'KDF1',
      'Firehose encrypts by itself what producers put directly; here a stream, which is encrypted, is its source.',
    );
    // Firehose checks the role and the table when the stream is created.
    this.deliveryStream.node.addDependency(policy, table);
  }

  /**
   * Age of the oldest result that Firehose has and the table lacks, seconds: below `bufferingInterval` and the time of a delivery while all is well.
   *
   * @param options other statistics or periods
   * @default - maximum over one minute
   */
  public metricFreshness(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('DeliveryToS3.DataFreshness', { statistic: cloudwatch.Stats.MAXIMUM, ...options });
  }

  /**
   * Number of results that could not be made a row, which are below the error prefix of the table.
   *
   * @param options other statistics or periods
   * @default - sum over one minute
   */
  public metricFailedRecords(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('FailedConversion.Records', { statistic: cloudwatch.Stats.SUM, ...options });
  }

  /** Metric of Firehose (https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html). */
  private metric(metricName: string, options: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: 'AWS/Firehose',
      metricName,
      dimensionsMap: { DeliveryStreamName: this.deliveryStream.ref },
      period: Duration.minutes(1),
      ...options,
    }).attachTo(this);
  }

  /** Creates the table, whose partitions Athena computes: no crawler has to find them. */
  private createTable(bucket: s3.IBucket, prefix: string): glue.CfnTable {
    const location = `s3://${bucket.bucketName}/${prefix}`;
    return new glue.CfnTable(this, 'Table', {
      catalogId: Aws.ACCOUNT_ID,
      databaseName: this.databaseName,
      tableInput: {
        name: this.tableName,
        tableType: 'EXTERNAL_TABLE',
        partitionKeys: [
          { name: 'day', type: 'string' },
          { name: 'hour', type: 'string' },
        ],
        parameters: {
          classification: 'parquet',
          'projection.enabled': 'true',
          'projection.day.type': 'date',
          'projection.day.format': 'yyyy-MM-dd',
          'projection.day.range': '2025-01-01,NOW',
          'projection.hour.type': 'integer',
          'projection.hour.range': '0,23',
          'projection.hour.digits': '2',
          'storage.location.template': `${location}day=\${day}/hour=\${hour}/`,
        },
        storageDescriptor: {
          location,
          columns: Object.entries(RESULT_COLUMNS).map(([name, type]) => ({ name, type })),
          inputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat',
          outputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat',
          serdeInfo: { serializationLibrary: 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe' },
        },
      },
    });
  }

  /** Grants Firehose what https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html names, on these resources only. */
  private grantDelivery(role: iam.Role, bucket: s3.IBucket, prefix: string, logGroup: logs.ILogGroup): iam.Policy {
    const stack = Stack.of(this);
    const objects = [prefix, errorPrefix(prefix)].map((each) => bucket.arnForObjects(`${each}*`));
    const catalog = (resource: string, resourceName?: string): string =>
      stack.formatArn({ service: 'glue', resource, resourceName });
    const policy = new iam.Policy(this, 'DeliveryPolicy', {
      statements: [
        new iam.PolicyStatement({
          sid: 'ReadStream',
          actions: ['kinesis:DescribeStream', 'kinesis:GetRecords', 'kinesis:GetShardIterator', 'kinesis:ListShards'],
          resources: [this.stream.streamArn],
        }),
        new iam.PolicyStatement({
          sid: 'FindBucket',
          actions: ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
          resources: [bucket.bucketArn],
        }),
        new iam.PolicyStatement({
          sid: 'WriteTable',
          actions: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
          resources: objects,
        }),
        new iam.PolicyStatement({
          sid: 'ReadSchema',
          actions: ['glue:GetTable', 'glue:GetTableVersion', 'glue:GetTableVersions'],
          resources: [
            catalog('catalog'),
            catalog('database', this.databaseName),
            catalog('table', `${this.databaseName}/${this.tableName}`),
          ],
        }),
        new iam.PolicyStatement({
          sid: 'WriteLogs',
          actions: ['logs:PutLogEvents'],
          resources: [logGroup.logGroupArn],
        }),
      ],
    });
    policy.attachToRole(role);
    grantKeyUse(bucket.encryptionKey, role, 's3:PutObject', 's3:GetObject')?.applyBefore(policy);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(policy, objects, 'The keys of the objects are not known before they are written.');
    return policy;
  }
}

const errorPrefix = (tablePrefix: string): string => `${tablePrefix.slice(0, -1)}-errors/`;

function checkProps(tablePrefix: string, bufferingInterval: Duration): readonly string[] {
  const problems: string[] = [];
  if (!/^[\w!*'()./-]+\/$/.test(tablePrefix))
    problems.push(`tablePrefix ('${tablePrefix}') must end with '/' and have no '{'; for example 'parquet/'`);
  if (!bufferingInterval.isUnresolved()) {
    problems.push(...checkWholeDurations('seconds', { bufferingInterval }));
    const seconds = secondsOf(bufferingInterval);
    if (seconds < 60 || seconds > 900) problems.push(`bufferingInterval (${seconds} s) must be from 60 to 900 seconds`);
  }
  return problems;
}

import { createHash } from 'node:crypto';
import * as path from 'node:path';
import { ArnFormat, Duration, Fn, Names, RemovalPolicy, Size, Stack, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as greengrass from 'aws-cdk-lib/aws-greengrassv2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as iot from 'aws-cdk-lib/aws-iot';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as s3assets from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import {
  acknowledgeControl,
  acknowledgeGrants,
  acknowledgeInlinePolicy,
  acknowledgeLogEncryption,
} from '../runtime/acknowledge';
import { dependentStatements, grantKeyUse } from '../runtime/dependent-grants';
import {
  contentVersion,
  EDGE_METRICS,
  type EdgeArtifact,
  type EdgeConfiguration,
  edgeRecipe,
  FLEET_DIMENSION,
} from './contract';
import { secondsOf } from '../runtime/whole-amounts';
import { checkEdgeFleet, type EdgeSettings } from './edge-checks';
import { EdgeDropPolicy, type EdgeFleetProps } from './edge-fleet-props';
import { EdgeRollout } from './edge-rollout';

/** The relative path is the same from `lib/` and from `build/`. */
const COMPONENT_DIRECTORY = path.join(__dirname, '../../lib/edge/assets/component');

/** Time for the installation of Python packages on a slow device. */
const INSTALL_TIMEOUT_SECONDS = 1800;

/** Lifetime of the credentials of a device: an hour is the default of a role alias and the maximum of a role that is not changed. */
const CREDENTIAL_SECONDS = 3600;

/** Artifact and what tells its content. */
interface Packed extends EdgeArtifact {
  readonly folder: string;
  readonly fingerprint: unknown;
  readonly objectArn: string;
}

/**
 * Devices that answer requests with a model of their own and ask the cloud when it is unsure.
 *
 * Creates a Greengrass component of the model and its deployment to a new thing group, with a staged rollout that is cancelled when devices fail; the
 * token-exchange role with its role alias, and the policy for the certificates of devices, with no more than they need; and the way of the
 * metrics: topic rule and log group. Devices store results on their disk until the stream has them.
 *
 * @example
 * new edge.EdgeFleet(this, 'Cameras', {
 *   model: edge.EdgeModel.fromBucket(bucket, 'models/compress-7/output/model.tar.gz'),
 *   stream: requests.stream,
 *   endpoint,
 * });
 */
export class EdgeFleet extends Construct {
  /** Name of the fleet, which is also the dimension of its metrics. */
  public readonly fleetName: string;

  /** Name of the component. */
  public readonly componentName: string;

  /** Version of the component; other content has another version. */
  public readonly componentVersion: string;

  /** ARN of the thing group; devices that join it get the component. */
  public readonly thingGroupArn: string;

  /** Name of the thing group. */
  public readonly thingGroupName: string;

  /** Token-exchange role, which the component calls AWS with. */
  public readonly tokenExchangeRole: iam.Role;

  /** Name of the role alias, for the configuration of the devices' nucleus (`iotRoleAlias`). */
  public readonly roleAliasName: string;

  /** Name of the policy to attach to the certificate of every device. */
  public readonly devicePolicyName: string;

  /** Local topic of requests on a device. */
  public readonly requestTopic: string;

  /** Local topic of responses on a device. */
  public readonly responseTopic: string;

  /** Log group of the metrics messages, an event for each message of a device. */
  public readonly metricsLogGroup: logs.LogGroup;

  /** Number of devices that should report; undefined without one. */
  public readonly expectedDevices?: number;

  /** Time between two metrics messages of a device. */
  public readonly metricsInterval: Duration;

  /** True if devices ask an endpoint. */
  public readonly asksEndpoint: boolean;

  private readonly failedDeployments: events.Rule;

  public constructor(scope: Construct, id: string, props: EdgeFleetProps) {
    super(scope, id);
    const settings = edgeSettings(this, props);
    throwProblems(this.node.path, checkEdgeFleet(props, settings));
    this.fleetName = settings.fleetName;
    this.requestTopic = `${settings.topicPrefix}/requests`;
    this.responseTopic = `${settings.topicPrefix}/responses`;
    this.expectedDevices = props.expectedDevices;
    this.metricsInterval = Duration.seconds(settings.metricsIntervalSeconds);
    this.asksEndpoint = props.endpoint !== undefined;
    const metricsTopic = `${settings.topicPrefix}/metrics`;

    const code = packedDirectory(this, 'Code', COMPONENT_DIRECTORY);
    const model = this.packedModel(props);
    const configuration = configurationOf(this, props, settings, {
      requestTopic: this.requestTopic,
      responseTopic: this.responseTopic,
      metricsTopic,
    });
    this.componentName = `tidegate.edge.${this.fleetName}`;
    const recipe = {
      componentName: this.componentName,
      publisher: 'tidegate',
      code,
      model,
      configuration,
      installTimeoutSeconds: INSTALL_TIMEOUT_SECONDS,
    };
    const content = Stack.of(this).resolve([
      edgeRecipe({ ...recipe, componentVersion: '1.0.0' }),
      code.fingerprint,
      model.fingerprint,
    ]);
    const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex');
    this.componentVersion = contentVersion(hash);
    const component = new greengrass.CfnComponentVersion(this, 'Component', {
      inlineRecipe: Stack.of(this).toJsonString(edgeRecipe({ ...recipe, componentVersion: this.componentVersion })),
    });

    const group = new iot.CfnThingGroup(this, 'Group', {
      thingGroupName: this.fleetName,
      parentGroupName: props.parentThingGroupName,
      thingGroupProperties: { thingGroupDescription: 'Devices that answer requests with a model of their own' },
    });
    this.thingGroupArn = group.attrArn;
    this.thingGroupName = this.fleetName;
    this.tokenExchangeRole = this.createRole(props, [code, model]);
    const alias = new iot.CfnRoleAlias(this, 'RoleAlias', {
      roleAlias: this.fleetName,
      roleArn: this.tokenExchangeRole.roleArn,
      credentialDurationSeconds: CREDENTIAL_SECONDS,
    });
    this.roleAliasName = this.fleetName;
    this.devicePolicyName = this.createDevicePolicy(settings, alias, metricsTopic);
    this.metricsLogGroup = this.createMetricsWay(metricsTopic);
    this.deploy(props, settings, component);
    this.failedDeployments = new events.Rule(this, 'FailedDeployments', {
      description: 'Counts deployments that failed on a device, by its metric MatchedEvents',
      eventPattern: {
        source: ['aws.greengrass'],
        detailType: ['Greengrass V2 Effective Deployment Status Change'],
        detail: { coreDeviceExecutionStatus: ['FAILED', 'REJECTED'] },
        resources: events.Match.prefix(
          Stack.of(this).formatArn({
            service: 'greengrass',
            resource: 'coreDevices',
            resourceName: settings.thingNamePrefix,
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        ),
      },
    });
    acknowledgeControl(
      this.failedDeployments,
      'EventBusDLQ',
      'The rule has no target whose events could be lost: it is there for its metric.',
    );
  }

  /**
   * Messages of devices: one for each device and metrics interval.
   *
   * @param options other statistics or periods
   * @default - sum over five minutes
   */
  public metricHeartbeats(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(EDGE_METRICS.heartbeats, options);
  }

  /**
   * Number of devices that report, from their heartbeats.
   *
   * @param options other label or colour
   * @default - over five minutes, or three metrics intervals where that is longer
   */
  public metricReportingDevices(options?: cloudwatch.MathExpressionOptions): cloudwatch.MathExpression {
    const interval = this.metricsInterval.toSeconds();
    const minutes = Math.max(5, Math.ceil((3 * interval) / 60));
    const period = Duration.minutes(minutes);
    return new cloudwatch.MathExpression({
      label: 'devices that report',
      period,
      ...options,
      expression: `FILL(heartbeats, 0) * ${interval} / ${period.toSeconds()}`,
      usingMetrics: { heartbeats: this.metricHeartbeats({ period }) },
    });
  }

  /**
   * Requests that devices received.
   *
   * @param options other statistics or periods
   * @default - sum over five minutes
   */
  public metricRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(EDGE_METRICS.requests, options);
  }

  /**
   * Requests that the cloud endpoint was asked.
   *
   * @param options other statistics or periods
   * @default - sum over five minutes
   */
  public metricAskedCloud(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(EDGE_METRICS.askedCloud, options);
  }

  /**
   * Share of the requests that devices answered without the cloud, percent.
   *
   * @param options other label, colour or period
   * @default - over five minutes
   */
  public metricOffload(options?: cloudwatch.MathExpressionOptions): cloudwatch.MathExpression {
    return new cloudwatch.MathExpression({
      label: 'answered at the edge (%)',
      period: Duration.minutes(5),
      ...options,
      expression: 'IF(requests > 0, 100 * (requests - asked) / requests)',
      usingMetrics: { requests: this.metricRequests(), asked: this.metricAskedCloud() },
    });
  }

  /**
   * Results that devices dropped because their store was full.
   *
   * @param options other statistics or periods
   * @default - sum over five minutes
   */
  public metricDropped(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(EDGE_METRICS.dropped, options);
  }

  /**
   * Used part of the fullest store, percent.
   *
   * @param options other statistics or periods
   * @default - maximum over five minutes
   */
  public metricStoreUsed(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(EDGE_METRICS.storeUsed, { statistic: cloudwatch.Stats.MAXIMUM, ...options });
  }

  /**
   * Results that wait on a device for the stream.
   *
   * @param options other statistics or periods
   * @default - maximum over five minutes
   */
  public metricWaiting(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(EDGE_METRICS.waiting, { statistic: cloudwatch.Stats.MAXIMUM, ...options });
  }

  /**
   * Results that the stream has.
   *
   * @param options other statistics or periods
   * @default - sum over five minutes
   */
  public metricForwarded(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(EDGE_METRICS.forwarded, options);
  }

  /**
   * Median time of a device from a request to its response, milliseconds.
   *
   * @param options other statistics or periods
   * @default - average over five minutes
   */
  public metricLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(EDGE_METRICS.latency, { statistic: cloudwatch.Stats.AVERAGE, ...options });
  }

  /**
   * Deployments that failed on a device.
   *
   * @param options other statistics or periods
   * @default - sum over five minutes
   */
  public metricFailedDeployments(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: 'AWS/Events',
      metricName: 'MatchedEvents',
      dimensionsMap: { RuleName: this.failedDeployments.ruleName },
      statistic: cloudwatch.Stats.SUM,
      period: Duration.minutes(5),
      ...options,
    });
  }

  private metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: { [FLEET_DIMENSION]: this.fleetName },
      statistic: cloudwatch.Stats.SUM,
      period: Duration.minutes(5),
      ...options,
    });
  }

  private packedModel({ model }: EdgeFleetProps): Packed {
    const { directory, bucket, key } = model._source;
    if (directory !== undefined) return packedDirectory(this, 'Model', directory);
    return {
      uri: `s3://${bucket!.bucketName}/${key!}`,
      unarchive: 'NONE',
      folder: '',
      fingerprint: [bucket!.bucketName, key],
      objectArn: bucket!.arnForObjects(key!),
    };
  }

  /** Role that the component calls AWS with: it may read two objects, write to one stream, and ask one endpoint. */
  private createRole(props: EdgeFleetProps, artifacts: readonly Packed[]): iam.Role {
    const { stream, endpoint, model } = props;
    const role = new iam.Role(this, 'TokenExchangeRole', {
      assumedBy: new iam.ServicePrincipal('credentials.iot.amazonaws.com'),
      description: 'Used by the devices of a fleet',
    });
    const policy = new iam.Policy(this, 'TokenExchangePolicy', {
      statements: [
        ...dependentStatements(this, [
          { call: 'iot:CreateRoleAlias', arns: { ArtifactArns: artifacts.map(({ objectArn }) => objectArn) } },
        ]),
        new iam.PolicyStatement({ sid: 'Forward', actions: ['kinesis:PutRecords'], resources: [stream.streamArn] }),
      ],
    });
    policy.attachToRole(role);
    acknowledgeInlinePolicy(policy);
    grantKeyUse(model._source.bucket?.encryptionKey, role, 's3:GetObject');
    grantKeyUse(stream.encryptionKey, role, 'kinesis:PutRecords');
    endpoint?.grantInvoke(role);
    acknowledgeGrants(role);
    return role;
  }

  /**
   * Policy for the certificates of devices: what a core device needs at least, and the one topic of the metrics.
   *
   * https://docs.aws.amazon.com/greengrass/v2/developerguide/device-auth.html
   */
  private createDevicePolicy({ thingNamePrefix }: EdgeSettings, alias: iot.CfnRoleAlias, metricsTopic: string): string {
    const stack = Stack.of(this);
    const arn = (resource: string, resourceName: string): string =>
      stack.formatArn({ service: 'iot', resource, resourceName });
    const things = `$aws/things/${thingNamePrefix}*`;
    const allow = (Action: string[], Resource: string[]): object => ({ Effect: 'Allow', Action, Resource });
    const policy = new iot.CfnPolicy(this, 'DevicePolicy', {
      policyName: this.fleetName,
      policyDocument: {
        Version: '2012-10-17',
        Statement: [
          allow(['iot:Connect'], [arn('client', `${thingNamePrefix}*`)]),
          allow(
            ['iot:Publish', 'iot:Receive'],
            ['greengrass/health/json', 'greengrassv2/health/json', 'jobs/*', 'shadow/*'].map((topic) =>
              arn('topic', `${things}/${topic}`),
            ),
          ),
          allow(['iot:Publish'], [arn('topic', metricsTopic)]),
          allow(
            ['iot:Subscribe'],
            ['jobs/*', 'shadow/*'].map((topic) => arn('topicfilter', `${things}/${topic}`)),
          ),
          allow(
            ['iot:GetThingShadow', 'iot:UpdateThingShadow', 'iot:DeleteThingShadow'],
            [arn('thing', `${thingNamePrefix}*`)],
          ),
          allow(['iot:AssumeRoleWithCertificate'], [alias.attrRoleAliasArn]),
          // These actions of the data plane support no resources of their own.
          allow(
            [
              'greengrass:GetComponentVersionArtifact',
              'greengrass:GetDeploymentConfiguration',
              'greengrass:ListThingGroupsForCoreDevice',
              'greengrass:ResolveComponentCandidates',
            ],
            ['*'],
          ),
        ],
      },
    });
    return policy.policyName!;
  }

  /** Rule that writes metrics messages to a log group, which turns them into metrics. */
  private createMetricsWay(metricsTopic: string): logs.LogGroup {
    const logGroup = new logs.LogGroup(this, 'MetricsLog', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledgeLogEncryption(logGroup);
    const role = new iam.Role(this, 'MetricsRole', {
      assumedBy: new iam.ServicePrincipal('iot.amazonaws.com'),
      description: 'Writes the metrics of devices to their log group',
    });
    const policy = new iam.Policy(this, 'MetricsPolicy', {
      statements: dependentStatements(this, [
        { call: 'iot:CreateTopicRule', cases: ['logging'], arns: { LogGroupArn: [logGroup.logGroupArn] } },
      ]),
    });
    policy.attachToRole(role);
    acknowledgeInlinePolicy(policy);
    const rule = new iot.CfnTopicRule(this, 'MetricsRule', {
      topicRulePayload: {
        description: 'Metrics of devices, in the embedded metric format',
        sql: `SELECT * FROM '${metricsTopic}'`,
        awsIotSqlVersion: '2016-03-23',
        actions: [{ cloudwatchLogs: { logGroupName: logGroup.logGroupName, roleArn: role.roleArn } }],
      },
    });
    rule.node.addDependency(policy);
    return logGroup;
  }

  private deploy(props: EdgeFleetProps, settings: EdgeSettings, component: greengrass.CfnComponentVersion): void {
    const { failedPercentage, minDevices } = settings.abort;
    const deployment = new greengrass.CfnDeployment(this, 'Deployment', {
      targetArn: this.thingGroupArn,
      deploymentName: this.fleetName,
      components: {
        [this.componentName]: {
          componentVersion: this.componentVersion,
          // Devices keep the configuration of the version before, unless it is reset.
          configurationUpdate: { reset: [''] },
        },
      },
      deploymentPolicies: {
        failureHandlingPolicy: (props.rollback ?? true) ? 'ROLLBACK' : 'DO_NOTHING',
        componentUpdatePolicy: { action: 'NOTIFY_COMPONENTS', timeoutInSeconds: 60 },
        configurationValidationPolicy: { timeoutInSeconds: 60 },
      },
      iotJobConfiguration: {
        jobExecutionsRolloutConfig: settings.rollout._render(),
        abortConfig: {
          criteriaList: ['FAILED', 'TIMED_OUT', 'REJECTED'].map((failureType) => ({
            action: 'CANCEL',
            failureType,
            minNumberOfExecutedThings: minDevices,
            thresholdPercentage: failedPercentage,
          })),
        },
        timeoutConfig: { inProgressTimeoutInMinutes: settings.deploymentTimeoutMinutes },
      },
    });
    deployment.node.addDependency(component);
  }
}

function edgeSettings(scope: Construct, props: EdgeFleetProps): EdgeSettings {
  const fleetName = props.fleetName ?? defaultName(scope);
  return {
    confidenceThreshold: props.confidenceThreshold ?? 0.8,
    storeSize: props.storeSize ?? Size.mebibytes(64),
    endpointTimeoutSeconds: secondsOf(props.endpointTimeout ?? Duration.seconds(3)),
    forwardIntervalSeconds: secondsOf(props.forwardInterval ?? Duration.seconds(5)),
    metricsIntervalSeconds: secondsOf(props.metricsInterval ?? Duration.minutes(1)),
    deploymentTimeoutMinutes: secondsOf(props.deploymentTimeout ?? Duration.minutes(30)) / 60,
    abort: {
      failedPercentage: props.abort?.failedPercentage ?? 20,
      minDevices: props.abort === undefined ? 5 : (props.abort.minDevices ?? 1),
    },
    rollout: props.rollout ?? EdgeRollout.exponential({ basePerMinute: 10 }),
    fleetName,
    topicPrefix: props.topicPrefix ?? `tidegate/${fleetName}`,
    thingNamePrefix: props.thingNamePrefix ?? `${fleetName}-`,
  };
}

function defaultName(scope: Construct): string {
  const name = Names.uniqueResourceName(scope, { maxLength: 48, separator: '-' });
  return Token.isUnresolved(name) ? name : name.toLowerCase().replace(/^-+|-+$/g, '');
}

function packedDirectory(scope: Construct, id: string, directory: string): Packed {
  const asset = new s3assets.Asset(scope, id, { path: directory, exclude: ['__pycache__', '*.pyc', '.*', '*.in'] });
  return {
    uri: asset.s3ObjectUrl,
    unarchive: 'ZIP',
    // Greengrass unpacks an archive into a folder of its name.
    folder: folderOf(asset.s3ObjectKey),
    fingerprint: asset.assetHash,
    objectArn: asset.bucket.arnForObjects(asset.s3ObjectKey),
  };
}

function folderOf(key: string): string {
  return Token.isUnresolved(key) ? Fn.select(0, Fn.split('.zip', key)) : path.posix.basename(key, '.zip');
}

function configurationOf(
  scope: Construct,
  props: EdgeFleetProps,
  settings: EdgeSettings,
  topics: Pick<EdgeConfiguration, 'requestTopic' | 'responseTopic' | 'metricsTopic'>,
): EdgeConfiguration {
  return {
    fleet: settings.fleetName,
    metricsNamespace: METRIC_NAMESPACE,
    confidenceThreshold: String(settings.confidenceThreshold),
    storeMaxBytes: String(settings.storeSize.toBytes()),
    dropPolicy: props.dropPolicy ?? EdgeDropPolicy.LEAST_USEFUL,
    ...topics,
    forwardIntervalSeconds: String(settings.forwardIntervalSeconds),
    metricsIntervalSeconds: String(settings.metricsIntervalSeconds),
    endpointName: props.endpoint?.endpointName ?? '',
    endpointTimeoutSeconds: String(settings.endpointTimeoutSeconds),
    streamName: props.stream.streamName,
    region: Stack.of(scope).region,
    gated: props.model._source.gated ? 'true' : 'false',
    environmentDirectory: '',
  };
}

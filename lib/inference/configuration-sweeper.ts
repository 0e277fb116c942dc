import { CfnResource, Duration, Lazy, Stack, Token } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { acknowledgeControl, acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { HandlerFunction } from '../runtime/handler-function';
import { HOSTED_BY_TAG, hostedBy, SWEEPER_ENVIRONMENT, type SweeperConfiguration, type SweptHost } from './contract';
import { componentArn, endpointArn } from './endpoint/endpoint-names';
import { secondsOf } from '../runtime/whole-amounts';

/** Properties of {@link ConfigurationSweeper}. */
export interface ConfigurationSweeperProps {
  /**
   * Time that a replaced configuration or model is kept; a whole number of days.
   *
   * @default Duration.days(7)
   */
  readonly retention?: Duration;
}

/**
 * Deletes, once a day, the endpoint configurations and models that updates of this stack's endpoints and inference components have
 * replaced. CloudFormation keeps them, because an endpoint may have returned to one of them.
 *
 * Creates a handler with a role, and a schedule. It deletes nothing that an endpoint runs on, that the stack declares or that is younger
 * than the retention, and nothing at all while a deployment is in progress.
 *
 * @example
 * new inference.ConfigurationSweeper(this, 'Sweeper');
 */
export class ConfigurationSweeper extends Construct {
  /** Function that deletes them. */
  public readonly handler: lambda.Function;

  public constructor(scope: Construct, id: string, props: ConfigurationSweeperProps = {}) {
    super(scope, id);
    const retention = props.retention ?? Duration.days(7);
    throwProblems(this.node.path, checkRetention(retention));
    const stack = Stack.of(this);

    // Endpoints, variants and models may be added after the sweeper: everything is read at synthesis.
    this.handler = new HandlerFunction(this, 'Handler', {
      handlerName: 'configuration-sweeper',
      description: 'Deletes endpoint configurations and models that updates replaced and nothing needs any more',
      timeout: Duration.minutes(15),
      environment: {
        [SWEEPER_ENVIRONMENT.configuration]: Lazy.string({
          produce: () => stack.toJsonString(configurationOf(stack, retention)),
        }),
      },
    });
    this.grant(stack);
    const rule = new events.Rule(this, 'Daily', {
      description: 'Sweeps replaced endpoint configurations and models once a day',
      schedule: events.Schedule.rate(Duration.days(1)),
      targets: [new targets.LambdaFunction(this.handler, { retryAttempts: 2, maxEventAge: Duration.hours(1) })],
    });
    const reason = 'The next day makes up for a missed sweep; what stays meanwhile costs nothing.';
    acknowledgeControl(rule, 'EventBusDLQ', reason);
    acknowledgeControl(this.handler, 'LambdaDLQ', reason);
    this.node.addValidation({
      validate: () =>
        hostsOf(stack).length > 0
          ? []
          : [
              `${this.node.path}: stack ${stack.stackName} declares no endpoint and no inference component; add one, or omit the sweeper`,
            ],
    });
  }

  private grant(stack: Stack): void {
    const anyOf = (resource: string): string => stack.formatArn({ service: 'sagemaker', resource, resourceName: '*' });
    const stored = [anyOf('endpoint-config'), anyOf('model')];
    const policy = new iam.Policy(this, 'HandlerPolicy', {
      statements: [
        new iam.PolicyStatement({
          actions: ['sagemaker:ListEndpointConfigs', 'sagemaker:ListModels'],
          resources: ['*'],
        }),
        new iam.PolicyStatement({ actions: ['sagemaker:ListTags'], resources: stored }),
        new iam.PolicyStatement({ actions: ['sagemaker:DescribeEndpointConfig'], resources: [stored[0]!] }),
        new iam.PolicyStatement({
          actions: Lazy.list({
            produce: () => [
              ...new Set(
                hostsOf(stack).map(({ kind }) =>
                  kind === 'endpoint' ? 'sagemaker:DescribeEndpoint' : 'sagemaker:DescribeInferenceComponent',
                ),
              ),
            ],
          }),
          resources: Lazy.list({
            produce: () =>
              hostsOf(stack).map(({ kind, name }) => (kind === 'endpoint' ? endpointArn : componentArn)(stack, name)),
          }),
        }),
        new iam.PolicyStatement({
          actions: ['sagemaker:DeleteEndpointConfig', 'sagemaker:DeleteModel'],
          resources: stored,
          conditions: {
            StringEquals: {
              [`aws:ResourceTag/${HOSTED_BY_TAG}`]: Lazy.list({ produce: () => hostsOf(stack).map(hostedBy) }),
            },
          },
        }),
      ],
    });
    policy.attachToRole(this.handler.role!);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(
      policy,
      ['*', ...stored],
      'CloudFormation generates the names of models and configurations. Lists support no resource-level permissions, and what is deleted ' +
        'has to carry the tag of a host of this stack.',
    );
  }
}

function checkRetention(retention: Duration): string[] {
  if (retention.isUnresolved()) return [];
  const seconds = secondsOf(retention);
  if (seconds >= 86_400 && seconds % 86_400 === 0) return [];
  return [`retention (${seconds} s) must be a whole number of days, at least one; give Duration.days(7)`];
}

function resourcesOf<Resource extends CfnResource>(
  stack: Stack,
  isWanted: (resource: CfnResource) => resource is Resource,
): Resource[] {
  return stack.node
    .findAll()
    .filter((construct) => CfnResource.isCfnResource(construct) && Stack.of(construct) === stack)
    .map((construct) => construct as CfnResource)
    .filter(isWanted);
}

/** Endpoints and inference components of a stack whose names are known before they are created, as those of this package are. */
function hostsOf(stack: Stack): SweptHost[] {
  const isEndpoint = (one: CfnResource): one is sagemaker.CfnEndpoint => one instanceof sagemaker.CfnEndpoint;
  const isComponent = (one: CfnResource): one is sagemaker.CfnInferenceComponent =>
    one instanceof sagemaker.CfnInferenceComponent;
  return [
    ...resourcesOf(stack, isEndpoint).map(({ endpointName }) => ({ kind: 'endpoint' as const, name: endpointName })),
    ...resourcesOf(stack, isComponent).map(({ inferenceComponentName, specification }) => ({
      kind: 'inference-component' as const,
      // An adapter has no model of its own.
      name: isAdapter(specification) ? undefined : inferenceComponentName,
    })),
  ].filter((host): host is SweptHost => host.name !== undefined);
}

function isAdapter(specification: sagemaker.CfnInferenceComponent['specification']): boolean {
  return (
    specification !== undefined &&
    !Token.isUnresolved(specification) &&
    'baseInferenceComponentName' in specification &&
    specification.baseInferenceComponentName !== undefined
  );
}

function configurationOf(stack: Stack, retention: Duration): SweeperConfiguration {
  const isConfig = (one: CfnResource): one is sagemaker.CfnEndpointConfig => one instanceof sagemaker.CfnEndpointConfig;
  const isModel = (one: CfnResource): one is sagemaker.CfnModel => one instanceof sagemaker.CfnModel;
  return {
    hosts: hostsOf(stack),
    declaredConfigNames: resourcesOf(stack, isConfig).map((config) => config.attrEndpointConfigName),
    declaredModelNames: resourcesOf(stack, isModel).map((model) => model.attrModelName),
    retentionSeconds: retention.toSeconds(),
  };
}

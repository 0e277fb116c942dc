import * as fs from 'node:fs';
import * as path from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { InputError } from '../core/errors';
import { nearestNames } from '../core/nearest';
import { acknowledgeControl, acknowledgeInlinePolicy, acknowledgeLogEncryption, acknowledgeRule } from './acknowledge';
import { dependentStatements } from './dependent-grants';

/** Folder of the bundled handlers, `assets/<name>` at the package root; the relative path is the same from `lib/` and from `build/`. */
const ASSETS_DIRECTORY = path.join(__dirname, '../../assets');

/** Network of a handler in a VPC. */
export interface HandlerNetwork {
  readonly vpc: ec2.IVpc;
  /** @default - the private subnets */
  readonly vpcSubnets?: ec2.SubnetSelection;
  readonly securityGroups: ec2.ISecurityGroup[];
}

/** Properties of {@link HandlerFunction}. */
export interface HandlerFunctionProps {
  /** Folder of the handler below `lambda/`, for example `cost-guard`; its bundle is in `assets/<handlerName>`. */
  readonly handlerName: string;

  /** Description of the function, one sentence. */
  readonly description: string;

  /**
   * Environment variables.
   *
   * @default - none
   */
  readonly environment?: { [key: string]: string };

  /**
   * Maximum time of an invocation.
   *
   * @default Duration.seconds(30)
   */
  readonly timeout?: Duration;

  /**
   * Memory, MiB; CPU is proportional to it.
   *
   * @default 256
   */
  readonly memorySize?: number;

  /**
   * Reserved concurrency, taken from the account's pool.
   *
   * @default - no reservation
   */
  readonly reservedConcurrentExecutions?: number;

  /**
   * Network of a handler that is a client of servers in a VPC; it needs a way to the AWS APIs that it calls.
   *
   * @default - no VPC
   */
  readonly network?: HandlerNetwork;

  /**
   * True for a handler that invokes functions of the app.
   *
   * @default false
   */
  readonly invokesFunctions?: boolean;

  /**
   * Retention of the log group.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * Removal policy of the log group.
   *
   * @default RemovalPolicy.DESTROY
   */
  readonly logRemovalPolicy?: RemovalPolicy;
}

/**
 * Lambda function that runs a bundled handler of this package: Node.js 24 on arm64, JSON logs in a log group of its own with a
 * retention, and a role that may only write to that log group.
 *
 * Grants add the permissions of the handler. No AWS managed policy is attached.
 */
export class HandlerFunction extends lambda.Function {
  public constructor(scope: Construct, id: string, props: HandlerFunctionProps) {
    const directory = assetDirectory(props.handlerName);
    const logGroup = new logs.LogGroup(scope, `${id}Logs`, {
      retention: props.logRetention ?? logs.RetentionDays.ONE_MONTH,
      removalPolicy: props.logRemovalPolicy ?? RemovalPolicy.DESTROY,
    });
    const role = new iam.Role(scope, `${id}Role`, {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: `Runs the handler ${props.handlerName}`,
    });
    logGroup.grantWrite(role);
    const interfaces = props.network === undefined ? undefined : networkPolicy(scope, id, role);

    super(scope, id, {
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambda.Code.fromAsset(directory),
      handler: 'index.handler',
      description: props.description,
      environment: props.environment,
      timeout: props.timeout ?? Duration.seconds(30),
      memorySize: props.memorySize ?? 256,
      reservedConcurrentExecutions: props.reservedConcurrentExecutions,
      loggingFormat: lambda.LoggingFormat.JSON,
      logGroup,
      role,
      ...props.network,
    });
    // Lambda checks the role when it connects the function to the VPC.
    if (interfaces !== undefined) this.node.addDependency(interfaces);
    acknowledgeLogEncryption(logGroup);
    acknowledgeInlinePolicy(role);
    if (props.network === undefined) {
      acknowledgeControl(
        this,
        'LambdaInsideVPC',
        'The handler calls AWS APIs only, over TLS and with its role; in a VPC each of them needs an endpoint or a NAT gateway, ' +
          'which cost more than the handler.',
      );
    }
    acknowledgeControl(
      this,
      'LambdaTracing',
      props.invokesFunctions === true
        ? 'The handler calls AWS APIs, and functions of the app in between, whose time and errors are in its results and their own metrics; its log ' +
            'lines contain observation, decision, action and reason.'
        : 'The handler calls AWS APIs and no other function; its log lines contain observation, decision, action and reason.',
    );
    if (props.reservedConcurrentExecutions === undefined) {
      acknowledgeControl(
        this,
        'LambdaConcurrency',
        'A few rules, or the shards of one stream, limit the concurrency of the handler. A reservation would reduce the ' +
          "account's pool, which is 10 in a new account.",
      );
    }
  }
}

/** Allows Lambda to connect a function to its VPC. */
function networkPolicy(scope: Construct, id: string, role: iam.Role): iam.Policy {
  const policy = new iam.Policy(scope, `${id}NetworkPolicy`, {
    statements: dependentStatements(scope, [{ call: 'lambda:CreateFunction', cases: ['vpc'], arns: {} }]),
  });
  policy.attachToRole(role);
  acknowledgeInlinePolicy(policy);
  acknowledgeRule(
    policy,
    'IAM5[Resource::*]',
    'The actions on network interfaces, by which Lambda connects the function to its VPC, are checked without a resource.',
  );
  return policy;
}

function assetDirectory(handlerName: string): string {
  const directory = path.join(ASSETS_DIRECTORY, handlerName);
  if (fs.existsSync(path.join(directory, 'index.js'))) return directory;
  const built = fs.existsSync(ASSETS_DIRECTORY)
    ? fs.readdirSync(ASSETS_DIRECTORY).filter((name) => fs.existsSync(path.join(ASSETS_DIRECTORY, name, 'index.js')))
    : [];
  if (built.length === 0) {
    throw new InputError(
      `the bundle of handler '${handlerName}' is missing; run \`npm run build\` to bundle the handlers`,
    );
  }
  throw new InputError(
    `the bundle of handler '${handlerName}' is missing (nearest bundled: ${nearestNames(handlerName, built).join(', ')}); ` +
      'check the name, or run `npm run build` to bundle the handlers again',
  );
}

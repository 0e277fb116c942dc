import * as fs from 'node:fs';
import * as path from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { InputError } from '../core/errors';
import { nearestNames } from '../core/nearest';
import { acknowledgeControl, acknowledgeInlinePolicy, acknowledgeLogEncryption } from './acknowledge';

/** Where the bundled handlers lie: `assets/<name>` at the package root, equally far from `lib/` and from `build/`. */
const ASSETS_DIRECTORY = path.join(__dirname, '../../assets');

/** Properties of {@link HandlerFunction}. */
export interface HandlerFunctionProps {
  /** The handler's folder under `lambda/`, whose bundle lies in `assets/<handlerName>`, for example `cost-guard`. */
  readonly handlerName: string;

  /** One sentence for the function's description. */
  readonly description: string;

  /**
   * Environment variables.
   *
   * @default - none
   */
  readonly environment?: { [key: string]: string };

  /**
   * How long one invocation may take.
   *
   * @default Duration.seconds(30)
   */
  readonly timeout?: Duration;

  /**
   * Memory in MiB; CPU grows with it.
   *
   * @default 256
   */
  readonly memorySize?: number;

  /**
   * How many invocations may run at once, taken out of the account's pool.
   *
   * @default - no reservation
   */
  readonly reservedConcurrentExecutions?: number;

  /**
   * How long log lines are kept.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * What happens to the log group when the function is removed from the stack.
   *
   * @default RemovalPolicy.DESTROY
   */
  readonly logRemovalPolicy?: RemovalPolicy;
}

/**
 * A Lambda function that runs one of the package's bundled handlers, with the defaults all of them share: Node.js 24 on arm64, JSON
 * logs in a log group of its own with a retention, and a role that may write to that log group and nothing else.
 *
 * Grants add what the handler needs. No AWS managed policy is attached.
 *
 * @example
 * new runtime.HandlerFunction(this, 'Guard', { handlerName: 'cost-guard', description: 'Meters spend every minute' });
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
    });
    acknowledgeLogEncryption(logGroup);
    acknowledgeInlinePolicy(role);
    acknowledgeControl(
      this,
      'LambdaInsideVPC',
      'The handler calls APIs of AWS only, over TLS and as its role; in a VPC every one of them needs an endpoint or a NAT gateway, ' +
        'which cost more than the handler.',
    );
    acknowledgeControl(
      this,
      'LambdaTracing',
      'The handler calls APIs of AWS and no other function: its log lines tell what it saw, decided and did, and why.',
    );
    if (props.reservedConcurrentExecutions === undefined) {
      acknowledgeControl(
        this,
        'LambdaConcurrency',
        'What calls the handler bounds its concurrency: a few rules, or the shards of one stream. A reservation would be taken from the ' +
          "account's pool, which is 10 in a new account.",
      );
    }
  }
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

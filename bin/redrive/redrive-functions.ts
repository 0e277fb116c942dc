import {
  CloudFormationClient,
  ListStackResourcesCommand,
  type ListStackResourcesCommandOutput,
} from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { awsClient } from '../../lambda/clients/aws-client';
import { InputError } from '../../lib/core/errors';
import { isObject } from '../../lib/core/parse';
import { parseRedriveReport, type RedriveReport, type RedriveRequest } from '../../lib/ingestion/decide/redrive';
import type { AwsCredentials } from '../preflight/signed-call';

/** Redrive function of a stack. */
export interface RedriveFunction {
  /** Logical id of the ingestion that it belongs to. */
  readonly ingestion: string;
  readonly functionName: string;
}

/** Redrive functions of an account. */
export interface RedriveFunctions {
  /**
   * Returns the functions of a stack and of the stacks within it.
   *
   * @throws InputError when the stack cannot be read
   */
  ofStack(stackName: string): Promise<readonly RedriveFunction[]>;
  /**
   * Invokes a function once.
   *
   * @throws InputError when it cannot be invoked; Error when it fails
   */
  invoke(functionName: string, request: RedriveRequest, signal: AbortSignal): Promise<RedriveReport>;
}

/** Logical id that the construct gives its function: the ids of the constructs above it, its own, and a hash. */
const LOGICAL_ID = /^(.*)Redrive[0-9A-F]{8}$/;

/** Time after which a silent function counts as failed: its own maximum and a margin. */
const INVOKE_MS = 320_000;

/** {@link RedriveFunctions} of the caller's account and region. */
export function redriveFunctions(options: {
  readonly region?: string;
  /** URL of another endpoint than AWS's. */
  readonly endpoint?: string;
  readonly credentials?: AwsCredentials;
}): RedriveFunctions {
  const cloudFormation = awsClient(CloudFormationClient, { requestTimeoutMs: 30_000 }, options);
  // A repeated invocation would be harmless, and its report would not show what the first one did.
  const lambda = awsClient(LambdaClient, { maxAttempts: 1, requestTimeoutMs: INVOKE_MS }, options);

  async function ofStack(stackName: string): Promise<readonly RedriveFunction[]> {
    const found: RedriveFunction[] = [];
    for (let NextToken: string | undefined, isFirst = true; isFirst || NextToken !== undefined; isFirst = false) {
      let page: ListStackResourcesCommandOutput;
      try {
        page = await cloudFormation.send(new ListStackResourcesCommand({ StackName: stackName, NextToken }));
      } catch (error) {
        throw new InputError(`the stack ${stackName} could not be read: ${messageOf(error)}; ${wayOut(error)}`);
      }
      NextToken = page.NextToken;
      for (const { ResourceType, LogicalResourceId = '', PhysicalResourceId } of page.StackResourceSummaries ?? []) {
        if (PhysicalResourceId === undefined) continue;
        const ingestion = LOGICAL_ID.exec(LogicalResourceId)?.[1];
        if (ResourceType === 'AWS::Lambda::Function' && ingestion !== undefined)
          found.push({ ingestion, functionName: PhysicalResourceId });
        if (ResourceType === 'AWS::CloudFormation::Stack') found.push(...(await ofStack(PhysicalResourceId)));
      }
    }
    return found;
  }

  return {
    ofStack,
    async invoke(functionName, request, signal) {
      const command = new InvokeCommand({ FunctionName: functionName, Payload: Buffer.from(JSON.stringify(request)) });
      const { FunctionError, Payload } = await lambda.send(command, { abortSignal: signal }).catch((error: unknown) => {
        if (signal.aborted) throw error;
        throw new InputError(
          `the function ${functionName} could not be invoked: ${messageOf(error)}; ${wayOut(error)}. Run the same command again: what was put into the stream is remembered`,
        );
      });
      const text = Payload === undefined ? '' : Buffer.from(Payload).toString('utf8');
      if (FunctionError === undefined) return parseRedriveReport(text);
      throw new Error(
        `the function ${functionName} failed: ${failureOf(text)}; its log has the details. Run the same command again: what was put into the stream is remembered`,
      );
    },
  };
}

function messageOf(error: unknown): string {
  const { message, code } = error as { readonly message?: string; readonly code?: string };
  return message !== undefined && message !== '' ? message : (code ?? String(error));
}

/** Returns what helps against an error of AWS or of the way to it. */
function wayOut(error: unknown): string {
  const { name } = error as { readonly name?: string };
  const message = messageOf(error);
  if (/does not exist/.test(message)) return 'check --stack and --region';
  if (/region is missing/i.test(message)) return 'give --region';
  if (name === 'AccessDeniedException' || name === 'AccessDenied' || /not authorized/.test(message))
    return 'the caller needs what grantRedrive of the ingestion gives';
  return 'check the credentials (AWS_PROFILE, aws sts get-caller-identity), --region and the network';
}

/** Returns the message within the error that a function returned. */
function failureOf(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value) && typeof value['errorMessage'] === 'string') return value['errorMessage'];
  } catch {
    // Text of another form is shown as it is.
  }
  return text.slice(0, 300) || 'without a message';
}

import {
  ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  DescribeScalingActivitiesCommand,
  DescribeScalingPoliciesCommand,
  DescribeScheduledActionsCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { CloudWatchClient, DescribeAlarmsCommand, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeInferenceComponentCommand,
  ListInferenceComponentsCommand,
  ListTagsCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { awsClient } from '../../lambda/clients/aws-client';
import { InputError } from '../../lib/core/errors';
import type { Json } from '../../lib/core/parse';
import type { EpochSeconds } from '../../lib/core/time';
import { futureCall, MAX_ALARM_NAMES, windowUpTo, type InspectionCall } from '../../lib/inspection/calls';
import { nextCalls, type FactsWanted, type ReadPart } from '../../lib/inspection/facts';
import { textOf } from '../../lib/inspection/reading';

/** Time limits of a call; a page of a hundred thousand values takes seconds. */
const LIMITS = { requestTimeoutMs: 30_000, connectionTimeoutMs: 5_000, maxAttempts: 5 };

/** Maximum number of pages of one call: six weeks of activities of a fleet that never rests. */
const MAX_PAGES = 400;

/** Errors that say that a resource does not exist. */
const NOT_FOUND = /could not find|does not exist/i;

/** Errors without which no further call can succeed: credentials, network, region. */
const HOPELESS =
  /^(CredentialsProviderError|UnrecognizedClientException|InvalidClientTokenId|InvalidSignatureException|ExpiredToken|ExpiredTokenException|TimeoutError|RequestExpired)$|ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|Region is missing/;

type Send = (input: Json) => Promise<object>;

/** Reads an endpoint from an account by calls that change nothing. */
export class AccountReader {
  private readonly sageMaker: SageMakerClient;
  private readonly scaling: ApplicationAutoScalingClient;
  private readonly cloudWatch: CloudWatchClient;
  private readonly operations: { readonly [operation: string]: Send };

  public constructor(
    region: string | undefined,
    private readonly signal: AbortSignal,
  ) {
    const settings = region === undefined ? {} : { region };
    const sageMaker = (this.sageMaker = awsClient(SageMakerClient, LIMITS, settings));
    const scaling = (this.scaling = awsClient(ApplicationAutoScalingClient, LIMITS, settings));
    const cloudWatch = (this.cloudWatch = awsClient(CloudWatchClient, LIMITS, settings));
    const abortSignal = signal;
    // The inputs are those of the table of calls, in the form of the API.
    this.operations = {
      DescribeEndpoint: (input) => sageMaker.send(new DescribeEndpointCommand(input as never), { abortSignal }),
      DescribeEndpointConfig: (input) =>
        sageMaker.send(new DescribeEndpointConfigCommand(input as never), { abortSignal }),
      DescribeInferenceComponent: (input) =>
        sageMaker.send(new DescribeInferenceComponentCommand(input as never), { abortSignal }),
      ListInferenceComponents: (input) => sageMaker.send(new ListInferenceComponentsCommand(input), { abortSignal }),
      ListTags: (input) => sageMaker.send(new ListTagsCommand(input as never), { abortSignal }),
      DescribeScalableTargets: (input) =>
        scaling.send(new DescribeScalableTargetsCommand(input as never), { abortSignal }),
      DescribeScalingPolicies: (input) =>
        scaling.send(new DescribeScalingPoliciesCommand(input as never), { abortSignal }),
      DescribeScheduledActions: (input) =>
        scaling.send(new DescribeScheduledActionsCommand(input as never), { abortSignal }),
      DescribeScalingActivities: (input) =>
        scaling.send(new DescribeScalingActivitiesCommand(input as never), { abortSignal }),
      DescribeAlarms: (input) => cloudWatch.send(new DescribeAlarmsCommand(input), { abortSignal }),
      GetMetricData: (input) =>
        cloudWatch.send(
          new GetMetricDataCommand({
            ...input,
            StartTime: new Date(String(input['StartTime'])),
            EndTime: new Date(String(input['EndTime'])),
          } as never),
          { abortSignal },
        ),
    };
  }

  /**
   * Region of the calls.
   *
   * @throws InputError where neither a flag nor the environment nor the profile names one
   */
  public async region(): Promise<string> {
    try {
      return await this.sageMaker.config.region();
    } catch {
      throw new InputError('no region is known; give --region, or set AWS_REGION or a region in the AWS profile');
    }
  }

  /**
   * Makes every call that the responses give rise to. Refused ones become missing parts.
   *
   * @param untilNewest days up to the newest datapoint, where that is later than the window: the clock of a local engine runs ahead. @default - the window
   * @throws InputError without credentials or network, and for an endpoint that does not exist
   */
  public async read(
    endpointName: string,
    wanted: FactsWanted,
    onCall: (call: InspectionCall, share: number) => void,
    untilNewest?: number,
  ): Promise<{ readonly parts: Map<string, ReadPart>; readonly wanted: FactsWanted }> {
    const parts = new Map<string, ReadPart>();
    let asked = wanted;
    let isEndKnown = untilNewest === undefined;
    for (let calls = nextCalls(parts, endpointName, asked); calls.length > 0;) {
      const metrics = calls.filter(({ operation }) => operation === 'GetMetricData');
      if (!isEndKnown && metrics.length > 0) {
        isEndKnown = true;
        const newest = await this.newestDatapoint(metrics);
        if (newest !== undefined) asked = { ...wanted, window: windowUpTo(newest, untilNewest!) };
        calls = nextCalls(parts, endpointName, asked);
      }
      for (const call of calls) {
        onCall(call, parts.size / (parts.size + calls.length));
        parts.set(call.file, await this.part(call));
      }
      calls = nextCalls(parts, endpointName, asked);
    }
    return { parts, wanted: asked };
  }

  public close(): void {
    for (const client of [this.sageMaker, this.scaling, this.cloudWatch]) client.destroy();
  }

  /** Newest moment with requests after the window of the metrics; undefined without one, or without permission. */
  private async newestDatapoint(metrics: readonly InspectionCall[]): Promise<EpochSeconds | undefined> {
    let newest: EpochSeconds | undefined;
    for (const call of metrics) {
      const { operation, input } = futureCall(call);
      try {
        const { MetricDataResults = [] } = plain(await this.operations[operation]!(input)) as {
          readonly MetricDataResults?: readonly { readonly Timestamps?: readonly string[] }[];
        };
        for (const { Timestamps = [] } of MetricDataResults)
          for (const time of Timestamps) newest = Math.max(newest ?? 0, Date.parse(time) / 1000);
      } catch (error) {
        // The call for the window tells the reason.
        if (this.signal.aborted) throw error;
      }
    }
    return newest;
  }

  private async part(call: InspectionCall): Promise<ReadPart> {
    try {
      return { kind: 'read', document: await this.pages(call), from: call.action };
    } catch (error) {
      if (this.signal.aborted) throw error;
      const { name, message } = error as Error;
      if (call.operation === 'DescribeEndpoint' && NOT_FOUND.test(message)) {
        const region = await this.region();
        throw new InputError(
          `--endpoint is '${String(call.input['EndpointName'])}', and ${region} has no such endpoint; check the name (aws sagemaker list-endpoints --region ${region}) and --region`,
        );
      }
      if (HOPELESS.test(name) || HOPELESS.test(message)) {
        throw new InputError(
          `${call.action} could not be called: ${name}: ${message.split('\n')[0]}; check the credentials (aws sts get-caller-identity) and the network, or read saved responses with --from (tidegate inspect --commands prints how to save them)`,
        );
      }
      return { kind: 'missing', reason: `${name}: ${message.split('\n')[0]}` };
    }
  }

  /** All pages of a response as one, in the form in which the AWS CLI prints it. */
  private async pages(call: InspectionCall): Promise<Json> {
    const send = this.operations[call.operation]!;
    let joined: Json = {};
    for (const input of batches(call)) {
      let token: string | undefined;
      for (let page = 0; ; page++) {
        const response = plain(await send({ ...input, ...(token !== undefined && { NextToken: token }) }));
        token = textOf(response['NextToken']);
        joined = joinedPages(joined, response);
        if (token === undefined) break;
        if (page === MAX_PAGES) return { ...joined, NextToken: token };
      }
    }
    return joined;
  }
}

/** Inputs of a call: names of alarms in lists that are short enough. */
function batches({ input }: InspectionCall): Json[] {
  const names = input['AlarmNames'];
  if (!Array.isArray(names)) return [input];
  return Array.from({ length: Math.ceil(names.length / MAX_ALARM_NAMES) }, (_, batch) => ({
    ...input,
    AlarmNames: names.slice(batch * MAX_ALARM_NAMES, (batch + 1) * MAX_ALARM_NAMES) as unknown[],
  }));
}

/** Response without metadata, with times as text. */
function plain(response: object): Json {
  const { $metadata: _notOfTheService, ...members } = response as Json;
  return JSON.parse(JSON.stringify(members)) as Json;
}

function joinedPages(earlier: Json, { NextToken: _token, ...page }: Json): Json {
  const joined: { [member: string]: unknown } = { ...earlier };
  for (const [member, value] of Object.entries(page)) {
    const before = joined[member];
    joined[member] =
      Array.isArray(before) && Array.isArray(value) ? [...(before as unknown[]), ...(value as unknown[])] : value;
  }
  return joined;
}

import { DescribeScalableTargetsCommand } from '@aws-sdk/client-application-auto-scaling';
import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeEndpointCommand } from '@aws-sdk/client-sagemaker';
import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import * as path from 'node:path';
import { createGuardStore } from '../../lambda/clients/guard-store';
import type { PriceOverride } from '../../lib/catalog/prices';
import {
  SAGEMAKER_SERVICE_NAMESPACE,
  SCALABLE_DIMENSIONS,
  variantResourceId,
} from '../../lib/catalog/scalable-resource';
import { messageWithCause, InputError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import { formatBudget, type GuardRecord } from '../../lib/cost/contract';
import type { LocalClock } from '../../lib/emulator/clock';
import { linkedController, repeat } from '../../lib/emulator/repeat';
import { readAssembly, type AssemblyStack } from '../../lib/local/deploy/assembly';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import {
  listStackResources,
  readOutputs,
  type StackOutputs,
  SERVING_OUTPUTS,
} from '../../lib/local/deploy/stack-outputs';
import { requireVerified, verificationText, verifyResources } from '../../lib/local/deploy/verify-resources';
import { GuardRecordReader } from '../../lib/local/traffic/guard-records';
import { LoadDriver } from '../../lib/local/traffic/load-driver';
import { Outcomes } from '../../lib/local/traffic/outcomes';
import { planRequests } from '../../lib/local/traffic/request-plan';
import { ResultsReader } from '../../lib/local/traffic/results-reader';
import { StreamSender } from '../../lib/local/traffic/stream-sender';
import { accountNeeds } from '../../lib/preflight/account-needs';
import type { AccountNeeds } from '../../lib/preflight/contract';
import { checkAccount } from '../../lib/preflight/decide/check-account';
import { Random } from '../../lib/simulation/random';
import { generateWorkload } from '../../lib/simulation/traffic';
import { isObject } from '../../lib/core/parse';
import type { TemplateDocument } from '../../lib/template';
import { readTemplates } from '../input/template-files';
import { readAccountFacts } from '../preflight/account-facts';
import { accountClients, type AccountClients } from './account-clients';
import { costBound, dearestUsdPerHour, InstanceMeter } from './cost';
import type { Leftover, SmokeCheck, SmokePlan, SmokeSpend, SmokeTarget } from './smoke-test';

/** Settings of a smoke test in an account. */
export interface AccountTargetOptions {
  readonly projectDirectory: string;
  /** Folder for the cloud assembly and files of the CDK. */
  readonly workDirectory: string;
  /** Context of the app: stage, region, prices. */
  readonly context: { readonly [name: string]: string };
  readonly prices: readonly PriceOverride[];
  /** Clock of the account: the machine's, or that of a local engine. */
  readonly clock: LocalClock;
  readonly trafficMinutes: number;
  /** URL of another endpoint than AWS's. */
  readonly endpointUrl: string | undefined;
  readonly write: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Traffic that one instance answers: the test is of the platform, and every instance costs. */
const REQUESTS_PER_SECOND = 1;

/** Time for the last answers to arrive in the bucket, for the guard to set or to lift a limit, and between two looks. */
const DRAIN_SECONDS = 600;
const GUARD_SECONDS = 420;
const LOOK_SECONDS = 5;

/** Time between two looks at the number of instances. */
const METER_SECONDS = 15;

/** Budget that the floors alone overspend, at which the guard holds fleets at their floors. */
const TINY_BUDGET_USD = 0.01;

/** Deletion policies with which a resource outlives its stack. */
const OUTLIVES = ['Retain', 'RetainExceptOnCreate', 'Snapshot'];

interface Deployed extends StackOutputs<(typeof SERVING_OUTPUTS)[number]> {
  readonly stackId: string;
}

/** Stage of the app in the account of the caller. */
export class AccountTarget implements SmokeTarget {
  private readonly aws: AccountClients;
  private readonly assembly: string;
  private stacks: readonly AssemblyStack[] = [];
  private needs: AccountNeeds | undefined;
  private deployed: Deployed | undefined;
  private meter: InstanceMeter | undefined;
  private metering: { readonly controller: AbortController; readonly ended: Promise<void> } | undefined;
  private guardUsd: number | null = null;

  public readonly checks: readonly SmokeCheck[] = [
    { title: 'resources', run: () => this.describeResources() },
    { title: 'traffic', run: (signal) => this.driveTraffic(signal) },
    { title: 'limits of the guard', run: (signal) => this.setAndLift(signal) },
  ];

  private constructor(
    private readonly options: AccountTargetOptions,
    private readonly region: string,
    private readonly templates: readonly TemplateDocument[],
  ) {
    this.assembly = path.join(options.workDirectory, 'cdk.out');
    this.stacks = readAssembly(this.assembly);
    this.aws = accountClients(region, options.endpointUrl);
  }

  /** Synthesises the stage. */
  public static async synthesize(options: AccountTargetOptions): Promise<AccountTarget> {
    const assembly = path.join(options.workDirectory, 'cdk.out');
    await cdkOf(options, options.signal).synth(options.context, assembly);
    const templates = readTemplates({ template: [assembly] });
    const regions = [...new Set(templates.flatMap(({ region }) => region ?? []))];
    if (templates.length !== 1 || regions.length !== 1)
      throw new InputError(
        `the app has ${templates.length} stacks in ${regions.join(', ') || 'no region'}; give one stage`,
      );
    return new AccountTarget(options, regions[0]!, templates);
  }

  public async plan(): Promise<SmokePlan> {
    const { prices, endpointUrl } = this.options;
    const needs = (this.needs = accountNeeds(this.templates));
    const cost = costBound(needs.fleets, this.region, prices);
    const identity = await this.identity();
    const facts = await readAccountFacts(needs, {
      region: this.region,
      ...(endpointUrl !== undefined && { endpointUrl }),
    });
    const { name: stackName } = this.stacks[0]!;
    return {
      accountId: identity.accountId,
      caller: identity.arn,
      region: this.region,
      stackName,
      cost,
      rows: checkAccount(needs, facts, { region: this.region, prices }),
      refusals: [...outliving(this.templates), ...(await this.existing(stackName))],
    };
  }

  public async deploy(signal: AbortSignal): Promise<void> {
    const cdk = cdkOf(this.options, signal);
    await cdk.deploy(this.assembly, () => undefined);
    const { name } = this.stacks[0]!;
    const outputs = await readOutputs(this.aws, [name], SERVING_OUTPUTS);
    this.deployed = { ...outputs, stackId: (await this.stackId(name))! };
    await this.startMeter();
  }

  public async readGuardMeter(): Promise<void> {
    if (this.deployed === undefined) return;
    const state = await createGuardStore(this.deployed.GuardTableName, this.aws.dynamodb).load();
    this.guardUsd = state?.memory.spend.at(-1)?.[1] ?? null;
  }

  public async destroy(): Promise<readonly Leftover[]> {
    const { name } = this.stacks[0]!;
    const stackId = this.deployed?.stackId ?? (await this.stackId(name));
    try {
      if (stackId !== undefined) await cdkOf(this.options, new AbortController().signal).destroy(this.assembly);
      return stackId === undefined ? [] : await this.leftovers(stackId);
    } finally {
      await this.stopMeter();
      this.aws.close();
    }
  }

  public spent(): SmokeSpend {
    return { guardUsd: this.guardUsd, instancesUsd: this.meter?.totalUsd() ?? 0 };
  }

  private async identity(): Promise<{ readonly accountId: string; readonly arn: string }> {
    try {
      return await this.aws.calls.callerIdentity();
    } catch (error) {
      throw new InputError(
        `the account in ${this.region} could not be asked: ${messageWithCause(error)}; check the credentials (AWS_PROFILE, aws sts get-caller-identity) and the network`,
      );
    }
  }

  /** Refuses a stack that somebody uses: it would be updated, and deleted afterwards. */
  private async existing(stackName: string): Promise<string[]> {
    if ((await this.stackId(stackName)) === undefined) return [];
    return [
      `${stackName} exists in ${this.region} already, and the smoke test would delete it; choose another region, another stage with --stage, or delete it first`,
    ];
  }

  /** Returns the id of a stack; undefined where there is none. */
  private async stackId(StackName: string): Promise<string | undefined> {
    try {
      const { Stacks = [] } = await this.aws.cloudFormation.send(new DescribeStacksCommand({ StackName }));
      return Stacks.find(({ StackStatus }) => StackStatus !== 'DELETE_COMPLETE')?.StackId;
    } catch (error) {
      if (/does not exist/.test((error as Error).message)) return undefined;
      throw error;
    }
  }

  private async describeResources(): Promise<string> {
    const verification = await verifyResources(this.aws, this.stacks);
    requireVerified(verification);
    const types = this.stacks.flatMap(({ template }) => Object.values(template.Resources).map(({ Type }) => Type));
    const count = (wanted: string): number => types.filter((type) => type === wanted).length;
    return `${verificationText(verification)} by their services, ${count('AWS::CloudWatch::Alarm')} alarms and ${count('AWS::CloudWatch::Dashboard')} dashboard among them`;
  }

  /** Sends requests into the stream, and waits until each of them has its answer in the bucket. */
  private async driveTraffic(signal: AbortSignal): Promise<string> {
    const { clock, trafficMinutes } = this.options;
    const { StreamName: streamName, ResultsBucketName: bucketName } = this.deployed!;
    const anchor = clock.now();
    const outcomes = new Outcomes();
    const problems = new Set<string>();
    const stream = new StreamSender({
      kinesis: this.aws.kinesis,
      streamName,
      clock,
      random: new Random(1),
      signal,
      onError: (message) => problems.add(message),
    });
    const workload = generateWorkload({
      durationSeconds: trafficMinutes * 60,
      lowRequestsPerSecond: REQUESTS_PER_SECOND,
      highRequestsPerSecond: REQUESTS_PER_SECOND,
      spike: { requestsPerSecond: 0 },
    });
    const driver: LoadDriver = new LoadDriver({
      clock,
      anchor,
      requests: planRequests(workload, 1),
      malformed: [],
      direct: { send: (request) => driver.sendToStream(request), pending: () => 0 },
      stream,
      outcomes,
    });
    const results = new ResultsReader({ s3: this.aws.s3, bucketName, outcomes, now: () => clock.now(), since: anchor });
    await driver.run(signal);
    const until = clock.now() + DRAIN_SECONDS;
    while (driver.pending() + outcomes.unresolved() > 0 && clock.now() < until) {
      await clock.sleep(LOOK_SECONDS, signal);
      await results.poll();
    }
    const { in: sent, answered, deadLettered } = outcomes.totals();
    const found = `${sent} requests in ${trafficMinutes} minutes through ${streamName}, ${answered} answered, ${deadLettered} dead-lettered`;
    if (answered === sent && outcomes.unknownIds().length === 0) {
      const { p50, p99 } = outcomes.latency();
      return `${found}; p50 ${seconds(p50)}, p99 ${seconds(p99)}`;
    }
    const ids = outcomes.unresolvedIds(5);
    throw new Error(
      [found, ...(ids.length > 0 ? [`without an answer: ${ids.join(', ')} …`] : []), ...problems].join('; '),
    );
  }

  /** Lowers the budget until the deployed guard caps the fleet, raises it again, and waits until the declared limits are back. */
  private async setAndLift(signal: AbortSignal): Promise<string> {
    const { clock } = this.options;
    const { BudgetParameterName: Name, GuardTableName } = this.deployed!;
    const { ssm, dynamodb } = this.aws;
    const declared = await this.maximum();
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name }));
    const write = (Value: string): Promise<unknown> =>
      ssm.send(new PutParameterCommand({ Name, Value, Type: 'String', Overwrite: true }));
    // The table is as new as the stack, so every record belongs to this test.
    const records = new GuardRecordReader(dynamodb, GuardTableName, 0);
    const tiny = formatBudget({ amountUsd: TINY_BUDGET_USD, periodStart: null, periodEnd: null }, clock.now());
    let capped: Reached;
    try {
      await write(tiny);
      capped = await this.untilMaximum(`below ${declared}`, (maximum) => maximum < declared, signal);
    } finally {
      await write(Parameter!.Value!);
    }
    const lifted = await this.untilMaximum(`${declared} again`, (maximum) => maximum === declared, signal);
    const levels = await this.levelsOf(records, signal);
    return (
      `maximum ${declared} -> ${capped.maximum} after ${capped.seconds} s with a budget of ${TINY_BUDGET_USD} USD, ` +
      `${lifted.maximum} again ${lifted.seconds} s after it was raised (${levels})`
    );
  }

  /** Reads the levels that the guard recorded, which it does after it has set the limits. */
  private async levelsOf(records: GuardRecordReader, signal: AbortSignal): Promise<string> {
    const { clock } = this.options;
    const until = clock.now() + 60;
    do {
      await records.poll();
      if (records.level() === 'ok' && records.records().length > 0) break;
      await clock.sleep(LOOK_SECONDS, signal);
    } while (clock.now() < until);
    const found: readonly GuardRecord[] = records.records();
    const changes = found.filter(({ level, previousLevel }) => level !== previousLevel);
    if (changes.length === 0) throw new Error('the limits changed, but the guard has no record of it');
    return [changes[0]!.previousLevel, ...changes.map(({ level }) => level)].join(', ');
  }

  /** Reads the maximum of the endpoint's scalable target. */
  private async maximum(): Promise<number> {
    const { EndpointName, VariantName } = this.deployed!;
    const resourceId = variantResourceId(EndpointName, VariantName);
    const { ScalableTargets = [] } = await this.aws.applicationAutoScaling.send(
      new DescribeScalableTargetsCommand({
        ServiceNamespace: SAGEMAKER_SERVICE_NAMESPACE,
        ScalableDimension: SCALABLE_DIMENSIONS.instanceCount,
        ResourceIds: [resourceId],
      }),
    );
    const maximum = ScalableTargets[0]?.MaxCapacity;
    if (maximum === undefined) throw new Error(`Application Auto Scaling has no target ${resourceId}`);
    return maximum;
  }

  private async untilMaximum(
    wanted: string,
    accepts: (maximum: number) => boolean,
    signal: AbortSignal,
  ): Promise<Reached> {
    const { clock } = this.options;
    const startedAt = clock.now();
    for (;;) {
      const maximum = await this.maximum();
      const elapsed = clock.now() - startedAt;
      if (accepts(maximum)) return { maximum, seconds: Math.round(elapsed) };
      if (elapsed > GUARD_SECONDS)
        throw new Error(`after ${Math.round(elapsed)} s the maximum is ${maximum}, and not ${wanted}`);
      await clock.sleep(LOOK_SECONDS, signal);
    }
  }

  /** Counts the instances from the creation of the endpoint on. */
  private async startMeter(): Promise<void> {
    const { clock, prices } = this.options;
    const types = this.needs!.fleets.flatMap(({ instanceTypes }) => instanceTypes);
    const meter = (this.meter = new InstanceMeter(dearestUsdPerHour(types, this.region, prices)));
    const first = await this.instances();
    meter.observe(first.createdAt ?? clock.now(), first.count);
    const controller = linkedController(new AbortController().signal);
    const look = async (): Promise<void> => meter.observe(clock.now(), (await this.instances()).count);
    const intervalMs = (METER_SECONDS * 1000) / clock.speed;
    // A look that fails is made up for: the next one charges the time since the one before.
    const ended = repeat(intervalMs, controller.signal, look, () => undefined);
    this.metering = { controller, ended };
  }

  private async stopMeter(): Promise<void> {
    this.metering?.controller.abort(new Error('the endpoint is deleted'));
    await this.metering?.ended;
    this.meter?.observe(this.options.clock.now(), 0);
  }

  /** Returns the number of instances, running or requested; none once the endpoint is deleted. */
  private async instances(): Promise<{ readonly count: number; readonly createdAt?: EpochSeconds }> {
    const { EndpointName } = this.deployed!;
    try {
      const endpoint = await this.aws.sageMaker.send(new DescribeEndpointCommand({ EndpointName }));
      const count = (endpoint.ProductionVariants ?? []).reduce(
        (sum, { CurrentInstanceCount = 0, DesiredInstanceCount = 0 }) =>
          sum + Math.max(CurrentInstanceCount, DesiredInstanceCount),
        0,
      );
      const createdAt = endpoint.CreationTime && endpoint.CreationTime.getTime() / 1000;
      return { count, ...(createdAt !== undefined && { createdAt }) };
    } catch (error) {
      if (/could not find/i.test((error as Error).message)) return { count: 0 };
      throw error;
    }
  }

  /** Lists what the deletion of the stack leaves. */
  private async leftovers(stackId: string): Promise<Leftover[]> {
    const { region } = this;
    const left: Leftover[] = [];
    const { name } = this.stacks[0]!;
    const remaining = (await listStackResources(this.aws, stackId).catch(() => [])).filter(
      ({ ResourceStatus }) => ResourceStatus !== 'DELETE_COMPLETE',
    );
    if ((await this.stackId(name)) !== undefined)
      left.push({
        thing: `${name} with ${remaining.map(({ LogicalResourceId }) => LogicalResourceId).join(', ')}`,
        command: `aws cloudformation delete-stack --stack-name ${name} --region ${region}`,
        isBilled: true,
      });
    const { EndpointName } = this.deployed ?? {};
    if (EndpointName === undefined) return left;
    // SageMaker creates the group, so no stack deletes it.
    const { logGroups = [] } = await this.aws.logs.send(
      new DescribeLogGroupsCommand({ logGroupNamePrefix: `/aws/sagemaker/Endpoints/${EndpointName}` }),
    );
    for (const { logGroupName } of logGroups)
      left.push({
        thing: `log group ${logGroupName}`,
        command: `aws logs delete-log-group --log-group-name ${logGroupName} --region ${region}`,
        isBilled: false,
      });
    return left;
  }
}

interface Reached {
  readonly maximum: number;
  readonly seconds: number;
}

const seconds = (value: number | null): string => (value === null ? 'unknown' : `${value.toFixed(1)} s`);

function cdkOf({ projectDirectory, workDirectory }: AccountTargetOptions, signal: AbortSignal): CdkCommand {
  return new CdkCommand({ projectDirectory, environment: process.env, dataDirectory: workDirectory, signal });
}

/** Refuses templates with resources that outlive their stack: each smoke test would leave them behind. */
function outliving(templates: readonly TemplateDocument[]): string[] {
  const kept = templates.flatMap(({ document }) => {
    const resources = isObject(document) && isObject(document['Resources']) ? document['Resources'] : {};
    return Object.entries(resources).flatMap(([id, resource]) =>
      isObject(resource) && OUTLIVES.includes(String(resource['DeletionPolicy'])) ? [id] : [],
    );
  });
  if (kept.length === 0) return [];
  return [
    `the stage keeps ${kept.length} resources when its stack is deleted (${kept.slice(0, 3).join(', ')} …), so a smoke test would leave them and their cost behind; ` +
      'use a stage with keepData: false, such as dev',
  ];
}

import * as path from 'node:path';
import { variantResourceId } from '../catalog/scalable-resource';
import { throwProblems } from '../core/errors';
import { LOCAL_ACCOUNT, LOCAL_REGION, localCredentials, refuseRealCredentials } from '../emulator/credentials';
import type { ModelServerProcess } from '../emulator/model-server/model-server-process';
import { linkedController, pause } from '../emulator/repeat';
import { fullDiskNote } from '../files/free-space';
import { writeWholeFile } from '../files/write-file';
import { generateWorkload, type Workload } from '../simulation/traffic';
import { openWorkload } from '../traffic-file/open-workload';
import { readAssembly, type AssemblyStack } from './deploy/assembly';
import { createAwsClients, type AwsClients } from './deploy/aws';
import { CdkCommand } from './deploy/cdk-command';
import { refuseEngineGaps } from './deploy/engine-gaps';
import { attachPlatform } from './deploy/external-platform';
import type { LocalPlatform } from './deploy/local-platform';
import { prepareEngine } from './deploy/prepare-engine';
import { PLATFORM_OUTPUTS, readFunctionNames, readOutputs, type PlatformOutputs } from './deploy/stack-outputs';
import { requireVerified, verificationText, verifyResources, type Verification } from './deploy/verify-resources';
import { checkOptions, DEFAULT_DURATION_SECONDS, type LocalRunOptions, serverOf } from './options';
import { Recorder } from './recorder';
import { formatMoment } from './report/format-clock';
import { embedRecording, readPage } from './report/html-report';
import { startLivePage, type LivePage } from './report/live-page';
import { MemoryWatch } from './report/process-memory';
import { assembleReport, summarise, type RunReport } from './report/run-report';
import { scalingEvents } from './report/scaling-report';
import { Terminal, type TerminalOutput } from './report/terminal';
import { createRunDirectory } from './run-directory';
import { HandlerErrors } from './traffic/handler-errors';
import { runTraffic, type TrafficResult } from './traffic/traffic';

/** Process around a run. */
export interface RunContext {
  readonly output: TerminalOutput;
  /** Aborted by Ctrl-C: the run stops everything, then throws the reason. */
  readonly signal: AbortSignal;
}

const STEPS = [
  { id: 'prepare', title: 'Prepare' },
  { id: 'synth', title: 'Synthesise' },
  { id: 'deploy', title: 'Deploy' },
  { id: 'verify', title: 'Verify' },
  { id: 'traffic', title: 'Traffic' },
  { id: 'training', title: 'Training' },
  { id: 'drain', title: 'Drain' },
  { id: 'settle', title: 'Settle' },
  { id: 'report', title: 'Report' },
] as const;

/**
 * Deploys the platform on this machine, sends traffic to it and writes a report.
 *
 * All processes that it started have ended when it returns or throws.
 *
 * @throws InputError for invalid input, before anything is started where possible
 */
export async function runLocal(options: LocalRunOptions, context: RunContext): Promise<RunReport> {
  refuseRealCredentials();
  throwProblems('options', checkOptions(options));
  const workload = await workloadOf(options);
  const run = new LocalRun(options, context, workload);
  try {
    return await run.complete();
  } catch (error) {
    run.recordFailure(error);
    throw run.isInterrupted() ? context.signal.reason : run.explained(error);
  } finally {
    await run.stop();
  }
}

/** Cluster of the platform's topic; the broker of the run stands for it. */
const LOCAL_CLUSTER = `arn:aws:kafka:${LOCAL_REGION}:${LOCAL_ACCOUNT}:cluster/local/00000000-0000-4000-8000-000000000000-1`;

/** Generated traffic begins and ends at its quietest hour, so that a fleet of one instance has to scale out and in again. */
const LOWEST_HOUR = 2;

function workloadOf({ trace, seed, durationSeconds }: LocalRunOptions): Workload | Promise<Workload> {
  if (trace !== null) return openWorkload({ trace, seed, durationSeconds: durationSeconds ?? undefined });
  return generateWorkload({
    seed,
    durationSeconds: durationSeconds ?? DEFAULT_DURATION_SECONDS,
    startHour: LOWEST_HOUR,
  });
}

function trafficText({ description }: Workload, { ingest }: LocalRunOptions): string {
  return ingest === 'kafka' ? `${description}, half of it through Kafka` : description;
}

/** Artifact of the user for the model server. */
const artifactOf = ({ model, modelName, payload }: LocalRunOptions) =>
  model === null ? undefined : { location: model, modelName: modelName ?? undefined, payload: payload ?? undefined };

/** One run, step by step, with everything that has to be stopped at its end. */
class LocalRun {
  private readonly startedMs = performance.now();
  private readonly recorder: Recorder;
  private readonly terminal: Terminal;
  private readonly memory = new MemoryWatch();
  private readonly ending: AbortController;
  private readonly stops: (() => Promise<void> | void)[] = [];
  private readonly dataDirectory: string;
  private modelServer: ModelServerProcess | undefined;

  public constructor(
    private readonly options: LocalRunOptions,
    private readonly context: RunContext,
    private readonly workload: Workload,
  ) {
    this.recorder = new Recorder(
      {
        stage: options.stage,
        traffic: trafficText(workload, options),
        seed: options.seed,
        speed: options.speed,
        budgetUsd: options.budgetUsd,
        chaos: options.chaos,
        trafficSeconds: workload.durationSeconds,
        firstRequestAt: null,
      },
      STEPS,
    );
    this.terminal = new Terminal(context.output);
    this.stops.push(this.recorder.listen((message) => this.terminal.show(message)));
    this.ending = linkedController(context.signal);
    this.dataDirectory = createRunDirectory(options.projectDirectory);
  }

  public isInterrupted(): boolean {
    return this.context.signal.aborted;
  }

  public async complete(): Promise<RunReport> {
    const page = await this.openPage();
    const stacks = this.options.assemblyDirectory === null ? undefined : readAssembly(this.options.assemblyDirectory);
    const platform = await this.abortable(() => this.startPlatform());
    const aws = createAwsClients(platform.engineUrl, platform.kafkaBroker);
    this.stops.push(() => aws.close());
    const deployed = await this.deploy(platform, aws, stacks);
    const verification = await this.verify(aws, deployed);
    const names = deployed.map(({ name }) => name);
    const outputs: PlatformOutputs = {
      ...(await readOutputs(aws, names, PLATFORM_OUTPUTS)),
      ...(this.options.ingest === 'kafka' && (await readOutputs(aws, names, ['TopicName']))),
    };
    const errors = new HandlerErrors(
      aws.cloudWatch,
      await readFunctionNames(aws, names),
      platform.clock.localStartSeconds,
    );
    await platform.enforceIam();
    await platform.watch(outputs.EndpointName, outputs.VariantName);

    const traffic = await runTraffic({
      run: this.options,
      workload: this.workload,
      platform,
      aws,
      outputs,
      recorder: this.recorder,
      signal: this.ending.signal,
    });
    this.ending.signal.throwIfAborted();
    this.recorder.step('report', 'running');
    await errors.poll(platform.clock.now());
    const report = await this.report({ platform, outputs, verification, traffic, errors });
    this.writeReports(report);
    if (this.options.keep) await this.keepRunning(platform, outputs.EndpointName, page);
    return report;
  }

  /** Marks the failed step for the page; the command prints the message. */
  public recordFailure(error: unknown): void {
    const message = this.isInterrupted() ? 'interrupted' : error instanceof Error ? error.message : String(error);
    this.recorder.failRunningStep(message.split('\n')[0]!);
  }

  /** Error of the run, with the full disk from which others follow far away: an engine that cannot store answers that nothing is there. */
  public explained(error: unknown): unknown {
    const note = fullDiskNote(this.dataDirectory);
    return note === undefined || !(error instanceof Error)
      ? error
      : new Error(`${note}; free some space, then run the command again. The run failed with: ${error.message}`);
  }

  /** Stops everything that the run started, in reverse order, also after an error. */
  public async stop(): Promise<void> {
    this.terminal.end();
    this.memory.stop();
    for (const stop of this.stops.reverse()) {
      try {
        await stop();
      } catch (error) {
        this.terminal.line(`while stopping: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.stops.length = 0;
  }

  private async openPage(): Promise<LivePage | undefined> {
    const { pagePort, projectDirectory } = this.options;
    if (pagePort === null) return undefined;
    const html = readPage(path.join(projectDirectory, 'dist', 'page.html'));
    const page = await startLivePage({ recorder: this.recorder, html, port: pagePort });
    this.stops.push(() => page.stop());
    this.terminal.line(`Live page: ${page.url}`);
    return page;
  }

  private async startPlatform(): Promise<LocalPlatform> {
    const { projectDirectory, speed, seed, quietMetrics, endpoint } = this.options;
    if (endpoint !== null) return this.attachPlatform(endpoint);
    const { platform, modelServer } = await prepareEngine({
      projectDirectory,
      dataDirectory: this.dataDirectory,
      speed,
      seed,
      quietMetrics,
      server: serverOf(this.options),
      artifact: artifactOf(this.options),
      withKafka: this.options.ingest === 'kafka',
      recorder: this.recorder,
      ending: this.ending,
      onStarted: (started) => void this.stops.push(() => started.stop()),
    });
    this.modelServer = modelServer;
    return platform;
  }

  private async attachPlatform(endpoint: string): Promise<LocalPlatform> {
    this.recorder.step('prepare', 'running', `the engine at ${endpoint}`);
    const platform = await attachPlatform(endpoint);
    this.stops.push(() => platform.stop());
    const { speed } = platform.clock;
    if (speed !== this.options.speed) this.recorder.setHeader({ speed });
    this.recorder.step('prepare', 'done', `engine at ${endpoint}, its clock x ${speed}`);
    return platform;
  }

  private async deploy(
    platform: LocalPlatform,
    aws: AwsClients,
    given: readonly AssemblyStack[] | undefined,
  ): Promise<readonly AssemblyStack[]> {
    const { projectDirectory, stage } = this.options;
    const assembly = this.options.assemblyDirectory ?? path.join(this.dataDirectory, 'cdk.out');
    const cdk = new CdkCommand({
      projectDirectory,
      engineUrl: platform.engineUrl,
      dataDirectory: this.dataDirectory,
      signal: this.ending.signal,
    });
    this.recorder.step('synth', 'running', given === undefined ? `stage ${stage}` : assembly);
    const context = { stage, ...(this.options.ingest === 'kafka' && { kafkaCluster: LOCAL_CLUSTER }) };
    if (given === undefined) await this.abortable(() => cdk.synth(context, assembly));
    const stacks = given ?? readAssembly(assembly);
    const count = stacks.reduce((sum, { template }) => sum + Object.keys(template.Resources).length, 0);
    this.recorder.step('synth', 'done', `${stacks.map(({ name }) => name).join(', ')}: ${count} resources`);

    if (this.options.endpoint !== null) await refuseEngineGaps(aws, this.options.endpoint, stacks);
    const startedMs = performance.now();
    this.recorder.step('deploy', 'running', 'bootstrap');
    await this.abortable(() => cdk.bootstrap(assembly));
    await this.abortable(() => cdk.deploy(assembly, (detail) => this.recorder.step('deploy', 'running', detail)));
    this.recorder.step('deploy', 'done', `${Math.round((performance.now() - startedMs) / 1000)} s`);
    return stacks;
  }

  private async verify(aws: AwsClients, stacks: readonly AssemblyStack[]): Promise<Verification> {
    this.recorder.step('verify', 'running');
    const verification = await this.abortable(() => verifyResources(aws, stacks));
    requireVerified(verification);
    this.recorder.step('verify', 'done', verificationText(verification));
    return verification;
  }

  private async report(parts: {
    readonly platform: LocalPlatform;
    readonly outputs: PlatformOutputs;
    readonly verification: Verification;
    readonly traffic: TrafficResult;
    readonly errors: HandlerErrors;
  }): Promise<RunReport> {
    const { platform, outputs, verification, traffic, errors } = parts;
    const { anchor, outcomes } = traffic;
    const resourceId = variantResourceId(outputs.EndpointName, outputs.VariantName);
    const changes = scalingEvents(platform.activities(), resourceId, anchor);
    return assembleReport({
      stage: this.options.stage,
      seed: this.options.seed,
      speed: platform.clock.speed,
      traffic: trafficText(this.workload, this.options),
      ingest: this.options.ingest,
      trafficSeconds: this.workload.durationSeconds,
      firstRequestAt: formatMoment(anchor),
      requests: {
        ...outcomes.totals(),
        queued: traffic.queued,
        retries: traffic.retries,
        spilled: traffic.spilled,
      },
      scaling: {
        out: changes.filter(({ direction }) => direction === 'out').length,
        in: changes.filter(({ direction }) => direction === 'in').length,
        peakInstances: traffic.fleet.peakInstances,
        events: changes,
      },
      guard: traffic.fleet.ledger.report(traffic.guard.records(), anchor),
      training: traffic.training,
      capacity: { errors: traffic.capacityErrors, peakByType: traffic.fleet.peakByType() },
      latencySeconds: outcomes.latency(),
      latencyPartsSeconds: outcomes.latencyParts(),
      costUsd: platform.fleet(outputs.EndpointName, outputs.VariantName).billedUsd,
      deniedCalls: await platform.deniedCalls(),
      handlerErrors: errors.totals(),
      peakMemoryMiB: this.memory.peakMib(),
      modelServer:
        this.modelServer === undefined
          ? null
          : {
              name: this.modelServer.name,
              model: this.modelServer.modelName ?? null,
              results: traffic.results,
              ...(await this.modelServer.statistics()),
            },
      wallSeconds: Math.round((performance.now() - this.startedMs) / 100) / 10,
      verification,
      unresolvedIds: outcomes.unresolvedIds(10),
      unknownIds: outcomes.unknownIds(),
      refusals: traffic.refusals,
      failures: traffic.failures,
    });
  }

  private writeReports(report: RunReport): void {
    const { outDirectory, projectDirectory } = this.options;
    this.recorder.step('report', 'done', path.join(outDirectory, 'report.html'));
    this.recorder.finish(summarise(report));
    writeWholeFile(path.join(outDirectory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
    const page = readPage(path.join(projectDirectory, 'dist', 'page.html'));
    writeWholeFile(path.join(outDirectory, 'report.html'), embedRecording(page, this.recorder.recording()));
    this.terminal.line(
      `  Report: ${path.relative(process.cwd(), path.join(outDirectory, 'report.html'))}, report.json`,
    );
    if (!report.ok) {
      const note = fullDiskNote(this.dataDirectory);
      if (note !== undefined) this.terminal.line(`  ${note}; free some space, then run the command again`);
      this.terminal.line(`  Logs: ${path.relative(process.cwd(), this.dataDirectory)}`);
    }
  }

  /** Keeps everything running until Ctrl-C. */
  private async keepRunning(platform: LocalPlatform, endpointName: string, page: LivePage | undefined): Promise<void> {
    const { engineUrl } = platform;
    for (const line of [
      `\n  Running until Ctrl-C: the AWS engine at ${engineUrl}${page === undefined ? '' : `, the page at ${page.url}`}`,
      '  In another terminal, the AWS CLI and the commands see it as they see an account:',
      `    export AWS_ENDPOINT_URL=${engineUrl} AWS_REGION=${LOCAL_REGION} AWS_DEFAULT_REGION=${LOCAL_REGION}`,
      `    export AWS_ACCESS_KEY_ID=${localCredentials.accessKeyId} AWS_SECRET_ACCESS_KEY=${localCredentials.secretAccessKey}`,
      `    aws sagemaker describe-endpoint --endpoint-name ${endpointName}`,
      `    npx tidegate inspect --endpoint ${endpointName} --out chat-now`,
    ])
      this.terminal.line(line);
    while (!this.ending.signal.aborted) await pause(60_000, this.ending.signal);
    if (!this.isInterrupted()) this.ending.signal.throwIfAborted();
  }

  /** Runs an action; throws the reason if the run is aborted meanwhile. */
  private async abortable<T>(action: () => Promise<T>): Promise<T> {
    this.ending.signal.throwIfAborted();
    try {
      const result = await action();
      this.ending.signal.throwIfAborted();
      return result;
    } catch (error) {
      this.ending.signal.throwIfAborted();
      throw error;
    }
  }
}

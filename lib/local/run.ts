import * as fs from 'node:fs';
import * as path from 'node:path';
import { throwProblems } from '../core/errors';
import type { Workload } from '../simulation/workload';
import { awsClients, type AwsClients } from './aws';
import { CdkCommand, readAssembly, type AssemblyStack } from './deploy';
import { refuseRealCredentials } from './engine/credentials';
import { refuseEngineGaps } from './engine-gaps';
import { attachPlatform } from './external-platform';
import { HandlerErrors } from './handler-errors';
import { startLivePage, type LivePage } from './live-page';
import { openWorkload } from './load/open-workload';
import type { ModelServerProcess } from './model-server/model-server-process';
import { checkOptions, type LocalRunOptions } from './options';
import { isActivityOf, resourceIdOf, type Platform } from './platform';
import { prepareEngine } from './prepare-engine';
import { MemoryWatch } from './process-memory';
import { linkedController, pause } from './repeat';
import { htmlReport, readPage } from './report/html-report';
import { activityReason } from './platform-events';
import { Recorder } from './report/recorder';
import { assembleReport, summarise, type RunReport } from './report/run-report';
import { createRunDirectory } from './run-directory';
import { readFunctionNames, readOutputs, type StackOutputs } from './stack-outputs';
import { Terminal, type TerminalOutput } from './terminal';
import { runTraffic, type TrafficResult } from './traffic';
import { verifyResources, type Verification } from './verify-resources';

export interface RunSurroundings {
  readonly output: TerminalOutput;
  /** Its abort (Ctrl-C) ends the run: everything is stopped, then the reason is thrown. */
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
 * Deploys the platform on this machine, drives traffic through it and reports what happened.
 *
 * Whatever happens, everything it started has ended when it returns or throws.
 *
 * @throws InputError for what the user has to correct, before anything is started where that can be told.
 */
export async function runLocal(options: LocalRunOptions, surroundings: RunSurroundings): Promise<RunReport> {
  refuseRealCredentials();
  throwProblems('options', checkOptions(options));
  const workload = await openWorkload(options);
  const run = new LocalRun(options, surroundings, workload);
  try {
    return await run.toItsEnd();
  } catch (error) {
    run.tellFailure(error);
    throw run.isInterrupted() ? surroundings.signal.reason : error;
  } finally {
    await run.stop();
  }
}

/** One run, step by step, with what has to be stopped at its end. */
class LocalRun {
  private readonly startedMs = Date.now();
  private readonly recorder: Recorder;
  private readonly terminal: Terminal;
  private readonly memory = new MemoryWatch();
  private readonly ending: AbortController;
  private readonly stops: (() => Promise<void> | void)[] = [];
  private readonly dataDirectory: string;
  private modelServer: ModelServerProcess | undefined;

  public constructor(
    private readonly options: LocalRunOptions,
    private readonly surroundings: RunSurroundings,
    private readonly workload: Workload,
  ) {
    this.recorder = new Recorder(
      {
        stage: options.stage,
        traffic: workload.description,
        seed: options.seed,
        speed: options.speed,
        budgetUsd: options.budgetUsd,
        chaos: options.chaos,
        trafficSeconds: workload.durationSeconds,
      },
      STEPS,
    );
    this.terminal = new Terminal(surroundings.output);
    this.stops.push(this.recorder.listen((message) => this.terminal.take(message)));
    this.ending = linkedController(surroundings.signal);
    this.dataDirectory = createRunDirectory(options.projectDirectory);
  }

  public isInterrupted(): boolean {
    return this.surroundings.signal.aborted;
  }

  public async toItsEnd(): Promise<RunReport> {
    const page = await this.openPage();
    const stacks = this.options.assemblyDirectory === null ? undefined : readAssembly(this.options.assemblyDirectory);
    const platform = await this.guarded(() => this.startPlatform());
    const aws = awsClients(platform.engineUrl);
    this.stops.push(() => aws.close());
    const deployed = await this.deploy(platform, aws, stacks);
    const verification = await this.verify(aws, deployed);
    const names = deployed.map(({ name }) => name);
    const outputs = await readOutputs(aws, names);
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
    if (this.options.keep) await this.keepUp(platform, page);
    return report;
  }

  /** Marks the step that failed, for the page; the command prints the message itself. */
  public tellFailure(error: unknown): void {
    const message = this.isInterrupted() ? 'interrupted' : error instanceof Error ? error.message : String(error);
    this.recorder.failRunningStep(message.split('\n')[0]!);
  }

  /** Ends everything this run started, last first; one that fails keeps none of the others. */
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

  private async startPlatform(): Promise<Platform> {
    const { projectDirectory, speed, seed, endpoint } = this.options;
    if (endpoint !== null) return this.attachPlatform(endpoint);
    const { platform, modelServer } = await prepareEngine({
      projectDirectory,
      dataDirectory: this.dataDirectory,
      speed,
      seed,
      server: this.options.server,
      recorder: this.recorder,
      ending: this.ending,
      onStarted: (started) => void this.stops.push(() => started.stop()),
    });
    this.modelServer = modelServer;
    return platform;
  }

  private async attachPlatform(endpoint: string): Promise<Platform> {
    this.recorder.step('prepare', 'running', `the engine at ${endpoint}`);
    const platform = await attachPlatform(endpoint);
    this.stops.push(() => platform.stop());
    const { speed } = platform.clock;
    if (speed !== this.options.speed) this.recorder.setHeader({ speed });
    this.recorder.step('prepare', 'done', `engine at ${endpoint}, its clock x ${speed}`);
    return platform;
  }

  private async deploy(
    platform: Platform,
    aws: AwsClients,
    given: readonly AssemblyStack[] | undefined,
  ): Promise<readonly AssemblyStack[]> {
    const { projectDirectory, stage } = this.options;
    const assembly = this.options.assemblyDirectory ?? path.join(projectDirectory, 'cdk.out');
    const cdk = new CdkCommand({
      projectDirectory,
      engineUrl: platform.engineUrl,
      dataDirectory: this.dataDirectory,
      signal: this.ending.signal,
    });
    this.recorder.step('synth', 'running', given === undefined ? `stage ${stage}` : assembly);
    if (given === undefined) await this.guarded(() => cdk.synth({ stage }, assembly));
    const stacks = given ?? readAssembly(assembly);
    const count = stacks.reduce((sum, { template }) => sum + Object.keys(template.Resources).length, 0);
    this.recorder.step('synth', 'done', `${stacks.map(({ name }) => name).join(', ')}: ${count} resources`);

    if (this.options.endpoint !== null) await refuseEngineGaps(aws, this.options.endpoint, stacks);
    const startedMs = Date.now();
    this.recorder.step('deploy', 'running', 'bootstrap');
    await this.guarded(() => cdk.bootstrap(assembly));
    await this.guarded(() => cdk.deploy(assembly, (detail) => this.recorder.step('deploy', 'running', detail)));
    this.recorder.step('deploy', 'done', `${Math.round((Date.now() - startedMs) / 1000)} s`);
    return stacks;
  }

  private async verify(aws: AwsClients, stacks: readonly AssemblyStack[]): Promise<Verification> {
    this.recorder.step('verify', 'running');
    const verification = await this.guarded(() => verifyResources(aws, stacks));
    const { declared, verified, problems } = verification;
    const text = `${verified} of ${declared} resources verified`;
    if (verified !== declared) throw new Error(`${text}:\n  ${problems.join('\n  ')}`);
    this.recorder.step('verify', 'done', text);
    return verification;
  }

  private async report(parts: {
    readonly platform: Platform;
    readonly outputs: StackOutputs;
    readonly verification: Verification;
    readonly traffic: TrafficResult;
    readonly errors: HandlerErrors;
  }): Promise<RunReport> {
    const { platform, outputs, verification, traffic, errors } = parts;
    const { anchor, outcomes } = traffic;
    const resourceId = resourceIdOf(outputs.EndpointName, outputs.VariantName);
    const changes = platform
      .activities()
      .filter((activity) => isActivityOf(activity, resourceId, anchor) && activity.statusCode !== 'Failed')
      .filter(({ fromCapacity, toCapacity }) => fromCapacity !== toCapacity)
      .map((activity) => {
        const { atSeconds, fromCapacity: from, toCapacity: to, decidedBy, steps, cause } = activity;
        return {
          atSecond: Math.round((atSeconds - anchor) * 10) / 10,
          direction: to > from ? ('out' as const) : ('in' as const),
          from,
          to,
          reason: activityReason(activity),
          decidedBy,
          steps,
          cause,
        };
      });
    return assembleReport({
      stage: this.options.stage,
      seed: this.options.seed,
      speed: platform.clock.speed,
      traffic: this.workload.description,
      trafficSeconds: this.workload.durationSeconds,
      requests: {
        ...outcomes.counts(),
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
      costUsd: platform.fleet(outputs.EndpointName, outputs.VariantName).billedUsd,
      deniedCalls: await platform.deniedCalls(),
      handlerErrors: errors.totals(),
      peakMemoryMiB: this.memory.peakMib(),
      modelServer:
        this.modelServer === undefined
          ? null
          : { name: this.modelServer.name, ...(await this.modelServer.statistics()) },
      wallSeconds: Math.round((Date.now() - this.startedMs) / 100) / 10,
      verification,
      openIds: outcomes.openIds(10),
      unknownIds: outcomes.unknown(),
      refusals: traffic.refusals,
      failures: traffic.failures,
    });
  }

  private writeReports(report: RunReport): void {
    const { outDirectory, projectDirectory } = this.options;
    this.recorder.step('report', 'done', path.join(outDirectory, 'report.html'));
    this.recorder.finish(summarise(report));
    fs.mkdirSync(outDirectory, { recursive: true });
    fs.writeFileSync(path.join(outDirectory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
    const page = readPage(path.join(projectDirectory, 'dist', 'page.html'));
    fs.writeFileSync(path.join(outDirectory, 'report.html'), htmlReport(page, this.recorder.recording()));
    this.terminal.line(
      `  Report: ${path.relative(process.cwd(), path.join(outDirectory, 'report.html'))}, report.json`,
    );
    if (!report.ok) this.terminal.line(`  Logs: ${path.relative(process.cwd(), this.dataDirectory)}`);
  }

  /** Leaves everything up until Ctrl-C. */
  private async keepUp(platform: Platform, page: LivePage | undefined): Promise<void> {
    this.terminal.line(
      `\n  Still up until Ctrl-C: the AWS engine at ${platform.engineUrl}${page === undefined ? '' : `, the page at ${page.url}`}`,
    );
    while (!this.ending.signal.aborted) await pause(60_000, this.ending.signal);
    if (!this.isInterrupted()) this.ending.signal.throwIfAborted();
  }

  /** An action that ends early, with the reason, when the run has to end meanwhile. */
  private async guarded<T>(action: () => Promise<T>): Promise<T> {
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

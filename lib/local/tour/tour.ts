import * as path from 'node:path';
import { refuseRealCredentials } from '../../emulator/credentials';
import { linkedController } from '../../emulator/repeat';
import { writeWholeFile } from '../../files/write-file';
import { readAssembly } from '../deploy/assembly';
import { createAwsClients, type AwsClients } from '../deploy/aws';
import { CdkCommand } from '../deploy/cdk-command';
import type { EmulatorPlatform } from '../deploy/emulator-platform';
import { prepareEngine } from '../deploy/prepare-engine';
import { readOutputs } from '../deploy/stack-outputs';
import { requireVerified, verificationText, verifyResources } from '../deploy/verify-resources';
import { Recorder } from '../recorder';
import { Terminal } from '../report/terminal';
import type { RunContext } from '../run';
import { createRunDirectory } from '../run-directory';
import type { TourContext, TourResults } from './context';
import { ENDPOINT_TOUR } from './endpoints';
import { learningTour } from './learning/learning-tour';
import { type PlannedStep, SkippedStep, type TourPlan } from './plan';

/** Tours by the value of `--tour`. */
const TOURS = { endpoints: () => ENDPOINT_TOUR, learning: learningTour } as const;

export type TourName = keyof typeof TOURS;

/** Options of a tour. */
export interface TourOptions {
  readonly tour: TourName;
  readonly projectDirectory: string;
  readonly stage: string;
  /** Local seconds per real second. */
  readonly speed: number;
  readonly seed: number;
  /** Folder for `tour.json`. */
  readonly outDirectory: string;
}

/** Result of one step of the tour. */
export interface TourStepReport {
  readonly id: string;
  readonly title: string;
  readonly results: TourResults;
  /** Reason of a failure; null if the step passed, or was skipped. */
  readonly problem: string | null;
  /** Part that this machine lacks for the step, and the way to get it; null if the step was taken. */
  readonly skipped: string | null;
}

/** Content of `tour.json`. */
export interface TourReport {
  readonly ok: boolean;
  readonly tour: TourName;
  readonly stage: string;
  readonly speed: number;
  readonly seed: number;
  readonly wallSeconds: number;
  readonly resources: { readonly declared: number; readonly verified: number };
  readonly steps: readonly TourStepReport[];
}

const SET_UP = [
  { id: 'prepare', title: 'Prepare' },
  { id: 'synth', title: 'Synthesise' },
  { id: 'deploy', title: 'Deploy' },
  { id: 'verify', title: 'Verify' },
] as const;

/**
 * Deploys the first state of a tour on this machine and takes its steps.
 *
 * All processes that it started have ended when it returns or throws.
 *
 * @throws InputError for invalid input
 */
export async function runTour(options: TourOptions, context: RunContext): Promise<TourReport> {
  refuseRealCredentials();
  const startedMs = performance.now();
  const { projectDirectory, stage, speed, seed, outDirectory } = options;
  // The steps of a plan take no other outputs than its own.
  const plan: TourPlan = TOURS[options.tour]();
  const ending = linkedController(context.signal);
  const recorder = new Recorder(
    { stage, traffic: 'tour', seed, speed, budgetUsd: null, chaos: false, trafficSeconds: 0, firstRequestAt: null },
    [...SET_UP, ...plan.groups.flat()],
  );
  const terminal = new Terminal(context.output);
  const stopListening = recorder.listen((message) => terminal.show(message));
  const dataDirectory = createRunDirectory(projectDirectory);
  const running: { stop(): Promise<void> }[] = [];
  let platform: EmulatorPlatform;
  let aws: AwsClients | undefined;
  const assemblies = new Assemblies(plan, options, dataDirectory, ending.signal);
  try {
    recorder.step('synth', 'running', `stage ${stage}, ${plan.states.length} states`);
    assemblies.synthesise();
    ({ platform } = await prepareEngine({
      projectDirectory,
      dataDirectory,
      speed,
      seed,
      withLearning: plan.withLearning,
      recorder,
      ending,
      onStarted: (started) => void running.push(started),
    }));
    await assemblies.synthesised(plan.states[0]!);
    const stacks = readAssembly(assemblies.directoryOf(plan.states[0]!));
    const stackNames = stacks.map(({ name }) => name);
    recorder.step('synth', 'done', stackNames.join(', '));

    const cdk = assemblies.command(platform.engineUrl);
    recorder.step('deploy', 'running', 'bootstrap');
    await cdk.bootstrap(assemblies.directoryOf(plan.states[0]!));
    await cdk.deploy(assemblies.directoryOf(plan.states[0]!), (detail) => recorder.step('deploy', 'running', detail));
    recorder.step('deploy', 'done', `${Math.round((performance.now() - startedMs) / 1000)} s since the start`);

    aws = createAwsClients(platform.engineUrl, undefined, platform.greengrass);
    recorder.step('verify', 'running');
    const verification = await verifyResources(aws, stacks);
    requireVerified(verification);
    recorder.step('verify', 'done', verificationText(verification));

    const outputs = await readOutputs(aws, stackNames, plan.outputs);
    const context = {
      ...{ platform, aws, outputs, seed, stackNames, dataDirectory, projectDirectory },
      signal: ending.signal,
      deploy: async (state: string) => {
        await assemblies.synthesised(state);
        await cdk.deploy(assemblies.directoryOf(state), () => undefined);
      },
    };
    const steps = await runSteps(plan, context, recorder);
    ending.signal.throwIfAborted();
    const report: TourReport = {
      ok: steps.every(({ problem }) => problem === null),
      tour: options.tour,
      stage,
      speed,
      seed,
      wallSeconds: Math.round((performance.now() - startedMs) / 100) / 10,
      resources: { declared: verification.declared, verified: verification.verified },
      steps,
    };
    const file = path.join(outDirectory, 'tour.json');
    writeWholeFile(file, `${JSON.stringify(report, null, 2)}\n`);
    printReport(terminal, plan, report, file);
    return report;
  } catch (error) {
    recorder.failRunningStep((error instanceof Error ? error.message : String(error)).split('\n')[0]!);
    throw context.signal.aborted ? context.signal.reason : error;
  } finally {
    ending.abort(new Error('the tour is over'));
    await plan.close?.();
    terminal.end();
    stopListening();
    aws?.close();
    await assemblies.ended();
    for (const started of running.reverse()) await started.stop();
  }
}

/** Cloud assemblies of the app, one for each state of the tour. */
class Assemblies {
  private readonly syntheses = new Map<string, Promise<void>>();

  public constructor(
    private readonly plan: TourPlan,
    private readonly options: TourOptions,
    private readonly dataDirectory: string,
    private readonly signal: AbortSignal,
  ) {}

  public directoryOf(state: string): string {
    return path.join(this.dataDirectory, 'tour', state);
  }

  public command(engineUrl: string): CdkCommand {
    const { projectDirectory } = this.options;
    return new CdkCommand({ projectDirectory, engineUrl, dataDirectory: this.dataDirectory, signal: this.signal });
  }

  /** Begins to synthesise the states: the first alone, because the first run of the app may have to build it, and then the others, meanwhile. */
  public synthesise(): void {
    const { stage } = this.options;
    // Synthesis calls no engine.
    const cdk = this.command('http://127.0.0.1:9');
    const [first, ...others] = this.plan.states as [string, ...string[]];
    const synthesis = (state: string) => cdk.synth({ stage, tour: state }, this.directoryOf(state));
    const begun = synthesis(first);
    this.syntheses.set(first, begun);
    for (const state of others) {
      this.syntheses.set(
        state,
        begun.then(() => synthesis(state)),
      );
    }
    // An error is that of the deployment which needs the state.
    for (const one of this.syntheses.values()) one.catch(() => undefined);
  }

  /** Resolves when no state is being synthesised any more. */
  public async ended(): Promise<void> {
    await Promise.allSettled(this.syntheses.values());
  }

  /** Resolves when a state is synthesised. */
  public async synthesised(state: string): Promise<void> {
    await this.syntheses.get(state);
  }
}

/** Takes the steps of a plan, group by group, up to the first group with a failure. A failed step does not stop the others of its group. */
async function runSteps(
  plan: TourPlan,
  context: Omit<TourContext<string>, 'note'>,
  recorder: Recorder,
): Promise<TourStepReport[]> {
  const take = async ({ id, title, run }: PlannedStep): Promise<TourStepReport> => {
    recorder.step(id, 'running');
    try {
      const results: TourResults = await run({ ...context, note: (text) => recorder.step(id, 'running', text) });
      recorder.step(id, 'done', plan.summaryOf(results));
      return { id, title, results, problem: null, skipped: null };
    } catch (error) {
      context.signal.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      const isSkipped = error instanceof SkippedStep;
      recorder.step(id, isSkipped ? 'skipped' : 'failed', message.split('\n')[0]);
      return { id, title, results: {}, problem: isSkipped ? null : message, skipped: isSkipped ? message : null };
    }
  };
  const taken: TourStepReport[] = [];
  for (const group of plan.groups) {
    const failed = taken.find(({ problem }) => problem !== null);
    taken.push(
      ...(failed === undefined
        ? await Promise.all(group.map(take))
        : group.map(({ id, title }) => ({
            ...{ id, title, results: {}, skipped: null },
            problem: `not taken, because '${failed.title}' failed`,
          }))),
    );
  }
  return taken;
}

function printReport(terminal: Terminal, plan: TourPlan, report: TourReport, file: string): void {
  terminal.end();
  for (const { title, results, problem, skipped } of report.steps) {
    const note = problem ?? (skipped === null ? undefined : `skipped: ${skipped}`);
    terminal.line(`\n  ${title}${note === undefined ? '' : `: ${note}`}`);
    for (const [name, value] of Object.entries(results)) {
      if (name !== 'summary') terminal.line(`    ${words(name)}: ${shown(value)}`);
    }
  }
  const skipped = report.steps.filter((step) => step.skipped !== null).map(({ title }) => title);
  const end = report.ok
    ? `${plan.success}${skipped.length === 0 ? '' : `, without ${skipped.join(', ')}`}`
    : 'The tour failed';
  terminal.line(`\n  ${end}, in ${report.wallSeconds} s. Report: ${path.relative(process.cwd(), file)}`);
}

/** Numbers with at most four digits behind the point. */
const shown = (value: string | number): string =>
  String(typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value);

/** Writes a name such as `peakInstances` as `peak instances`. */
const words = (name: string): string =>
  name.includes(':') ? name : name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

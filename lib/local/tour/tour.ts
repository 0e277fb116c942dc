import * as path from 'node:path';
import { refuseRealCredentials } from '../../emulator/credentials';
import { linkedController } from '../../emulator/repeat';
import { writeWholeFile } from '../../files/write-file';
import { TOUR_STATES, type TourState } from '../../platform/contract';
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
import { asynchronousStep } from './asynchronous';
import { componentStep } from './component';
import { TOUR_OUTPUTS, type TourContext, type TourResults, type TourStep } from './context';
import { realTimeStep, type DeployState } from './real-time';
import { serverlessStep } from './serverless';

/** Options of a tour. */
export interface TourOptions {
  readonly projectDirectory: string;
  readonly stage: string;
  /** Local seconds per real second. */
  readonly speed: number;
  readonly seed: number;
  /** Folder for `tour.json`. */
  readonly outDirectory: string;
}

/** Result of one step of the tour: one kind of endpoint. */
export interface TourStepReport {
  readonly id: string;
  readonly title: string;
  readonly results: TourResults;
  /** Reason of a failure; null if the step passed. */
  readonly problem: string | null;
}

/** Content of `tour.json`. */
export interface TourReport {
  readonly ok: boolean;
  readonly stage: string;
  readonly speed: number;
  readonly seed: number;
  readonly wallSeconds: number;
  readonly resources: { readonly declared: number; readonly verified: number };
  readonly steps: readonly TourStepReport[];
}

const ENDPOINT_STEPS = [
  { id: 'real-time', title: 'Real-time endpoint' },
  { id: 'asynchronous', title: 'Asynchronous endpoint' },
  { id: 'component', title: 'Inference component' },
  { id: 'serverless', title: 'Serverless endpoint' },
] as const;

const STEPS = [
  { id: 'prepare', title: 'Prepare' },
  { id: 'synth', title: 'Synthesise' },
  { id: 'deploy', title: 'Deploy' },
  { id: 'verify', title: 'Verify' },
  ...ENDPOINT_STEPS,
] as const;

/**
 * Deploys one endpoint of every kind on this machine and shows each of them scale out, in and, where possible, to zero and from zero.
 * The real-time endpoint gets other instance types and versions, good and bad, under live traffic.
 *
 * All processes that it started have ended when it returns or throws.
 *
 * @throws InputError for invalid input
 */
export async function runTour(options: TourOptions, context: RunContext): Promise<TourReport> {
  refuseRealCredentials();
  const startedMs = performance.now();
  const { projectDirectory, stage, speed, seed, outDirectory } = options;
  const ending = linkedController(context.signal);
  const recorder = new Recorder(
    { stage, traffic: 'tour', seed, speed, budgetUsd: null, chaos: false, trafficSeconds: 0, firstRequestAt: null },
    STEPS,
  );
  const terminal = new Terminal(context.output);
  const stopListening = recorder.listen((message) => terminal.show(message));
  const dataDirectory = createRunDirectory(projectDirectory);
  const running: { stop(): Promise<void> }[] = [];
  let platform: EmulatorPlatform;
  let aws: AwsClients | undefined;
  try {
    const assemblies = new Assemblies(options, dataDirectory, ending.signal);
    recorder.step('synth', 'running', `stage ${stage}, ${TOUR_STATES.length} states`);
    const synthesised = assemblies.synthesise();
    synthesised.catch(() => undefined);
    ({ platform } = await prepareEngine({
      projectDirectory,
      dataDirectory,
      speed,
      seed,
      recorder,
      ending,
      onStarted: (started) => void running.push(started),
    }));
    await synthesised;
    const stacks = readAssembly(assemblies.directoryOf('initial'));
    const stackNames = stacks.map(({ name }) => name);
    recorder.step('synth', 'done', stackNames.join(', '));

    const cdk = assemblies.command(platform.engineUrl);
    recorder.step('deploy', 'running', 'bootstrap');
    await cdk.bootstrap(assemblies.directoryOf('initial'));
    await cdk.deploy(assemblies.directoryOf('initial'), (detail) => recorder.step('deploy', 'running', detail));
    recorder.step('deploy', 'done', `${Math.round((performance.now() - startedMs) / 1000)} s since the start`);

    aws = createAwsClients(platform.engineUrl);
    recorder.step('verify', 'running');
    const verification = await verifyResources(aws, stacks);
    requireVerified(verification);
    recorder.step('verify', 'done', verificationText(verification));

    const outputs = await readOutputs(aws, stackNames, TOUR_OUTPUTS);
    const steps = await runSteps({ platform, aws, outputs, signal: ending.signal }, recorder, (state) =>
      cdk.deploy(assemblies.directoryOf(state), () => undefined),
    );
    ending.signal.throwIfAborted();
    const report: TourReport = {
      ok: steps.every(({ problem }) => problem === null),
      stage,
      speed,
      seed,
      wallSeconds: Math.round((performance.now() - startedMs) / 100) / 10,
      resources: { declared: verification.declared, verified: verification.verified },
      steps,
    };
    const file = path.join(outDirectory, 'tour.json');
    writeWholeFile(file, `${JSON.stringify(report, null, 2)}\n`);
    printReport(terminal, report, file);
    return report;
  } catch (error) {
    recorder.failRunningStep((error instanceof Error ? error.message : String(error)).split('\n')[0]!);
    throw context.signal.aborted ? context.signal.reason : error;
  } finally {
    ending.abort(new Error('the tour is over'));
    terminal.end();
    stopListening();
    aws?.close();
    for (const started of running.reverse()) await started.stop();
  }
}

/** Cloud assemblies of the app, one for each state of the tour. */
class Assemblies {
  public constructor(
    private readonly options: TourOptions,
    private readonly dataDirectory: string,
    private readonly signal: AbortSignal,
  ) {}

  public directoryOf(state: TourState): string {
    return path.join(this.dataDirectory, 'tour', state);
  }

  public command(engineUrl: string): CdkCommand {
    const { projectDirectory } = this.options;
    return new CdkCommand({ projectDirectory, engineUrl, dataDirectory: this.dataDirectory, signal: this.signal });
  }

  /** Synthesises the first state alone, because the first run of the app may have to build it, and then the others in parallel. */
  public async synthesise(): Promise<void> {
    const { stage } = this.options;
    // Synthesis calls no engine.
    const cdk = this.command('http://127.0.0.1:9');
    const [first, ...others] = TOUR_STATES;
    await cdk.synth({ stage, tour: first }, this.directoryOf(first));
    await Promise.all(others.map((state) => cdk.synth({ stage, tour: state }, this.directoryOf(state))));
  }
}

/** Runs all endpoint steps in parallel; a failed one does not stop the others. */
async function runSteps(
  context: Omit<TourContext, 'note'>,
  recorder: Recorder,
  deploy: DeployState,
): Promise<TourStepReport[]> {
  const steps: { readonly [id in (typeof ENDPOINT_STEPS)[number]['id']]: TourStep } = {
    'real-time': (own) => realTimeStep(own, deploy),
    asynchronous: asynchronousStep,
    component: componentStep,
    serverless: serverlessStep,
  };
  return Promise.all(
    ENDPOINT_STEPS.map(async ({ id, title }): Promise<TourStepReport> => {
      recorder.step(id, 'running');
      try {
        const results = await steps[id]({ ...context, note: (text) => recorder.step(id, 'running', text) });
        recorder.step(id, 'done', `${results['answered']} of ${results['requests']} requests answered`);
        return { id, title, results, problem: null };
      } catch (error) {
        context.signal.throwIfAborted();
        const problem = error instanceof Error ? error.message : String(error);
        recorder.step(id, 'failed', problem.split('\n')[0]);
        return { id, title, results: {}, problem };
      }
    }),
  );
}

function printReport(terminal: Terminal, report: TourReport, file: string): void {
  terminal.end();
  for (const { title, results, problem } of report.steps) {
    terminal.line(`\n  ${title}${problem === null ? '' : `: ${problem}`}`);
    for (const [name, value] of Object.entries(results)) terminal.line(`    ${words(name)}: ${value}`);
  }
  const end = report.ok ? 'Every endpoint behaved as expected' : 'The tour failed';
  terminal.line(`\n  ${end}, in ${report.wallSeconds} s. Report: ${path.relative(process.cwd(), file)}`);
}

/** Writes a name such as `peakInstances` as `peak instances`. */
const words = (name: string): string =>
  name.includes(':') ? name : name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

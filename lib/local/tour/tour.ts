import * as fs from 'node:fs';
import * as path from 'node:path';
import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { TOUR_STATES, type TourState } from '../../platform/contract';
import { awsClients, type AwsClients } from '../aws';
import { CdkCommand, readAssembly } from '../deploy';
import { refuseRealCredentials } from '../engine/credentials';
import type { OwnPlatform } from '../platform';
import { prepareEngine } from '../prepare-engine';
import { linkedController } from '../repeat';
import { Recorder } from '../report/recorder';
import type { RunSurroundings } from '../run';
import { createRunDirectory } from '../run-directory';
import { Terminal } from '../terminal';
import { verifyResources } from '../verify-resources';
import { TOUR_OUTPUTS, type Facts, type Stage, type TourOutputs } from './act';
import { asynchronousAct } from './asynchronous';
import { componentAct } from './component';
import { realTimeAct } from './real-time';
import { serverlessAct } from './serverless';

/** What a tour is asked to do. */
export interface TourOptions {
  readonly projectDirectory: string;
  readonly stage: string;
  /** Local seconds per real second. */
  readonly speed: number;
  readonly seed: number;
  /** Where `tour.json` goes. */
  readonly outDirectory: string;
}

/** Local seconds per real second of a tour, which waits for fleets to empty. */
export const TOUR_SPEED = 60;

/** What came of one kind of endpoint. */
export interface ActReport {
  readonly id: string;
  readonly title: string;
  readonly facts: Facts;
  /** Why it failed; null when it did not. */
  readonly problem: string | null;
}

export interface TourReport {
  readonly ok: boolean;
  readonly stage: string;
  readonly speed: number;
  readonly seed: number;
  readonly wallSeconds: number;
  readonly resources: { readonly declared: number; readonly verified: number };
  readonly acts: readonly ActReport[];
}

const ACTS = [
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
  ...ACTS,
] as const;

/**
 * Deploys one endpoint of every kind on this machine and shows each of them scale out, in and, where it can, to zero and back; the
 * real-time endpoint gets other instance types and versions, good and bad, while requests go on.
 *
 * Whatever happens, everything it started has ended when it returns or throws.
 *
 * @throws InputError for what the user has to correct
 */
export async function runTour(options: TourOptions, surroundings: RunSurroundings): Promise<TourReport> {
  refuseRealCredentials();
  const startedMs = Date.now();
  const { projectDirectory, stage, speed, seed, outDirectory } = options;
  const ending = linkedController(surroundings.signal);
  const recorder = new Recorder(
    { stage, traffic: 'tour', seed, speed, budgetUsd: null, chaos: false, trafficSeconds: 0 },
    STEPS,
  );
  const terminal = new Terminal(surroundings.output);
  const stopTelling = recorder.listen((message) => terminal.take(message));
  const dataDirectory = createRunDirectory(projectDirectory);
  const running: { stop(): Promise<void> }[] = [];
  let platform: OwnPlatform;
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
    recorder.step('synth', 'done', stacks.map(({ name }) => name).join(', '));

    const cdk = assemblies.command(platform.engineUrl);
    const deploy = (state: TourState): Promise<void> =>
      cdk.deploy(assemblies.directoryOf(state), (detail) => recorder.step('deploy', 'running', detail));
    recorder.step('deploy', 'running', 'bootstrap');
    await cdk.bootstrap(assemblies.directoryOf('initial'));
    await deploy('initial');
    recorder.step('deploy', 'done', `${Math.round((Date.now() - startedMs) / 1000)} s since the start`);

    aws = awsClients(platform.engineUrl);
    recorder.step('verify', 'running');
    const { declared, verified, problems } = await verifyResources(aws, stacks);
    if (verified !== declared)
      throw new Error(`${verified} of ${declared} resources verified:\n  ${problems.join('\n  ')}`);
    recorder.step('verify', 'done', `${verified} of ${declared} resources verified`);

    const outputs = await readTourOutputs(
      aws,
      stacks.map(({ name }) => name),
    );
    const acts = await playAll({ platform, aws, outputs, signal: ending.signal }, recorder, (state) =>
      cdk.deploy(assemblies.directoryOf(state), () => undefined),
    );
    ending.signal.throwIfAborted();
    const report: TourReport = {
      ok: acts.every(({ problem }) => problem === null),
      stage,
      speed,
      seed,
      wallSeconds: Math.round((Date.now() - startedMs) / 100) / 10,
      resources: { declared, verified },
      acts,
    };
    fs.mkdirSync(outDirectory, { recursive: true });
    const file = path.join(outDirectory, 'tour.json');
    fs.writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
    tell(terminal, report, file);
    return report;
  } catch (error) {
    recorder.failRunningStep((error instanceof Error ? error.message : String(error)).split('\n')[0]!);
    throw surroundings.signal.aborted ? surroundings.signal.reason : error;
  } finally {
    ending.abort(new Error('the tour is over'));
    terminal.end();
    stopTelling();
    aws?.close();
    for (const started of running.reverse()) await started.stop();
  }
}

/** The app as it is synthesised for each state. */
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

  /** One after the other at first, because the first run of the app may have to build it. */
  public async synthesise(): Promise<void> {
    const { stage } = this.options;
    // Synthesis talks to no engine.
    const cdk = this.command('http://127.0.0.1:9');
    const [first, ...others] = TOUR_STATES;
    await cdk.synth({ stage, tour: first }, this.directoryOf(first));
    await Promise.all(others.map((state) => cdk.synth({ stage, tour: state }, this.directoryOf(state))));
  }
}

async function readTourOutputs({ cloudFormation }: AwsClients, stackNames: readonly string[]): Promise<TourOutputs> {
  const found: { [name: string]: string } = {};
  for (const StackName of stackNames) {
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
    for (const { OutputKey, OutputValue } of Stacks.flatMap(({ Outputs = [] }) => Outputs)) {
      if (OutputKey !== undefined && OutputValue !== undefined) found[OutputKey] = OutputValue;
    }
  }
  const missing = TOUR_OUTPUTS.filter((name) => found[name] === undefined);
  if (missing.length > 0) throw new Error(`the deployed stacks have no output ${missing.join(', ')}`);
  return found as unknown as TourOutputs;
}

/** Plays every act at the same time; one that fails stops none of the others. */
async function playAll(
  stage: Omit<Stage, 'note'>,
  recorder: Recorder,
  deploy: (state: TourState) => Promise<void>,
): Promise<ActReport[]> {
  const plays: { readonly [id in (typeof ACTS)[number]['id']]: (own: Stage) => Promise<Facts> } = {
    'real-time': (own) => realTimeAct(own, deploy),
    asynchronous: asynchronousAct,
    component: componentAct,
    serverless: serverlessAct,
  };
  return Promise.all(
    ACTS.map(async ({ id, title }): Promise<ActReport> => {
      recorder.step(id, 'running');
      try {
        const facts = await plays[id]({ ...stage, note: (text) => recorder.step(id, 'running', text) });
        recorder.step(id, 'done', `${facts['answered']} of ${facts['requests']} requests answered`);
        return { id, title, facts, problem: null };
      } catch (error) {
        stage.signal.throwIfAborted();
        const problem = error instanceof Error ? error.message : String(error);
        recorder.step(id, 'failed', problem.split('\n')[0]);
        return { id, title, facts: {}, problem };
      }
    }),
  );
}

function tell(terminal: Terminal, report: TourReport, file: string): void {
  terminal.end();
  for (const { title, facts, problem } of report.acts) {
    terminal.line(`\n  ${title}${problem === null ? '' : `: ${problem}`}`);
    for (const [name, value] of Object.entries(facts)) terminal.line(`    ${readable(name)}: ${value}`);
  }
  const end = report.ok ? 'Every endpoint did what it should' : 'The tour failed';
  terminal.line(`\n  ${end}, in ${report.wallSeconds} s. Report: ${path.relative(process.cwd(), file)}`);
}

/** `wokeInSeconds` as `woke in seconds`. */
const readable = (name: string): string =>
  name.includes(':') ? name : name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { InputError } from '../../core/errors';
import { writeWholeFile } from '../../files/write-file';
import { parseS3Location } from '../account/s3-location';
import { LOCAL_REGION } from '../credentials';
import { monotonicMs } from '../monotonic';
import { pause } from '../repeat';
import { GroupedProcess, run } from '../training/process';
import { type Configuration, type ConfigurationUpdate, updatedConfiguration } from './configuration';
import { IpcServer } from './ipc-server';
import { MqttLink } from './mqtt-link';
import {
  type Artifact,
  fileName,
  interpolate,
  type LifecycleStep,
  type Manifest,
  manifestFor,
  type DevicePlatform,
  type Recipe,
} from './recipe';
import { type RoleCredentials, TokenExchange } from './token-exchange';

/** Components of a deployment by name. */
export interface DeployedComponents {
  readonly [name: string]: {
    readonly componentVersion: string;
    readonly configurationUpdate?: ConfigurationUpdate;
  };
}

/** Deployment, as a core device receives it. */
export interface DeploymentDocument {
  readonly deploymentId: string;
  readonly components: DeployedComponents;
  /** @default ROLLBACK */
  readonly failureHandlingPolicy?: 'ROLLBACK' | 'DO_NOTHING';
}

/** Detailed status of a deployment on one device, in the words of the Greengrass nucleus. */
export type DeploymentStatus =
  | 'SUCCESSFUL'
  | 'FAILED_NO_STATE_CHANGE'
  | 'FAILED_ROLLBACK_NOT_REQUESTED'
  | 'FAILED_ROLLBACK_COMPLETE'
  | 'FAILED_UNABLE_TO_ROLLBACK';

export interface DeploymentResult {
  readonly deploymentId: string;
  readonly status: DeploymentStatus;
  /** Reason of a failure. */
  readonly reason?: string;
}

export type ComponentState = 'INSTALLED' | 'RUNNING' | 'FINISHED' | 'ERRORED' | 'BROKEN' | 'STOPPING';

export interface CoreDeviceOptions {
  readonly thingName: string;
  /** Folder of the device: what is in it survives power cuts. */
  readonly directory: string;
  /** Returns the recipe of a component version; throws where there is none. */
  readonly recipeOf: (name: string, version: string) => Recipe;
  /** Credentials of the token-exchange role. */
  readonly credentials: () => Promise<RoleCredentials>;
  /** URL of the local engine, as the device reaches it. */
  readonly awsEndpointUrl: string;
  /** Broker that stands for AWS IoT Core, as the device reaches it. */
  readonly broker: { readonly host: string; readonly port: number };
  /** Environment of the components beside what Greengrass sets. @default - PATH alone */
  readonly environment?: { readonly [name: string]: string };
  /** @default that of this machine */
  readonly platform?: DevicePlatform;
}

interface Installed {
  readonly recipe: Recipe;
  readonly manifest: Manifest;
  readonly configuration: Configuration;
}

/** File with the components and configurations that run, from which the device starts again. */
const STATE_FILE = 'effective-config.json';
const DEFAULT_TIMEOUT_SECONDS = { Install: 120, Shutdown: 15, Recover: 60 } as const;
/** Failures after which a component is broken, within an hour. */
const MAX_FAILURES = 3;
const FAILURES_WITHIN_MS = 3_600_000;
const RESTART_AFTER_MS = 200;
/** Components that the nucleus itself provides. */
const NUCLEUS_COMPONENTS = ['aws.greengrass.Nucleus', 'aws.greengrass.TokenExchangeService'];
const ARCHITECTURES: { readonly [name: string]: string } = { x64: 'amd64', arm64: 'aarch64', arm: 'arm', ia32: 'x86' };

/** Platform of this machine. */
function localPlatform(): DevicePlatform {
  return { os: os.platform(), architecture: ARCHITECTURES[os.arch()] ?? os.arch() };
}

/**
 * Greengrass core device on this machine: it downloads, checks and installs components by their recipes, runs their lifecycle, speaks IPC with
 * them, gives them the credentials of the token-exchange role, and goes back to the former versions when a deployment fails.
 *
 * Plays generic components that depend on nothing but the nucleus. A second deployment waits for the first.
 */
export class CoreDevice {
  private readonly ipc: IpcServer;
  private readonly exchange: TokenExchange;
  private readonly platform: DevicePlatform;
  private readonly running = new Map<string, RunningComponent>();
  private readonly tokens = new Map<string, RunningComponent>();
  private readonly socketFolder: string;
  private mqtt: MqttLink | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private isOff = false;

  private constructor(public readonly options: CoreDeviceOptions) {
    this.platform = options.platform ?? localPlatform();
    // Paths of sockets have at most about 100 characters.
    this.socketFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-gg-'));
    this.exchange = new TokenExchange(options.credentials);
    this.ipc = new IpcServer({
      socketFile: path.join(this.socketFolder, 'ipc.socket'),
      clientOf: (token) => {
        const component = this.tokens.get(token);
        return component && { componentName: component.name, configuration: () => component.installed.configuration };
      },
      publishToIotCore: (topic, payload, qos) => this.mqtt!.publish(topic, payload, qos),
    });
  }

  /** Starts a device, and on it what ran when it was ended. */
  public static async start(options: CoreDeviceOptions): Promise<CoreDevice> {
    fs.mkdirSync(options.directory, { recursive: true });
    const device = new CoreDevice(options);
    await device.ipc.listen();
    await device.exchange.listen();
    device.mqtt = new MqttLink({ ...options.broker, clientId: options.thingName });
    for (const installed of device.effective()) {
      await device.launch(installed).catch((error: unknown) => device.log(`not started: ${(error as Error).message}`));
    }
    return device;
  }

  /** True while the device is connected to the broker. */
  public get isConnected(): boolean {
    return this.mqtt?.connected ?? false;
  }

  /** State of a component; undefined for one that the device does not have. */
  public stateOf(componentName: string): ComponentState | undefined {
    return this.running.get(componentName)?.state;
  }

  public versionOf(componentName: string): string | undefined {
    return this.running.get(componentName)?.installed.recipe.ComponentVersion;
  }

  /** Process group of a component's run step; undefined where none runs. */
  public pidOf(componentName: string): number | undefined {
    return this.running.get(componentName)?.pid;
  }

  /** Log of a component's steps. */
  public logFileOf(componentName: string): string {
    return path.join(this.options.directory, 'logs', `${componentName}.log`);
  }

  /** Publishes on a local topic, as another component does; returns the number of receivers. */
  public publish(topic: string, payload: Buffer): number {
    return this.ipc.publish(topic, payload);
  }

  public subscribe(filter: string, listener: (payload: Buffer) => void): () => void {
    return this.ipc.subscribe(filter, listener);
  }

  public hasSubscriber(topic: string): boolean {
    return this.ipc.hasSubscriber(topic);
  }

  /** Deploys; resolves with the status that the device reports. */
  public async deploy(deployment: DeploymentDocument): Promise<DeploymentResult> {
    const turn = this.turn.then(() => this.deployNow(deployment));
    this.turn = turn.catch(() => undefined);
    return turn;
  }

  /** Kills a component's process at once; the lifecycle starts it again. */
  public kill(componentName: string): void {
    this.running.get(componentName)?.kill();
  }

  /** Ends all processes at once, as a power cut does, those of a deployment that is under way too. */
  public async powerCut(): Promise<void> {
    this.isOff = true;
    const endAll = () => Promise.all([...this.running.values()].map((component) => component.end('SIGKILL')));
    await endAll();
    await this.turn;
    await endAll();
    await this.close();
  }

  /** Shuts components and device down. */
  public async stop(): Promise<void> {
    await this.turn;
    await Promise.all([...this.running.values()].map((component) => component.end('SIGTERM')));
    await this.close();
  }

  private async close(): Promise<void> {
    this.mqtt?.close();
    await this.ipc.close();
    await this.exchange.close();
    fs.rmSync(this.socketFolder, { recursive: true, force: true });
  }

  private async deployNow(deployment: DeploymentDocument): Promise<DeploymentResult> {
    const { deploymentId, components, failureHandlingPolicy = 'ROLLBACK' } = deployment;
    const before = this.effective();
    const failed = (status: DeploymentStatus, error: unknown): DeploymentResult => ({
      deploymentId,
      status,
      reason: (error as Error).message,
    });
    let wanted: Installed[];
    try {
      wanted = [];
      for (const [name, { componentVersion, configurationUpdate }] of Object.entries(components)) {
        if (NUCLEUS_COMPONENTS.includes(name)) continue;
        wanted.push(await this.prepared(name, componentVersion, configurationUpdate));
      }
    } catch (error) {
      return failed('FAILED_NO_STATE_CHANGE', error);
    }
    try {
      await this.replace(wanted);
      this.save(wanted);
      this.tidy([...wanted, ...before]);
      return { deploymentId, status: 'SUCCESSFUL' };
    } catch (error) {
      if (failureHandlingPolicy === 'DO_NOTHING') {
        this.save(wanted);
        return failed('FAILED_ROLLBACK_NOT_REQUESTED', error);
      }
      try {
        await this.replace(before);
        return failed('FAILED_ROLLBACK_COMPLETE', error);
      } catch (second) {
        return failed(
          'FAILED_UNABLE_TO_ROLLBACK',
          new Error(`${(error as Error).message}; ${(second as Error).message}`),
        );
      }
    }
  }

  /** Resolves a component of a deployment and downloads it; nothing that runs is touched. */
  private async prepared(name: string, version: string, update: ConfigurationUpdate | undefined): Promise<Installed> {
    const recipe = this.options.recipeOf(name, version);
    const missing = Object.keys(recipe.ComponentDependencies).filter((one) => !NUCLEUS_COMPONENTS.includes(one));
    if (missing.length > 0)
      throw new InputError(`${name} depends on ${missing.join(', ')}, which the device does not have`);
    const manifest = manifestFor(recipe, this.platform);
    for (const artifact of manifest.Artifacts) await this.download(recipe, artifact);
    const present = this.effective().find((one) => one.recipe.ComponentName === name)?.configuration;
    const configuration = updatedConfiguration(present, recipe.ComponentConfiguration.DefaultConfiguration, update);
    return { recipe, manifest, configuration };
  }

  private async download(recipe: Recipe, artifact: Artifact): Promise<void> {
    const { packed, unpacked } = this.foldersOf(recipe);
    const file = path.join(packed, fileName(artifact));
    const isRight = (content: Buffer): boolean =>
      artifact.Digest === undefined || createHash('sha256').update(content).digest('base64') === artifact.Digest;
    if (!fs.existsSync(file) || !isRight(fs.readFileSync(file))) {
      const content = await this.fetch(artifact.URI);
      if (!isRight(content)) throw new Error(`${artifact.URI} is not the artifact of the version: its digest differs`);
      writeWholeFile(file, content);
    }
    if (artifact.Unarchive !== 'ZIP') return;
    const target = path.join(unpacked, fileName(artifact).replace(/\.zip$/, ''));
    if (fs.existsSync(target)) return;
    const building = `${target}.${process.pid}`;
    try {
      fs.mkdirSync(building, { recursive: true });
      await run('python3', ['-m', 'zipfile', '-e', file, building], this.options.directory);
      fs.renameSync(building, target);
    } finally {
      fs.rmSync(building, { recursive: true, force: true });
    }
  }

  /** Reads an object with the token-exchange role, as the nucleus does. */
  private async fetch(uri: string): Promise<Buffer> {
    const { bucket: Bucket, key: Key } = parseS3Location(uri);
    const client = new S3Client({
      endpoint: this.options.awsEndpointUrl,
      region: LOCAL_REGION,
      credentials: await this.options.credentials(),
      forcePathStyle: true,
      maxAttempts: 3,
    });
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      return Buffer.from(await Body!.transformToByteArray());
    } catch (error) {
      throw new Error(`${uri} cannot be downloaded: ${(error as Error).message}`, { cause: error });
    } finally {
      client.destroy();
    }
  }

  /** Ends what differs and runs the wanted components; throws when one of them does not install. */
  private async replace(wanted: readonly Installed[]): Promise<void> {
    for (const [name, component] of this.running) {
      const next = wanted.find(({ recipe }) => recipe.ComponentName === name);
      if (next !== undefined && component.state === 'RUNNING' && component.canKeepRunning(next)) continue;
      await component.end('SIGTERM');
      this.running.delete(name);
      this.tokens.delete(component.token);
    }
    for (const installed of wanted) {
      const present = this.running.get(installed.recipe.ComponentName);
      if (present === undefined) await this.launch(installed);
      else if (present.reconfigure(installed)) this.ipc.configurationChanged(present.name);
    }
  }

  private async launch(installed: Installed): Promise<void> {
    if (this.isOff) throw new Error('the device is off');
    const { ComponentName: name } = installed.recipe;
    const component = new RunningComponent(installed, {
      work: path.join(this.options.directory, 'work', name),
      variables: this.variablesOf(installed),
      environment: (token) => this.environmentOf(token),
      logFile: this.logFileOf(name),
    });
    this.running.set(name, component);
    this.tokens.set(component.token, component);
    await component.start();
  }

  private foldersOf({ ComponentName, ComponentVersion }: Recipe) {
    const below = (folder: string): string =>
      path.join(this.options.directory, 'packages', folder, ComponentName, ComponentVersion);
    return { packed: below('artifacts'), unpacked: below('artifacts-unarchived') };
  }

  private variablesOf({ recipe }: Installed): { readonly [name: string]: string } {
    const { packed, unpacked } = this.foldersOf(recipe);
    return {
      'artifacts:path': packed,
      'artifacts:decompressedPath': unpacked,
      'work:path': path.join(this.options.directory, 'work', recipe.ComponentName),
      'kernel:rootPath': this.options.directory,
      'iot:thingName': this.options.thingName,
    };
  }

  private environmentOf(token: string): { readonly [name: string]: string } {
    return {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      PYTHONDONTWRITEBYTECODE: '1',
      ...this.options.environment,
      AWS_REGION: LOCAL_REGION,
      AWS_DEFAULT_REGION: LOCAL_REGION,
      AWS_ENDPOINT_URL: this.options.awsEndpointUrl,
      AWS_IOT_THING_NAME: this.options.thingName,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: this.exchange.url,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: this.exchange.token,
      AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT: path.join(this.socketFolder, 'ipc.socket'),
      SVCUID: token,
    };
  }

  /** Components that the last successful deployment left. */
  private effective(): Installed[] {
    const file = path.join(this.options.directory, STATE_FILE);
    if (!fs.existsSync(file)) return [];
    const saved = JSON.parse(fs.readFileSync(file, 'utf8')) as readonly {
      recipe: Recipe;
      configuration: Configuration;
    }[];
    return saved.map((one) => ({ ...one, manifest: manifestFor(one.recipe, this.platform) }));
  }

  private save(installed: readonly Installed[]): void {
    const saved = installed.map(({ recipe, configuration }) => ({ recipe, configuration }));
    writeWholeFile(path.join(this.options.directory, STATE_FILE), JSON.stringify(saved));
  }

  /** Removes the artifacts of versions that neither run nor ran before. */
  private tidy(kept: readonly Installed[]): void {
    for (const { recipe } of kept) {
      for (const folder of Object.values(this.foldersOf(recipe))) {
        const above = path.dirname(folder);
        const versions = kept.filter((one) => one.recipe.ComponentName === recipe.ComponentName);
        for (const version of fs.existsSync(above) ? fs.readdirSync(above) : []) {
          if (versions.some((one) => one.recipe.ComponentVersion === version)) continue;
          fs.rmSync(path.join(above, version), { recursive: true, force: true });
        }
      }
    }
  }

  private log(text: string): void {
    const folder = path.join(this.options.directory, 'logs');
    fs.mkdirSync(folder, { recursive: true });
    fs.appendFileSync(path.join(folder, 'greengrass.log'), `${text}\n`);
  }
}

interface ComponentPlace {
  readonly work: string;
  readonly variables: { readonly [name: string]: string };
  readonly environment: (token: string) => { readonly [name: string]: string };
  readonly logFile: string;
}

/** A component and its processes. */
class RunningComponent {
  public readonly token = randomBytes(8).toString('hex').toUpperCase();
  public state: ComponentState = 'INSTALLED';
  private process: GroupedProcess | undefined;
  /** Step other than the run step that is under way. */
  private step: GroupedProcess | undefined;
  private isEnding = false;
  private readonly failures: number[] = [];

  public constructor(
    public installed: Installed,
    private readonly place: ComponentPlace,
  ) {}

  public get name(): string {
    return this.installed.recipe.ComponentName;
  }

  public get pid(): number | undefined {
    return this.state === 'RUNNING' ? this.process?.pid : undefined;
  }

  /** True if the other has the same version and scripts, so that a changed configuration needs no restart. */
  public canKeepRunning(other: Installed): boolean {
    return (
      other.recipe.ComponentVersion === this.installed.recipe.ComponentVersion &&
      this.scriptsOf(other) === this.scriptsOf(this.installed)
    );
  }

  /** Takes another configuration; returns true if it differs. */
  public reconfigure(installed: Installed): boolean {
    const differs = JSON.stringify(installed.configuration) !== JSON.stringify(this.installed.configuration);
    this.installed = installed;
    return differs;
  }

  /** Runs the install step to its end, then starts the run step. */
  public async start(): Promise<void> {
    fs.mkdirSync(this.place.work, { recursive: true });
    fs.mkdirSync(path.dirname(this.place.logFile), { recursive: true });
    const { Install, Startup } = this.installed.manifest.Lifecycle;
    if (Install !== undefined) await this.finish('Install', Install);
    if (this.isEnding) throw new Error(`${this.name} was ended while it was installed`);
    this.state = 'INSTALLED';
    if (Startup !== undefined) {
      await this.finish('Install', Startup);
      this.state = 'RUNNING';
      return;
    }
    this.runStep();
  }

  public kill(): void {
    this.process?.kill('SIGKILL');
  }

  /** Ends the component, after its shutdown step where it has one. */
  public async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.isEnding = true;
    const { Shutdown } = this.installed.manifest.Lifecycle;
    const { process } = this;
    if (signal === 'SIGKILL') this.step?.kill(signal);
    if (this.state === 'RUNNING') this.state = 'STOPPING';
    if (Shutdown !== undefined && signal === 'SIGTERM') await this.finish('Shutdown', Shutdown).catch(() => undefined);
    if (process === undefined) return;
    process.kill(signal);
    const late = setTimeout(() => process.kill('SIGKILL'), DEFAULT_TIMEOUT_SECONDS.Shutdown * 1000);
    await process.ended;
    clearTimeout(late);
  }

  private runStep(): void {
    const step = this.installed.manifest.Lifecycle.Run;
    if (step === undefined) {
      this.state = 'FINISHED';
      return;
    }
    const started = this.spawn(step);
    this.process = started;
    this.state = 'RUNNING';
    void started.ended.then(async ({ exitCode }) => {
      if (this.isEnding) return;
      if (exitCode === 0) {
        this.state = 'FINISHED';
        return;
      }
      this.state = 'ERRORED';
      const now = monotonicMs();
      this.failures.push(now);
      if (this.failures.filter((at) => now - at < FAILURES_WITHIN_MS).length >= MAX_FAILURES) {
        this.state = 'BROKEN';
        return;
      }
      const { Recover } = this.installed.manifest.Lifecycle;
      if (Recover !== undefined) await this.finish('Recover', Recover).catch(() => undefined);
      await pause(RESTART_AFTER_MS);
      if (!this.isEnding) this.runStep();
    });
  }

  private async finish(name: keyof typeof DEFAULT_TIMEOUT_SECONDS, step: LifecycleStep): Promise<void> {
    const started = this.spawn(step);
    this.step = started;
    const seconds = step.Timeout ?? DEFAULT_TIMEOUT_SECONDS[name];
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      started.kill('SIGKILL');
    }, seconds * 1000);
    const { exitCode, errorTail } = await started.ended;
    clearTimeout(late);
    this.step = undefined;
    if (exitCode === 0) return;
    const reason = isLate ? `took longer than ${seconds} s` : `ended with ${exitCode ?? 'a signal'}`;
    throw new Error(`${name} of ${this.name} ${this.installed.recipe.ComponentVersion} ${reason}: ${errorTail.trim()}`);
  }

  private spawn(step: LifecycleStep): GroupedProcess {
    const { configuration, manifest } = this.installed;
    const fill = (text: string): string => interpolate(text, { values: this.place.variables, configuration });
    const set = { ...manifest.Lifecycle.Setenv, ...step.Setenv };
    return new GroupedProcess({
      command: 'sh',
      arguments: ['-c', fill(step.Script)],
      directory: this.place.work,
      environment: {
        ...this.place.environment(this.token),
        ...Object.fromEntries(Object.entries(set).map(([name, value]) => [name, fill(value)])),
      },
      logFile: this.place.logFile,
    });
  }

  private scriptsOf({ manifest, configuration }: Installed): string {
    return interpolate(JSON.stringify(manifest.Lifecycle), { values: this.place.variables, configuration });
  }
}

import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../core/errors';
import { CommandError, runCommand } from './child-process';
import { LOCAL_ACCOUNT, LOCAL_REGION, localCredentials } from './engine/credentials';

/** A stack of a cloud assembly with its template. */
export interface AssemblyStack {
  readonly name: string;
  readonly template: Template;
}

export interface Template {
  readonly Resources: {
    readonly [logicalId: string]: { readonly Type: string; readonly Properties?: { readonly [name: string]: unknown } };
  };
}

/** Runs the `cdk` command of the project, aimed at the local engine and at nothing else. */
export class CdkCommand {
  public constructor(
    private readonly options: {
      readonly projectDirectory: string;
      readonly engineUrl: string;
      readonly signal: AbortSignal;
      /** Where the command may keep files of its own. */
      readonly dataDirectory: string;
    },
  ) {}

  /** Synthesises the app with a context, which names the stage, into a folder. */
  public async synth(context: { readonly [name: string]: string }, outDirectory: string): Promise<void> {
    const settings = Object.entries(context).flatMap(([name, value]) => ['--context', `${name}=${value}`]);
    await this.run(['synth', '--quiet', ...settings, '--output', outDirectory]);
  }

  /** Prepares the account for deployments. */
  public async bootstrap(assembly: string): Promise<void> {
    await this.run(['bootstrap', `aws://${LOCAL_ACCOUNT}/${LOCAL_REGION}`, '--app', assembly]);
  }

  /** Deploys every stack of an assembly; `onProgress` hears how many of the resources are done. */
  public async deploy(assembly: string, onProgress: (detail: string) => void): Promise<void> {
    await this.run(
      ['deploy', '--all', '--app', assembly, '--require-approval', 'never', '--progress', 'events'],
      (line) => {
        const counts = /\|\s*(\d+)\/(\d+)\s*\|.*\|\s*(AWS::[\w:]+|Custom::[\w:]+)/.exec(line);
        if (counts !== null) onProgress(`${counts[1]} of ${counts[2]}: ${counts[3]}`);
      },
    );
  }

  private async run(args: readonly string[], onLine?: (line: string) => void): Promise<void> {
    const { projectDirectory, signal } = this.options;
    const cdk = path.join(projectDirectory, 'node_modules', 'aws-cdk', 'bin', 'cdk');
    try {
      await runCommand(process.execPath, [cdk, ...args, '--no-notices', '--no-color', '--ci'], {
        cwd: projectDirectory,
        env: this.environment(),
        signal,
        onLine,
      });
    } catch (error) {
      if (error instanceof CommandError) throw cdkError(args[0]!, error.output);
      throw error;
    }
  }

  /** Only what the command needs: nothing of the caller's AWS settings reaches it. */
  private environment(): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(([name]) => !/^(AWS_|CDK_)/.test(name));
    const nothing = process.platform === 'win32' ? 'NUL' : '/dev/null';
    return {
      ...Object.fromEntries(kept),
      PATH: [path.dirname(process.execPath), process.env.PATH].filter(Boolean).join(path.delimiter),
      AWS_ENDPOINT_URL: this.options.engineUrl,
      AWS_ACCESS_KEY_ID: localCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: localCredentials.secretAccessKey,
      AWS_REGION: LOCAL_REGION,
      AWS_DEFAULT_REGION: LOCAL_REGION,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_SHARED_CREDENTIALS_FILE: nothing,
      AWS_CONFIG_FILE: nothing,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION: process.versions.node.split('.')[0],
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      CDK_HOME: path.join(this.options.dataDirectory, 'cdk'),
      NO_UPDATE_NOTIFIER: '1',
    };
  }
}

/** What went wrong, without the stack traces; the app ends with 2 when it is the user's to correct. */
function cdkError(step: string, output: string): Error {
  const lines = output.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  const refusal = lines.findIndex((line) => /Subprocess exited with error 2\b/.test(line));
  if (refusal > 0) return new InputError(lines.slice(0, refusal).join('\n'));
  const failed = lines.filter((line) => /CREATE_FAILED|UPDATE_FAILED|❌|\berror\b|failed:/i.test(line));
  const shown = (failed.length > 0 ? failed : lines).slice(-8);
  return new Error(`cdk ${step} failed:\n  ${shown.map((line) => line.trim()).join('\n  ')}`);
}

/** The stacks of an assembly, nested assemblies included. */
export function readAssembly(directory: string): readonly AssemblyStack[] {
  const manifestFile = path.join(directory, 'manifest.json');
  let manifest: { readonly artifacts?: { readonly [id: string]: AssemblyArtifact } };
  try {
    manifest = JSON.parse(fs.readFileSync(manifestFile, 'utf8')) as typeof manifest;
  } catch (error) {
    throw new InputError(`${directory} holds no cloud assembly (${(error as Error).message}); run cdk synth into it`);
  }
  return Object.entries(manifest.artifacts ?? {}).flatMap(([id, { type, properties }]) => {
    if (type === 'cdk:cloud-assembly') return readAssembly(path.join(directory, properties?.directoryName ?? id));
    if (type !== 'aws:cloudformation:stack') return [];
    const text = fs.readFileSync(path.join(directory, properties!.templateFile!), 'utf8');
    return [{ name: properties?.stackName ?? id, template: JSON.parse(text) as Template }];
  });
}

interface AssemblyArtifact {
  readonly type: string;
  readonly properties?: {
    readonly templateFile?: string;
    readonly stackName?: string;
    readonly directoryName?: string;
  };
}

import { createRequire } from 'node:module';
import * as path from 'node:path';
import { InputError } from '../../core/errors';
import { CommandError, runCommand } from '../../emulator/child-process';
import { LOCAL_ACCOUNT, LOCAL_REGION, localCredentials } from '../../emulator/credentials';

/** Target of a command of the CDK: a local engine only, or the account of an environment. */
type CdkTarget = { readonly engineUrl: string } | { readonly environment: NodeJS.ProcessEnv };

/** Runs the `cdk` command of the project. */
export class CdkCommand {
  public constructor(
    private readonly options: CdkTarget & {
      readonly projectDirectory: string;
      readonly signal: AbortSignal;
      /** Folder for files of the command. */
      readonly dataDirectory: string;
      /** Region of the caller, for stages that name none. @default - the region of the local engine */
      readonly region?: string;
    },
  ) {}

  /** Synthesises the app into a folder, with context values such as the stage. */
  public async synth(context: { readonly [name: string]: string }, outDirectory: string): Promise<void> {
    const settings = Object.entries(context).flatMap(([name, value]) => ['--context', `${name}=${value}`]);
    await this.run(['synth', '--quiet', ...settings, '--output', outDirectory]);
  }

  /** Prepares the account for deployments. */
  public async bootstrap(assembly: string): Promise<void> {
    // The policy is the command's own default, which the conditions of its template lose in the engine.
    const policy = ['--cloudformation-execution-policies', 'arn:aws:iam::aws:policy/AdministratorAccess'];
    await this.run(['bootstrap', `aws://${LOCAL_ACCOUNT}/${LOCAL_REGION}`, ...policy, '--app', assembly]);
  }

  /** Deploys every stack of an assembly; `onProgress` receives the number of resources that are done. */
  public async deploy(assembly: string, onProgress: (detail: string) => void): Promise<void> {
    await this.run(
      ['deploy', '--all', '--app', assembly, '--require-approval', 'never', '--progress', 'events'],
      (line) => {
        const counts = /\|\s*(\d+)\/(\d+)\s*\|.*\|\s*(AWS::[\w:]+|Custom::[\w:]+)/.exec(line);
        if (counts !== null) onProgress(`${counts[1]} of ${counts[2]}: ${counts[3]}`);
      },
    );
  }

  /** Deletes every stack of an assembly. */
  public async destroy(assembly: string): Promise<void> {
    await this.run(['destroy', '--all', '--app', assembly, '--force']);
  }

  private async run(args: readonly string[], onLine?: (line: string) => void): Promise<void> {
    const { projectDirectory, signal } = this.options;
    const cdk = findCdk([projectDirectory, process.cwd()]);
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

  private environment(): NodeJS.ProcessEnv {
    return {
      ...('engineUrl' in this.options ? this.localEnvironment(this.options.engineUrl) : this.options.environment),
      PATH: [path.dirname(process.execPath), process.env.PATH].filter(Boolean).join(path.delimiter),
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION: process.versions.node.split('.')[0],
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      CDK_HOME: path.join(this.options.dataDirectory, 'cdk'),
      NO_UPDATE_NOTIFIER: '1',
    };
  }

  /** Environment of a command that reaches the local engine only, without the AWS settings of the caller. */
  private localEnvironment(engineUrl: string): NodeJS.ProcessEnv {
    const region = this.options.region ?? LOCAL_REGION;
    // CDK_VALIDATION is about the synthesis, not about an account.
    const kept = Object.entries(process.env).filter(([name]) => !/^(AWS_|CDK_(?!VALIDATION$))/.test(name));
    const emptyFile = process.platform === 'win32' ? 'NUL' : '/dev/null';
    return {
      ...Object.fromEntries(kept),
      AWS_ENDPOINT_URL: engineUrl,
      AWS_ACCESS_KEY_ID: localCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: localCredentials.secretAccessKey,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_SHARED_CREDENTIALS_FILE: emptyFile,
      AWS_CONFIG_FILE: emptyFile,
    };
  }
}

/**
 * Returns the path of the `cdk` command that is installed beside the package, or in the project from which it is called.
 *
 * @throws InputError when it is installed in neither
 */
function findCdk(directories: readonly string[]): string {
  for (const directory of directories) {
    try {
      return createRequire(path.join(directory, 'package.json')).resolve('aws-cdk/bin/cdk');
    } catch {
      continue;
    }
  }
  throw new InputError(
    `the cdk command is not installed in ${directories.join(' or ')}; install it there with: npm install --save-dev aws-cdk@2`,
  );
}

/** Error of the command without stack traces; exit code 2 of the app marks invalid input. */
function cdkError(step: string, output: string): Error {
  const lines = output.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  const refusal = lines.findIndex((line) => /Subprocess exited with error 2\b/.test(line));
  if (refusal > 0) return new InputError(lines.slice(0, refusal).join('\n'));
  const failed = lines.filter((line) => /CREATE_FAILED|UPDATE_FAILED|❌|\berror\b|failed:/i.test(line));
  const shown = (failed.length > 0 ? failed : lines).slice(-8);
  return new Error(`cdk ${step} failed:\n  ${shown.map((line) => line.trim()).join('\n  ')}`);
}

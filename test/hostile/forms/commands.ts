import * as fs from 'node:fs';
import * as path from 'node:path';
import { readServiceProfile } from '../../../bin/input/service-profile-file';
import { runCommandLine } from '../../../bin/command-line';
import { InputError } from '../../../lib/core/errors';
import type { Random } from '../../../lib/simulation/random';
import { chatTemplate } from '../../simulation/blueprint/chat-template';
import { pastResponses } from '../../support/saved-responses';
import { openWorkload } from '../../../lib/traffic-file/open-workload';
import { bytesOf, textOf, type Form, type HostileInput } from '../form';
import { mutated, mutatedJsonText, NUMBERS } from '../mutations';

// As the launcher of the command line does.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

/** Project that the command line belongs to. */
const PROJECT = process.cwd();

/** Runs a command in this process; bad input becomes an InputError again, and a failure an error. */
export async function run(args: readonly string[]): Promise<unknown> {
  let stdout = '';
  let stderr = '';
  const code = await runCommandLine(args, {
    projectDirectory: PROJECT,
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    environment: {},
    signal: new AbortController().signal,
    runLocal: () => Promise.resolve({ ok: true } as never),
    runTour: () => Promise.resolve({ ok: true } as never),
  });
  if (code === 2) throw new InputError(stderr);
  // 1 is an answer too, such as a fault that was proven, when there is a result.
  if (code !== 0 && !(code === 1 && stdout !== '')) throw new Error(`exit code ${code}: ${stderr}`);
  return { stdout, stderr };
}

export function write(folder: string, name: string, content: HostileInput): string {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, bytesOf(content));
  return file;
}

const SAVED = pastResponses({ minutes: 30 });
const SAVED_NAMES = Object.keys(SAVED);

/** A saved response that was changed, after the line with its name. */
const savedForm: Form = {
  name: 'saved responses of the AWS CLI',
  share: 2,
  input: (random) => {
    const name = SAVED_NAMES[Math.floor(random.uniform() * SAVED_NAMES.length)]!;
    return `${name}\n${mutatedJsonText(SAVED[name], random)}`;
  },
  read: async (input, folder) => {
    const text = textOf(input);
    const end = text.indexOf('\n');
    const saved = path.join(folder, 'saved');
    const out = path.join(folder, 'out');
    for (const one of [saved, out]) fs.rmSync(one, { recursive: true, force: true });
    for (const [name, document] of Object.entries(SAVED)) write(saved, name, JSON.stringify(document));
    const name = text.slice(0, end);
    // Shrinking may cut the name, too.
    if (SAVED_NAMES.includes(name)) write(saved, name, text.slice(end + 1));
    return run(['inspect', '--from', saved, '--out', out, '--json']);
  },
};

/** Longest recorded traffic that is replayed here. */
const MAX_SECONDS = 86_400;

/** Changed file of a folder that `tidegate inspect` wrote, after the line with its name; the recorded days are replayed with it. */
const inspectedForm: Form = {
  name: 'inspected folders',
  share: 1,
  input: (random) => {
    const names = Object.keys(inspectedFiles());
    const name = names[Math.floor(random.uniform() * names.length)]!;
    return `${name}\n${mutatedJsonText(JSON.parse(inspectedFiles()[name]!), random)}`;
  },
  read: async (input, folder) => {
    const text = textOf(input);
    const end = text.indexOf('\n');
    const inspected = path.join(folder, 'inspected');
    fs.rmSync(inspected, { recursive: true, force: true });
    for (const [name, content] of Object.entries(inspectedFiles())) write(inspected, name, content);
    const name = text.slice(0, end);
    // Shrinking may cut the name, too.
    if (name in inspectedFiles()) write(inspected, name, text.slice(end + 1));
    // A wild date makes minutes of traffic months, which take their time and show nothing new.
    const { durationSeconds } = await openWorkload({ trace: path.join(inspected, 'trace.json'), seed: 1 });
    if (durationSeconds > MAX_SECONDS) return durationSeconds;
    const flags = ['--price', 'ml.g5.xlarge=1.5', '--json'];
    return [await run(['agree', inspected, ...flags]), await run(['simulate', inspected, '--no-advice', ...flags])];
  },
};

let inspected: { readonly [name: string]: string } | undefined;

/** Files of JSON of an inspection. */
export function inspectedFiles(): { readonly [name: string]: string } {
  if (inspected === undefined) throw new Error('prepareInspection comes first');
  return inspected;
}

/** Inspects the good responses; called once before the first input. */
export async function prepareInspection(folder: string): Promise<void> {
  const [saved, out] = ['good-saved', 'good-inspected'].map((name) => path.join(folder, name)) as [string, string];
  for (const one of [saved, out]) fs.rmSync(one, { recursive: true, force: true });
  for (const [name, document] of Object.entries(SAVED)) write(saved, name, JSON.stringify(document));
  await run(['inspect', '--from', saved, '--out', out, '--json']);
  const names = fs.readdirSync(out).filter((name) => name.endsWith('.json'));
  inspected = Object.fromEntries(names.map((name) => [name, fs.readFileSync(path.join(out, name), 'utf8')]));
}

const values = (type: string, given: object): object => ({
  address: `${type}.chat`,
  mode: 'managed',
  type,
  name: 'chat',
  values: given,
});

const TERRAFORM = {
  format_version: '1.2',
  values: {
    root_module: {
      resources: [
        values('aws_sagemaker_endpoint', { name: 'chat', endpoint_config_name: 'chat-config', arn: null }),
        values('aws_sagemaker_endpoint_configuration', {
          name: 'chat-config',
          arn: 'arn:aws:sagemaker:eu-west-3:111122223333:endpoint-config/chat-config',
          production_variants: [
            {
              variant_name: 'AllTraffic',
              instance_type: 'ml.g5.xlarge',
              initial_instance_count: 2,
              initial_variant_weight: 1,
              routing_config: [{ routing_strategy: 'LEAST_OUTSTANDING_REQUESTS' }],
              managed_instance_scaling: [],
            },
          ],
          tags_all: { 'tidegate:max-concurrency-per-instance': '6' },
        }),
        values('aws_appautoscaling_target', {
          service_namespace: 'sagemaker',
          resource_id: 'endpoint/chat/variant/AllTraffic',
          scalable_dimension: 'sagemaker:variant:DesiredInstanceCount',
          min_capacity: 1,
          max_capacity: 8,
        }),
        values('aws_appautoscaling_policy', {
          name: 'tracking',
          policy_type: 'TargetTrackingScaling',
          service_namespace: 'sagemaker',
          resource_id: 'endpoint/chat/variant/AllTraffic',
          scalable_dimension: 'sagemaker:variant:DesiredInstanceCount',
          target_tracking_scaling_policy_configuration: [
            {
              target_value: 70,
              predefined_metric_specification: [{ predefined_metric_type: 'SageMakerVariantInvocationsPerInstance' }],
            },
          ],
        }),
      ],
    },
  },
};

const PROFILES = [
  { overheadSeconds: 0.05, prefillTokensPerSecond: 8000, decodeTokensPerSecond: 50 },
  { distribution: 'gamma', meanSeconds: 2, coefficientOfVariation: 1 },
  { measuredSeconds: [1.2, 0.8] },
];

/** Flags with good values; `%` stands for a file of the good inputs. */
const COMMANDS: readonly (readonly string[])[] = [
  [
    'simulate',
    '%template',
    '--trace',
    '%trace',
    '--no-advice',
    '--seed',
    '1',
    '--from',
    '0',
    '--to',
    '240',
    '--slo-wait',
    '1',
  ],
  [
    'simulate',
    '%template',
    '--trace',
    '%trace',
    '--no-advice',
    '--capacity-failure',
    'ml.g5.xlarge:10.5-100',
    '--timeout',
    '60',
    '--slo',
    '99',
  ],
  [
    'simulate',
    '%template',
    '--trace',
    '%trace',
    '--no-advice',
    '--price',
    'ml.g5.xlarge=1.41',
    '--provisioning',
    '30,60',
    '--queue-limit',
    '5',
  ],
  [
    'simulate',
    '%template',
    '--trace',
    '%trace',
    '--no-advice',
    '--start',
    '2026-01-05T00:00:00Z',
    '--timezone',
    'Europe/Berlin',
    '--start-instances',
    '2',
  ],
  [
    'simulate',
    '%template',
    '--trace',
    '%trace',
    '--no-advice',
    '--fail-if',
    'slo<99',
    '--format',
    'markdown',
    '--region',
    'eu-west-1',
  ],
  ['prove', '%template', '--format', 'sarif'],
  ['prove', '%template', '--region', 'eu-west-3', '--format', 'junit'],
  ['compare', '--trace', '%trace', '--slots', '8', '--service-mean', '0.6', '--seeds', '1', '--from', '0'],
  ['local', '--speed', '30', '--seed', '1', '--budget', '2.5', '--duration', '600', '--port', '4580'],
  ['redrive', '--stack', 'Chat', '--since', '6h', '--rate', '50', '--dry-run', '--region', 'eu-west-1'],
  ['completion', 'bash'],
  ['help', 'simulate'],
];

const FLAG_VALUES = [
  ...NUMBERS,
  '',
  ' ',
  '-',
  '--',
  '-1',
  'x'.repeat(300),
  '\u001b[31m',
  '%template',
  '%trace',
  '/dev/null',
  '/',
  '.',
  'ml.g5.xlarge:0.1-0.3',
];

/** Returns arguments of a process after one to three changes. */
export function changedArguments(good: readonly string[], random: Random): string[] {
  const args = [...good];
  for (let round = 1 + Math.floor(random.uniform() * 2); round > 0; round--) {
    const at = Math.floor(random.uniform() * args.length);
    const kind = Math.floor(random.uniform() * 4);
    if (kind === 0) args.splice(at, 1);
    else if (kind === 1) args.splice(at, 0, FLAG_VALUES[Math.floor(random.uniform() * FLAG_VALUES.length)]!);
    else if (kind === 2) args[at] = FLAG_VALUES[Math.floor(random.uniform() * FLAG_VALUES.length)]!;
    else args[at] = mutated(args[at]!, random).slice(0, 2000);
  }
  // An argument of a process has no NUL character.
  return args.map((arg) => arg.replaceAll('\u0000', ''));
}

function flagsInput(random: Random): string {
  return JSON.stringify(changedArguments(COMMANDS[Math.floor(random.uniform() * COMMANDS.length)]!, random));
}

/** Returns the arguments of an input. */
export function argumentsOf(input: HostileInput): string[] {
  let args: unknown;
  try {
    args = JSON.parse(textOf(input));
  } catch {
    throw new InputError('these are no arguments');
  }
  if (!Array.isArray(args)) throw new InputError('these are no arguments');
  return args.map(String);
}

async function readFlags(input: HostileInput, folder: string): Promise<unknown> {
  const args = argumentsOf(input);
  const template = path.join(folder, 'flags.template.json');
  const trace = path.join(folder, 'flags.csv');
  if (!fs.existsSync(template)) {
    write(folder, 'flags.template.json', JSON.stringify(chatTemplate()));
    write(folder, 'flags.csv', `# step_seconds=60\nrequests\n${'40\n'.repeat(12)}`);
  }
  const given = args.map((arg) => arg.replaceAll('%template', template).replaceAll('%trace', trace));
  // Nothing is written outside of the folder, and nothing asks an account.
  if (
    given.some(
      (arg) => /^(--?(out|report|timeline|endpoint)|inspect|preflight|prices|agree|tune)/.test(arg) || arg === '-',
    )
  ) {
    throw new InputError('left to the form of these commands');
  }
  // Nothing listens there: a redrive whose flags are good ends with that.
  return run(given.includes('redrive') ? [...given, '--endpoint', 'http://127.0.0.1:9'] : given);
}

export const COMMAND_FORMS: readonly Form[] = [
  savedForm,
  inspectedForm,
  {
    name: 'terraform show -json',
    share: 3,
    input: (random) => mutatedJsonText(TERRAFORM, random),
    read: (input, folder) => {
      fs.rmSync(path.join(folder, 'out'), { recursive: true, force: true });
      return run([
        'inspect',
        '--terraform',
        write(folder, 'show.json', input),
        '--out',
        path.join(folder, 'out'),
        '--json',
      ]);
    },
  },
  {
    name: 'service profiles',
    share: 4,
    input: (random) => mutatedJsonText(PROFILES[Math.floor(random.uniform() * PROFILES.length)], random),
    read: (input, folder) => readServiceProfile(write(folder, 'profile.json', input)),
  },
  { name: 'flags of the command line', share: 2, input: flagsInput, read: readFlags },
];

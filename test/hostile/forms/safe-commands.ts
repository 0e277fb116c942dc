import * as fs from 'node:fs';
import * as path from 'node:path';
import { agreementNotes } from '../../../bin/input/agreement-file';
import { inspectedFolder } from '../../../bin/input/inspected-folder';
import { InputError } from '../../../lib/core/errors';
import type { Random } from '../../../lib/simulation/random';
import { chatTemplate } from '../../simulation/blueprint/chat-template';
import { pastResponses } from '../../support/saved-responses';
import { regionFile } from '../../support/price-lists';
import { textOf, type Form, type HostileInput } from '../form';
import { mutated, mutatedJsonText, NUMBERS, pick, upTo, WORDS } from '../mutations';
import { argumentsOf, changedArguments, inspectedFiles, run, write } from './commands';

// Commands that write files or ask an account: their files stay in the folder of the thread, and nothing listens where they ask.

const FOLDER = '%folder';

/** Flags with good values; names that begin with `%` stand for files of the good inputs. */
const COMMANDS: readonly (readonly string[])[] = [
  ['agree', '%inspected', '--seed', '1', '--min-agreement', '80', '--price', 'ml.g5.xlarge=1.5', '--json'],
  ['agree', '%inspected', '--provisioning', '30,60', '--timeout', '60', '--fleet', 'variant', '--format', 'junit'],
  [
    'tune',
    '%template',
    '--trace',
    '%trace',
    '--candidates',
    '4',
    '--workers',
    '0',
    '--slo',
    '99',
    '--service-mean',
    '1',
  ],
  ['tune', '%template', '--trace', '%trace', '--candidates', '3', '--workers', '0', '--report', `${FOLDER}/t.html`],
  ['prices', 'update', '--from', '%prices', '--out', `${FOLDER}/prices.json`],
  ['preflight', '%template', '--region', 'eu-west-1', '--price', 'ml.g5.xlarge=1.41', '--format', 'markdown'],
  ['preflight', '--template', '%template', '--json'],
  ['inspect', '--from', '%saved', '--out', `${FOLDER}/inspected`, '--endpoint', 'chat', '--days', '1', '--json'],
  ['inspect', '--commands', '--endpoint', 'chat', '--variant', 'main', '--region', 'eu-west-1', '--end', '2026-01-31'],
  ['redrive', '--stack', 'Chat', '--since', '6h', '--rate', '50', '--ingestion', 'Requests', '--region', 'eu-west-1'],
];

/** Places outside of the folder to which nothing can be written, and places in it. */
const PLACES = ['', '/dev/null', '/proc/nothing', FOLDER, `${FOLDER}/none/out`, `${FOLDER}/${'x'.repeat(300)}`];

/** Flags whose value is a place to write to. */
const WRITES = /^--?(out|report|format-out)\b/;

function flagsInput(random: Random): string {
  const good = pick(random, COMMANDS);
  // Arguments too many or too few are refused before any value is looked at.
  const args = upTo(random, 2) === 0 ? changedArguments(good, random) : changedValue(good, random);
  // A value of a flag that writes is one of the places, so that no input names a file of whoever runs this.
  return JSON.stringify(args.map((arg, at) => (WRITES.test(args[at - 1] ?? '') ? placed(arg, random) : arg)));
}

/** Arguments with another value of one flag. */
function changedValue(good: readonly string[], random: Random): string[] {
  const values = good.flatMap((_arg, at) => (good[at - 1]?.startsWith('--') === true ? [at] : []));
  const at = pick(random, values);
  const value = upTo(random, 1) === 0 ? pick(random, [...NUMBERS, ...WORDS]) : mutated(good[at]!, random);
  return good.map((arg, place) => (place === at ? value.slice(0, 2000).replaceAll('\u0000', '') : arg));
}

function placed(arg: string, random: Random): string {
  return arg.startsWith(`${FOLDER}/`) && upTo(random, 3) > 0 ? arg : pick(random, PLACES);
}

/** True where all that a command would write lies in the folder, and all that it would ask is local. */
function isSafe(args: readonly string[]): boolean {
  const [command, ...rest] = args;
  const has = (flag: string): boolean => rest.some((arg) => arg === flag || arg.startsWith(`${flag}=`));
  const writes = args.filter((_arg, at) => WRITES.test(args[at - 1] ?? ''));
  if (writes.some((value) => !PLACES.includes(value) && !value.startsWith(`${FOLDER}/`))) return false;
  if (writes.some((value) => value.includes('..')) || args.some((arg) => WRITES.test(arg) && arg.includes('=')))
    return false;
  // An abbreviated flag, and one without its value, would take what follows for something else.
  switch (command) {
    case 'agree':
      return true;
    case 'tune':
      return /^\d{1,2}$/.test(rest[rest.indexOf('--candidates') + 1] ?? '') && rest.includes('--candidates');
    case 'prices':
      return has('--from') && writes.length > 0;
    case 'preflight':
      return rest.some((arg) => arg.includes('%template')) && !has('--endpoint');
    case 'inspect':
      return has('--commands') || (has('--from') && writes.length > 0);
    case 'redrive':
      return !has('--endpoint');
    default:
      return false;
  }
}

function readFlags(input: HostileInput, folder: string): Promise<unknown> {
  const args = argumentsOf(input);
  if (!isSafe(args)) throw new InputError('left to the tests: it may write or ask elsewhere');
  const own = path.join(folder, 'safe');
  const files = { template: 'template.json', trace: 'trace.csv', prices: 'list.json' };
  fs.rmSync(own, { recursive: true, force: true });
  write(own, files.template, JSON.stringify(chatTemplate()));
  write(own, files.trace, `# step_seconds=60\nrequests\n${'40\n'.repeat(12)}`);
  write(own, files.prices, JSON.stringify(regionFile(LISTED)));
  for (const [name, content] of Object.entries(inspectedFiles())) write(path.join(own, 'now'), name, content);
  for (const [name, document] of Object.entries(SAVED)) write(path.join(own, 'saved'), name, JSON.stringify(document));
  fs.mkdirSync(path.join(own, 'written'));
  const places: readonly (readonly [string, string])[] = [
    ...Object.entries(files).map(([name, file]): [string, string] => [`%${name}`, path.join(own, file)]),
    ['%inspected', path.join(own, 'now')],
    ['%saved', path.join(own, 'saved')],
    [FOLDER, path.join(own, 'written')],
  ];

  const given = args.map((arg) => places.reduce((text, [name, place]) => text.replaceAll(name, place), arg));
  const asks = args[0] === 'redrive' || args[0] === 'preflight';
  return run(asks ? [...given, '--endpoint', 'http://127.0.0.1:9'] : given);
}

const SAVED = pastResponses({ minutes: 30 });
const LISTED = [{ instanceType: 'ml.g5.xlarge', usd: '1.408' }] as never;

function inspectedAt(): number {
  const { madeAt } = JSON.parse(inspectedFiles()['inspection.json']!) as { readonly madeAt: string };
  return Date.parse(madeAt) / 1000;
}

export const SAFE_COMMAND_FORMS: readonly Form[] = [
  { name: 'flags of commands that write or ask', share: 1, input: flagsInput, read: readFlags },
  {
    name: 'results of tidegate agree',
    share: 1,
    input: (random) =>
      mutatedJsonText(
        {
          madeAt: inspectedAt(),
          agreements: [
            { resourceId: 'endpoint/chat/variant/main', agrees: false, reasons: ['too few periods'] },
            { resourceId: 'endpoint/mail/variant/main', agrees: true, reasons: [] },
          ],
        },
        random,
      ),
    read: (input, folder) => {
      const now = path.join(folder, 'agreed');
      fs.rmSync(now, { recursive: true, force: true });
      for (const [name, content] of Object.entries(inspectedFiles())) write(now, name, content);
      write(now, 'agreement.json', textOf(input));
      if (inspectedFolder(now) === undefined) throw new Error('the good inspection is none');
      return agreementNotes([now]);
    },
  },
];

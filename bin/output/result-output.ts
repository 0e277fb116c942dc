import { Option, type Command } from 'commander';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { writeWholeFile } from '../../lib/files/write-file';
import type { CommandSurroundings } from '../commands/surroundings';
import { NO_COLOURS, type Colours } from './colours';

/** Forms of a result: for people, programs, code scanning, test reports and comments. */
export type ResultFormat = 'text' | 'json' | 'sarif' | 'junit' | 'markdown';

/** Flags about the form of a result and its place. */
export interface ResultFlags {
  readonly format?: ResultFormat;
  readonly json?: true;
  readonly out?: string;
}

/** A result in each of its forms. */
export interface Renderings {
  readonly text: (colours: Colours) => string;
  readonly json: () => string;
  readonly sarif?: () => string;
  readonly junit?: () => string;
  readonly markdown?: () => string;
}

/** Lets a command print its result in several forms, or write it into a file. */
export function takesResultFlags(command: Command, formats: readonly ResultFormat[]): Command {
  return command
    .addOption(new Option('--format <format>', 'form of the result (default: text)').choices(formats))
    .option('--json', 'the same as --format json')
    .option('--out <file>', 'write the result into a file in its form, and print the text');
}

/** @throws InputError when the flags contradict each other, or the file cannot be written; called before anything that takes long */
export function checkResultFlags({ format, json, out }: ResultFlags): void {
  if (json === true && format !== undefined && format !== 'json') {
    throw new InputError(`--json and --format ${format} exclude each other; leave one out`);
  }
  if (out !== undefined) checkWritable('--out', out);
}

/** Prints a result in the form of the flags; with `--out`, into the file, beside the text for people. */
export function writeResult(
  { format, json, out }: ResultFlags,
  { stdout, stderr, colours = NO_COLOURS }: Pick<CommandSurroundings, 'stdout' | 'stderr' | 'colours'>,
  renderings: Renderings,
): void {
  const chosen = json === true ? 'json' : (format ?? 'text');
  const rendered = (own: Colours): string => {
    const render = renderings[chosen];
    if (render !== undefined) return render(own);
    const forms = Object.keys(renderings).join(' and ');
    throw new InputError(`--format is '${chosen}', which this result does not have; it has ${forms}`);
  };
  if (out === undefined) {
    stdout.write(rendered(colours));
    return;
  }
  writeWholeFile(out, rendered(NO_COLOURS));
  stdout.write(renderings.text(colours));
  stderr.write(`tidegate: the result is in ${out}\n`);
}

/** @throws InputError when a file cannot be written; folders above it are made */
export function checkWritable(flag: string, file: string): void {
  if (file === '' || /[\\/]$/.test(file)) {
    throw new InputError(`${flag} is '${file}', which names no file; write the path of the file to make`);
  }
  try {
    const folder = path.dirname(path.resolve(file));
    fs.mkdirSync(folder, { recursive: true });
    if (!fs.existsSync(file)) fs.accessSync(folder, fs.constants.W_OK);
    else fs.closeSync(fs.openSync(file, 'r+'));
  } catch (error) {
    throw new InputError(
      `${flag} is '${file}', which cannot be written (${(error as NodeJS.ErrnoException).code}); check the path`,
    );
  }
}

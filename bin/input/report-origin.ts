import type { Command } from 'commander';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { isPipe } from '../../lib/files/pipe-chunks';
import type { ReportFile, ReportOptions } from '../../lib/simulation/report/page';
import { STANDARD_INPUT, templateFiles } from './template-paths';

/** File that a command has read. */
interface UsedFile {
  readonly use: string;
  readonly name: string;
}

/** Flags that name the files of a command. */
interface FileFlags {
  readonly trace?: string;
  /** Templates as they are given: files, folders, patterns, or `-`. */
  readonly template?: readonly string[];
  readonly profile?: string;
  readonly prices?: string;
  /** Traffic and service times of fleets, where inspections have them. @default - those of the flags */
  readonly inputs?: readonly { readonly trace: string; readonly profile?: string }[];
}

/** Files that a command has read, by the names of their flags. */
export function usedFiles({ trace, template = [], profile, prices, inputs }: FileFlags): UsedFile[] {
  const used = inputs ?? [{ trace, profile }];
  const names = (all: readonly (string | undefined)[]): string[] => [
    ...new Set(all.filter((name) => name !== undefined)),
  ];
  return [
    ...names(used.map((one) => one.trace)).map((name) => ({ use: 'trace', name })),
    ...templateFiles(template).map((name) => ({ use: 'template', name })),
    ...names(used.map((one) => one.profile)).map((name) => ({ use: 'profile', name })),
    ...(prices === undefined ? [] : [{ use: 'prices', name: prices }]),
  ];
}

/**
 * Origin of a report: version and arguments of the command, the time, and the files with their hashes.
 *
 * SOURCE_DATE_EPOCH replaces the time, so that a build can make the same bytes again (https://reproducible-builds.org/specs/source-date-epoch/).
 */
export async function reportOptions(command: Command, files: readonly UsedFile[]): Promise<ReportOptions> {
  const root = rootOf(command);
  const { rawArgs } = root as unknown as { readonly rawArgs: readonly string[] };
  const fixed = process.env.SOURCE_DATE_EPOCH;
  const madeAt = new Date(fixed !== undefined && /^\d{1,11}$/.test(fixed) ? Number(fixed) * 1000 : Date.now());
  return {
    origin: {
      version: root.version() ?? '',
      commandLine: ['tidegate', ...(root === command ? [command.name()] : []), ...rawArgs.map(quoted)].join(' '),
      madeAt: `${madeAt.toISOString().slice(0, 19)}Z`,
      files: await Promise.all(files.map(reportFile)),
    },
    sha256Base64: (text) => createHash('sha256').update(text).digest('base64'),
  };
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}

/** Hash of a file's bytes, read as a stream: traces may be larger than memory. */
async function reportFile({ use, name }: UsedFile): Promise<ReportFile> {
  if (name === STANDARD_INPUT) return { use, name: 'standard input' };
  // A pipe is read once.
  if (isPipe(name)) return { use, name };
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of fs.createReadStream(name)) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { use, name, content: { bytes, sha256: hash.digest('hex') } };
}

/** Argument as a POSIX shell reads it. */
function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

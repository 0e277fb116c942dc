import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { isObject, syntaxProblem, type Json } from '../../lib/core/parse';
import { readText } from '../../lib/files/read-text';
import type { ReadPart } from '../../lib/inspection/facts';
import { joinedParts, savedPart } from '../../lib/inspection/saved-part';

/** Maximum size of a saved response: 100,000 values of eleven metrics have 10 MB. */
const MAX_BYTES = 128 * 1024 * 1024;

/** Saved responses by the names of their parts, and files that are none. */
export interface SavedFolder {
  readonly parts: Map<string, ReadPart>;
  readonly request: Json | undefined;
  readonly notes: readonly string[];
}

/**
 * Reads the responses that the AWS CLI saved in a folder. They are recognized by their content; only the names of variants and components
 * count in names of files.
 *
 * @throws InputError when the folder has no response, or a file is not JSON
 */
export function readSavedFolder(folder: string): SavedFolder {
  const files = filesOf(folder);
  const parts = new Map<string, ReadPart>();
  const notes: string[] = [];
  let request: Json | undefined;
  for (const file of files) {
    const where = path.join(folder, file);
    const text = savedText(where);
    if (text.trim() === '') {
      // A denied call leaves an empty file.
      parts.set(file, { kind: 'missing', reason: `${where} is empty: the call failed` });
      continue;
    }
    const document = parsed(text, where);
    const part = savedPart(file, document);
    if (part === 'request') request = document;
    else if (part === undefined) notes.push(`${where} is no response that an inspection reads; left out`);
    else {
      if (document['NextToken'] !== undefined && document['NextToken'] !== null) {
        notes.push(`${where} ends with a NextToken: it is the first page of several; let the AWS CLI follow the pages`);
      }
      const earlier = parts.get(part);
      const joined = earlier?.kind === 'read' ? joinedParts(earlier.document, document) : document;
      if (joined === undefined) {
        throw new InputError(
          `--from is '${folder}', which has two responses of one kind: ${earlier?.kind === 'read' ? earlier.from : part} and ${file}; remove one of them`,
        );
      }
      parts.set(part, { kind: 'read', document: joined, from: file });
    }
  }
  if (![...parts.values()].some(({ kind }) => kind === 'read')) {
    throw new InputError(
      `--from is '${folder}', which has no saved response; tidegate inspect --endpoint NAME --commands prints the commands that save them`,
    );
  }
  return { parts, request, notes };
}

function filesOf(folder: string): string[] {
  try {
    return fs
      .readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(json|txt|ya?ml|log|out)$/i.test(entry.name))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such folder' : code === 'ENOTDIR' ? 'it is a file' : String(code);
    throw new InputError(
      `--from is '${folder}', which cannot be read (${reason}); name the folder with the saved JSON`,
    );
  }
}

/** Text of a file in UTF-8 or UTF-16. */
export function savedText(file: string): string {
  try {
    return readText(file, MAX_BYTES);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(`${file} cannot be read (${code}); check the path and its permissions`);
  }
}

/** @throws InputError naming the form that the AWS CLI should print */
function parsed(text: string, file: string): Json {
  if (!/^\s*[{[]/.test(text)) {
    const form = /^\s*[\w-]+:\s/.test(text) ? 'YAML' : /^\s*[-|+]{3,}/.test(text) ? 'a table' : 'text';
    throw new InputError(`${file} is ${form}, not JSON; save it again with --output json`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file} is not valid JSON (${syntaxProblem(error)}); save it again with --output json`);
  }
  if (isObject(value)) return value;
  throw new InputError(`${file} has a list; save the whole output of the command, without --query`);
}

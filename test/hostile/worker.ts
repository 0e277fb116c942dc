import * as fs from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../../lib/core/errors';
import { Random } from '../../lib/simulation/random';
import { chatTemplate } from '../simulation/blueprint/chat-template';
import { notANumber, type Form, type HostileInput } from './form';
import { COMMAND_FORMS, prepareInspection } from './forms/commands';
import { CONSTRUCT_FORMS } from './forms/constructs';
import { CONTRACTS } from './forms/contracts';
import { HANDLER_FORMS } from './forms/handlers';
import { SAFE_COMMAND_FORMS } from './forms/safe-commands';
import { SELF_TEST } from './forms/self-test';
import { TEMPLATE_FORMS } from './forms/templates';
import { prepareParquet, TRACES } from './forms/traces';
import { shrunk } from './shrink';

// Entry point of the thread that reads hostile inputs, one after the other; `run.mjs` watches its time.

interface Order {
  readonly seed: string;
  /** Inputs of each form, from the first to the one before the last. */
  readonly parts: readonly { readonly form: string; readonly from: number; readonly to: number }[];
  readonly folder: string;
  readonly isSelfTest: boolean;
  /** Number of the form and of the input that is read, of the inputs begun, and of the outcomes that are not sent yet. */
  readonly position: SharedArrayBuffer;
}

/** End of one input. */
type Outcome = { readonly kind: 'accepted' | 'refused' } | { readonly kind: 'failed'; readonly reason: string };

/** Slots of the outcomes in the shared position. */
const COUNTS = { accepted: 3, refused: 4, failed: 5 } as const;

/** Most characters of a message. */
const MAX_MESSAGE_LENGTH = 20_000;

const { seed, parts, folder, isSelfTest, position } = (workerData ?? {}) as Order;
const forms: readonly Form[] = isSelfTest
  ? SELF_TEST
  : [
      ...TRACES,
      ...TEMPLATE_FORMS,
      ...CONTRACTS,
      ...CONSTRUCT_FORMS,
      ...HANDLER_FORMS,
      ...COMMAND_FORMS,
      ...SAFE_COMMAND_FORMS,
    ];
const place = new Int32Array(position);
const port = parentPort!;

async function outcomeOf(form: Form, input: HostileInput): Promise<Outcome> {
  let result: unknown;
  try {
    result = await form.read(input, folder);
  } catch (error) {
    if (!(error instanceof InputError))
      return { kind: 'failed', reason: `crash: ${error instanceof Error ? error.stack : String(error)}` };
    const problem = messageProblem(error.message);
    return problem === undefined
      ? { kind: 'refused' }
      : { kind: 'failed', reason: `${problem}: ${error.message.slice(0, 300)}` };
  }
  if (({} as { polluted?: unknown }).polluted !== undefined)
    return { kind: 'failed', reason: 'the prototype of all objects was changed' };
  const wrong = notANumber(result, input);
  return wrong === undefined ? { kind: 'accepted' } : { kind: 'failed', reason: `not a number: ${wrong}` };
}

function messageProblem(message: string): string | undefined {
  if (message.trim().length < 10) return 'a message that says nothing';
  if (message.length > MAX_MESSAGE_LENGTH) return `a message of ${message.length} characters`;
  return /Cannot read propert|is not a function|is not iterable|Maximum call stack/.test(message)
    ? 'a message of JavaScript'
    : undefined;
}

/** Reason of a failure by which others of the same kind are known: the first line, and where it happened. */
function kindOf(reason: string): string {
  const [first = '', ...rest] = reason.split('\n');
  const frame = rest.find((line) => /^\s+at /.test(line)) ?? '';
  return `${first.replace(/\d+/g, '0').slice(0, 80)}${frame.replace(/:\d+:\d+/, '')}`;
}

async function main(): Promise<void> {
  fs.mkdirSync(folder, { recursive: true });
  if (!isSelfTest) await Promise.all([prepareParquet(), prepareInspection(folder)]);
  const kinds = new Set<string>();
  for (const { form: name, from, to } of parts) {
    const number = forms.findIndex((one) => one.name === name);
    const form = forms[number]!;
    const counts = { form: name, accepted: 0, refused: 0, failed: 0, milliseconds: 0, slowestMs: 0, slowest: from };
    for (let index = from; index < to; index++) {
      const input = form.input(new Random(`${seed}/${name}/${index}`));
      Atomics.store(place, 0, number);
      Atomics.store(place, 1, index);
      Atomics.add(place, 2, 1);
      const start = performance.now();
      const outcome = await outcomeOf(form, input);
      const milliseconds = performance.now() - start;
      counts[outcome.kind]++;
      counts.milliseconds += milliseconds;
      Atomics.add(place, COUNTS[outcome.kind], 1);
      if (milliseconds > counts.slowestMs) Object.assign(counts, { slowestMs: milliseconds, slowest: index });
      if (outcome.kind === 'failed') {
        const kind = `${name}: ${kindOf(outcome.reason)}`;
        if (!kinds.has(kind) && kinds.size < 200) {
          kinds.add(kind);
          const same = async (smaller: HostileInput): Promise<boolean> => {
            Atomics.add(place, 2, 1);
            const again = await outcomeOf(form, smaller);
            return again.kind === 'failed' && `${name}: ${kindOf(again.reason)}` === kind;
          };
          const small = await shrunk(input, same);
          port.postMessage({
            kind: 'failure',
            failure: kind,
            form: name,
            index,
            reason: outcome.reason,
            input: shown(small),
          });
        }
      }
      if (index % 200 === 199 || index === to - 1) {
        port.postMessage({ kind: 'counts', ...counts });
        Object.assign(counts, { accepted: 0, refused: 0, failed: 0, milliseconds: 0 });
        for (const slot of Object.values(COUNTS)) Atomics.store(place, slot, 0);
        // Messages leave the thread between two inputs.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }
  port.postMessage({ kind: 'end' });
}

function shown(input: HostileInput): string {
  return typeof input === 'string' ? JSON.stringify(input) : `base64 ${Buffer.from(input).toString('base64')}`;
}

/** Sends inputs of some forms, for the command itself, with a good template. */
async function generate({
  forms: names,
  seed: own,
  each,
}: {
  forms: string[];
  seed: string;
  each: number;
}): Promise<void> {
  await prepareParquet();
  const list = names.flatMap((name) => {
    const form = forms.find((one) => one.name === name)!;
    return Array.from({ length: each }, (_, index) => ({
      form: name,
      index,
      input: form.input(new Random(`${own}/${name}/${index}`)),
    }));
  });
  port.postMessage({ list, template: JSON.stringify(chatTemplate()) });
}

const { generate: wanted } = (workerData ?? {}) as { generate?: Parameters<typeof generate>[0] };
if (workerData === null) port.postMessage({ kind: 'forms', forms: forms.map(({ name, share }) => ({ name, share })) });
else if (wanted !== undefined) void generate(wanted);
else void main();

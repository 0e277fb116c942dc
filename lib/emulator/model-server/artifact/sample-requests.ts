import * as fs from 'node:fs';
import { InputError } from '../../../core/errors';
import { isObject } from '../../../core/parse';
import { Random } from '../../../simulation/random';

/** Bodies that are made for a model, which requests take in turns. */
const SAMPLES = 64;
const MAX_PAYLOADS = 1_000;

/** Body of a request. */
export interface Payload {
  readonly body: string;
  /** Name of its source in messages. */
  readonly place: string;
}

/** An input of a model in Triton's configuration. */
export interface ModelInput {
  readonly name: string;
  /** `TYPE_FP32`, and so on. */
  readonly data_type: string;
  /** Sizes without that of the batch; -1 is any. */
  readonly dims: readonly (number | string)[];
}

/** Part of a model's configuration, as Triton gives it in JSON: sizes may be text. */
export interface ModelConfig {
  readonly max_batch_size?: number;
  readonly input: readonly ModelInput[];
}

/**
 * Makes bodies of requests of one row for a model, in the JSON of KServe's open inference protocol, version 2: normally distributed numbers, whole numbers 0 and 1.
 *
 * @throws InputError for an input whose size the configuration leaves open
 */
export function sampleRequests({ max_batch_size: batch = 0, input }: ModelConfig, seed: number): Payload[] {
  const random = new Random(seed).fork('model-requests');
  const shapes = input.map(({ name, dims }) => {
    const sizes = dims.map(Number);
    if (sizes.every((size) => size > 0)) return batch > 0 ? [1, ...sizes] : sizes;
    // Without batches, the first size is often that of the rows.
    if (batch === 0 && sizes[0] === -1 && sizes.length > 1 && sizes.slice(1).every((size) => size > 0))
      return [1, ...sizes.slice(1)];
    throw new InputError(
      `--model: the input '${name}' has the dynamic shape [${sizes.join(', ')}], so no request can be made for it; give requests of yours with --payload FILE`,
    );
  });
  return Array.from({ length: SAMPLES }, () => ({
    place: 'a request made from its configuration',
    body: JSON.stringify({
      inputs: input.map(({ name, data_type: type }, index) => ({
        name,
        shape: shapes[index],
        datatype: datatypeOf(type),
        data: Array.from({ length: product(shapes[index]!) }, () => valueOf(type, random)),
      })),
    }),
  }));
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** Name of a type in the protocol: that of the configuration, except for text. */
const datatypeOf = (type: string): string => (type === 'TYPE_STRING' ? 'BYTES' : type.replace(/^TYPE_/, ''));

function valueOf(type: string, random: Random): number | boolean | string {
  if (type === 'TYPE_STRING') return 'text';
  if (type === 'TYPE_BOOL') return random.uniform() < 0.5;
  if (/^TYPE_U?INT/.test(type)) return random.uniform() < 0.5 ? 0 : 1;
  return Math.round(random.normal() * 1e4) / 1e4;
}

/**
 * Reads bodies of requests from a file: one JSON object, or one in each line.
 *
 * @throws InputError that names the file and the line
 */
export function readPayloads(file: string): Payload[] {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(
      `--payload ${file}: ${code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`}`,
    );
  }
  if (asObject(text) !== undefined) return [{ body: text.trim(), place: file }];
  const payloads = text
    .split('\n')
    .map((line, index) => ({ body: line.trim(), place: `${file}:${index + 1}` }))
    .filter(({ body }) => body !== '');
  if (payloads.length === 0)
    throw new InputError(`--payload ${file}: it is empty; expected the JSON body of a request, or one in each line`);
  if (payloads.length > MAX_PAYLOADS) {
    throw new InputError(
      `--payload ${file}: it has ${payloads.length} requests; at most ${MAX_PAYLOADS} are taken, in turns`,
    );
  }
  for (const { body, place } of payloads) {
    if (asObject(body) === undefined) {
      throw new InputError(
        `--payload ${place}: expected the JSON body of a request, such as {"inputs": [...]}, and not ${body.slice(0, 60)}`,
      );
    }
  }
  return payloads;
}

function asObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

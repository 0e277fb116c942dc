import { FIRST_LABELS, generateRows } from '../../lib/local/tour/learning/rows';

/** Features that the rule looks at. */
const USED_FEATURES = 6;
const OPSET = 13;
const FLOAT = 1;

/**
 * First model of the learning tour, as the bytes of an ONNX file: the nearest of four rows, one of each label, by some of the features. A rule that
 * somebody wrote before there was data.
 */
export function firstModel(): Buffer {
  const rows = generateRows('first-model', FIRST_LABELS, { count: FIRST_LABELS.length, prefix: 'first-model' });
  const centres = rows.map(({ features: values }) => values.map((value, index) => (index < USED_FEATURES ? value : 0)));
  const features = centres[0]!.length;
  // The distance to a centre c is smallest where x·c - |c|²/2 is largest.
  const weights = Array.from({ length: features }, (_, feature) => centres.map((centre) => centre[feature]!)).flat();
  const biases = centres.map((centre) => -centre.reduce((sum, value) => sum + value * value, 0) / 2);
  const graph = [
    field(1, node('Gemm', ['features', 'weights', 'biases'], 'scores')),
    field(1, node('Softmax', ['scores'], 'probabilities')),
    field(2, 'first-classifier'),
    field(5, initializer('weights', [features, centres.length], weights)),
    field(5, initializer('biases', [centres.length], biases)),
    field(11, matrix('features', features)),
    field(12, matrix('probabilities', centres.length)),
  ];
  return Buffer.concat([field(1, 8), field(7, Buffer.concat(graph)), field(8, field(2, OPSET))]);
}

/** Field of a message of Protocol Buffers: a whole number, a text, or bytes. */
function field(number: number, value: number | string | Buffer): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)]);
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return Buffer.from([...bytes, left]);
}

const node = (operator: string, inputs: readonly string[], output: string): Buffer =>
  Buffer.concat([...inputs.map((name) => field(1, name)), field(2, output), field(4, operator)]);

const initializer = (name: string, dimensions: readonly number[], values: readonly number[]): Buffer =>
  Buffer.concat([
    ...dimensions.map((size) => field(1, size)),
    field(2, FLOAT),
    field(8, name),
    field(9, Buffer.from(Float32Array.from(values).buffer)),
  ]);

/** Matrix of any number of rows. */
function matrix(name: string, columns: number): Buffer {
  const shape = Buffer.concat([field(1, field(2, 'rows')), field(1, field(1, columns))]);
  return Buffer.concat([field(1, name), field(2, field(1, Buffer.concat([field(1, FLOAT), field(2, shape)])))]);
}

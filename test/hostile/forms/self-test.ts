import { InputError } from '../../../lib/core/errors';
import { textOf, type Form } from '../form';

/** Forms with a fault each, by which the run shows that it finds faults. */
export const SELF_TEST: readonly Form[] = [
  {
    name: 'crash',
    share: 1,
    input: (random) => `abc${Math.floor(random.uniform() * 100)}X${'d'.repeat(500)}`,
    read: (input) => {
      if (textOf(input).includes('X')) throw new TypeError('no such member');
      return 1;
    },
  },
  { name: 'not a number', share: 1, input: () => '0', read: (input) => ({ cost: 1 / Number(input) }) },
  {
    name: 'endless',
    share: 1,
    input: (random) => String(Math.floor(random.uniform() * 4)),
    read: (input) => {
      for (let steps = 0; input === '0'; steps++) Math.imul(steps, 7);
      return 1;
    },
  },
  {
    name: 'sound',
    share: 1,
    input: (random) => String(random.uniform()),
    read: (input) => {
      if (Number(input) < 0.5) throw new InputError(`the value is ${textOf(input)}; give 0.5 to 1`);
      return 1;
    },
  },
];

import { combine } from '../../../lib/scaling/decide/combine';
import type { Proposal } from '../../../lib/scaling/decide/proposal';

/** A fleet of five. */
const DESIRED = 5;

function proposal(policyName: string, capacity: number, overrides: Partial<Proposal> = {}): Proposal {
  const direction = capacity > DESIRED ? 'out' : capacity < DESIRED ? 'in' : 'hold';
  const common = { cooldownSeconds: 0, mustAgreeToScaleIn: true, reason: '' };
  return { policyName, kind: 'target-tracking', direction, capacity, ...common, ...overrides };
}
const step = (policyName: string, capacity: number) =>
  proposal(policyName, capacity, { kind: 'step', mustAgreeToScaleIn: false });

function combined(proposals: readonly Proposal[], triggered = proposals.map(({ policyName }) => policyName)) {
  const { proposal: winner, step: told } = combine(proposals, (name) => triggered.includes(name), DESIRED);
  expect(told).toMatchObject({ stage: 'combine', from: DESIRED, to: winner?.capacity ?? DESIRED });
  return [winner?.capacity, told.reason];
}

const DISAGREE = 'a scale-in needs the agreement of every target-tracking policy; not given by: ';

describe('proposals', () => {
  test.each<[string, readonly Proposal[], number | undefined, string]>([
    ['one to scale out is enough', [proposal('a', 7), proposal('b', 3)], 7, 'a proposes 7'],
    [
      'the largest to scale out wins, the first of two that are equal',
      [proposal('a', 7), step('b', 9), proposal('c', 9)],
      9,
      'b proposes 9, the largest of 3 proposals to scale out',
    ],
    ['one to scale in is enough where it is the only policy', [proposal('a', 3)], 3, 'a proposes 3'],
    [
      'the largest to scale in wins where all of target tracking agree',
      [proposal('a', 2), proposal('b', 4)],
      4,
      'b proposes 4, the largest of 2 proposals to scale in',
    ],
    [
      'none of target tracking scales in while another one holds',
      [proposal('a', 2), proposal('b', 5), proposal('c', 5)],
      undefined,
      `${DISAGREE}b, c`,
    ],
    ['a step policy needs no agreement', [step('a', 2), proposal('b', 5)], 2, 'a proposes 2'],
    ['a step policy that holds does not disagree', [proposal('a', 2), step('b', 5)], 2, 'a proposes 2'],
    [
      'a step policy scales in beside target tracking that is not agreed on',
      [step('a', 1), proposal('b', 2), proposal('c', 5)],
      1,
      'a proposes 1',
    ],
    ['none to change leaves the fleet', [proposal('a', 5), step('b', 5)], undefined, 'no policy proposes a change'],
  ])('%s', (_, proposals, capacity, reason) => {
    expect(combined(proposals)).toEqual([capacity, reason]);
  });

  test('of a policy whose alarms were not evaluated do not act, and agree or disagree all the same', () => {
    expect(combined([proposal('a', 9), proposal('b', 7)], ['b'])).toEqual([7, 'b proposes 7']);
    expect(combined([proposal('a', 9)], [])).toEqual([undefined, 'no policy was evaluated']);
    expect(combined([step('a', 2)], [])).toEqual([undefined, 'no policy was evaluated']);
    expect(combined([proposal('a', 2), proposal('b', 9)], ['a'])).toEqual([undefined, `${DISAGREE}b`]);
    expect(combined([proposal('a', 2), proposal('b', 3)], ['a'])).toEqual([
      3,
      'b proposes 3, the largest of 2 proposals to scale in',
    ]);
    expect(combined([step('a', 2), proposal('b', 1)], ['a'])).toEqual([2, 'a proposes 2']);
  });

  test('of a policy without scale-in neither agree nor disagree', () => {
    const without = proposal('b', 5, { mustAgreeToScaleIn: false });
    expect(combined([proposal('a', 2), without])).toEqual([2, 'a proposes 2']);
  });
});

import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';

const COMPONENT = path.join(projectDirectory, 'lib', 'edge', 'assets', 'component');

/** Seconds until the next attempt after each step: a call that failed, between its begin and its end, or one that succeeded. */
function waits(
  steps: readonly ({ readonly began: number; readonly ended: number } | { readonly worked: number })[],
): number[] {
  const program = `
import json, sys
sys.path.insert(0, sys.argv[1])
from backoff import Backoff
now = [0.0]
backoff = Backoff(clock=lambda: now[0])
waits = []
for step in json.loads(sys.argv[2]):
    now[0] = step.get('ended', step.get('worked'))
    backoff.succeeded() if 'worked' in step else backoff.failed(step['began'])
    waits.append(max(0.0, backoff.until - now[0]))
    assert backoff.is_open() == (waits[-1] == 0)
print(json.dumps(waits))`;
  const output = execFileSync('python3', ['-B', '-c', program, COMPONENT, JSON.stringify(steps)], { encoding: 'utf8' });
  return JSON.parse(output) as number[];
}

describe('times at which a device asks the cloud again', () => {
  test('come twice as late after each failure, up to a minute', () => {
    const failures = Array.from({ length: 10 }, (_, index) => ({ began: 100 * index, ended: 100 * index }));
    expect(waits(failures)).toEqual([0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  test('come at once after a call that worked, and begin anew', () => {
    expect(waits([{ began: 0, ended: 0 }, { began: 1, ended: 1 }, { worked: 3 }, { began: 4, ended: 4 }])).toEqual([
      0.5, 1, 0, 0.5,
    ]);
  });

  test('count calls that fail side by side as one', () => {
    const together = Array.from({ length: 8 }, (_, index) => ({ began: 10 + index / 100, ended: 13 + index / 4 }));
    expect(waits(together)).toEqual([0.5, 0.25, 0, 0, 0, 0, 0, 0]);
    expect(waits([...together, { began: 15, ended: 18 }]).at(-1)).toBe(1);
  });
});

import { barWhile, progressBar } from '../../bin/commands/progress-bar';

function terminal(columns = 80): { readonly isTTY: true; readonly columns: number; readonly write: jest.Mock } {
  return { isTTY: true, columns, write: jest.fn() };
}

test.each([
  [0, `${'░'.repeat(30)} 0 %`],
  [0.5, `${'█'.repeat(15)}${'░'.repeat(15)} 50 %`],
  [1, `${'█'.repeat(30)} 100 %`],
  [7, `${'█'.repeat(30)} 100 %`],
  [NaN, `${'░'.repeat(30)} 0 %`],
])('a share of %p fills its part of the bar', (share, bar) => {
  const stderr = terminal();
  progressBar(stderr, 'simulate').show(share);
  expect(stderr.write.mock.calls).toEqual([[`\r\u001b[2Ksimulate ${bar}`]]);
});

test('the bar is removed with its task, also when that throws, and never exceeds a narrow terminal', () => {
  const stderr = terminal(30);
  const bar = progressBar(stderr, 'simulate');
  const task = (): void => {
    bar.show(0.5);
    throw new Error('the task failed');
  };
  expect(() => barWhile(bar, task)).toThrow('the task failed');
  const [[drawn], [removed]] = stderr.write.mock.calls as [[string], [string]];
  expect(drawn.replace('\r\u001b[2K', '')).toMatch(/^simulate █+░+…$/);
  expect(drawn.replace('\r\u001b[2K', '').length).toBeLessThan(30);
  expect(removed).toBe('\r\u001b[2K');
});

test('nothing is drawn where stderr is no terminal', () => {
  const stderr = { write: jest.fn() };
  const bar = progressBar(stderr, 'simulate');
  bar.show(0.5);
  bar.end();
  expect(stderr.write).not.toHaveBeenCalled();
});

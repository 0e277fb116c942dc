import { Token } from 'aws-cdk-lib';
import { InputError, throwProblems } from '../../lib/core/errors';

describe('the message of bad input', () => {
  test('is shown as it is', () => {
    const message = "a.csv:3: requests is '-1'; give 0 or more\n  - \u00e9\u4e2d\ud83d\ude80\tok";
    expect(new InputError(message).message).toBe(message);
  });

  test('holds no character that a terminal acts on', () => {
    const { message } = new InputError('name \u001b[2J\u202e\u0000\r\u009b31m is none');
    expect(message).toBe('name \ufffd[2J\ufffd\ufffd\ufffd\ufffd31m is none');
  });

  test('keeps the place and the way out of a value as long as a file', () => {
    const { message } = new InputError(`a.csv:1: the value is '${'x'.repeat(1e6)}'; remove the row`);
    expect(message).toMatch(/^a\.csv:1: the value is 'x+ \.\.\. x+'; remove the row$/);
    expect(message.length).toBeLessThan(2100);
  });

  test('counts the lines that are too many', () => {
    const { message } = new InputError(Array.from({ length: 5000 }, (_, line) => `${line}: wrong`).join('\n'));
    expect(message.length).toBeLessThan(20_000);
    expect(message).toMatch(/\n\(\d+ more lines\)$/);
  });
});

describe('problems of settings', () => {
  const later = Token.asNumber({ Ref: 'Later' });

  test.each([later, later * 60, later / 1024])(
    'name a number that is known at deploy time only as such: %d',
    (value) => {
      expect(() =>
        throwProblems('Stack/Drift', [`limits.maxPsi (${value}) must be above 0`, 'columns is empty']),
      ).toThrow(
        new InputError(
          'Stack/Drift:\n  - limits.maxPsi (known at deploy time only) must be above 0; give a number that is known at synthesis\n' +
            '  - columns is empty',
        ),
      );
    },
  );
});

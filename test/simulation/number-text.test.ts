import { bytesText, durationText, numberText, percentText, round, usdText } from '../../lib/simulation/number-text';

test('the largest numbers are rounded to themselves', () => {
  expect([round(1e308, 3), round(-1.5e15, 1), round(0.1239, 3)]).toEqual([1e308, -1.5e15, 0.124]);
});

describe('figures in texts', () => {
  test.each([
    [29.1738, '29.17 %'],
    [99, '99 %'],
    [98.5, '98.50 %'],
    [0, '0 %'],
    [100, '100 %'],
    [0.0012, '< 0.01 %'],
    [99.9987, '> 99.99 %'],
  ])('a share of %d is %s', (percent, text) => {
    expect(percentText(percent)).toBe(text);
  });

  test.each([
    [3.5, '3.50 USD'],
    [99.999, '100.00 USD'],
    [1234.56, '1,235 USD'],
  ])('an amount of %d is %s', (amount, text) => {
    expect(usdText(amount)).toBe(text);
  });

  test.each([
    [119, '119 seconds'],
    [120, '2 minutes'],
    [7201, '2 hours'],
    [86_400, '24 hours'],
    [216_000, '2.5 days'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });

  test.each([
    [999, '999 bytes'],
    [2150, '2.1 kB'],
    [107_000, '107 kB'],
    [2_200_000, '2.2 MB'],
    [1.5e9, '1.5 GB'],
  ])('a file of %d bytes has %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  test('numbers have thousands separated, and decimals by their size', () => {
    expect([1_234_567, 12.345, 0.5, -1234.4].map((value) => numberText(value))).toEqual([
      '1,234,567',
      '12.3',
      '0.50',
      '-1,234',
    ]);
  });
});

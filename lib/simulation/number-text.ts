/** Value rounded to a number of decimals. Values beyond 1e15 have none. */
export function round(value: number, decimals: number): number {
  if (Math.abs(value) >= 1e15) return value;
  const factor = Math.pow(10, decimals);
  return Math.round(value * factor) / factor;
}

/** Number with as many decimals as its size warrants, and thousands separated by commas. */
export function numberText(value: number, decimals?: number): string {
  const size = Math.abs(value);
  const places = decimals ?? (Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2);
  const [whole, fraction] = size.toFixed(places).split('.');
  const grouped = whole!.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return `${value < 0 ? '-' : ''}${grouped}${fraction === undefined ? '' : `.${fraction}`}`;
}

/** Percentage with at most two decimals. It is rounded neither to 0 nor to 100 unless it is exactly that. */
export function percentText(percent: number): string {
  if (percent > 0 && percent < 0.005) return '< 0.01 %';
  if (percent > 99.995 && percent < 100) return '> 99.99 %';
  return `${numberText(round(percent, 2), Number.isInteger(round(percent, 2)) ? 0 : 2)} %`;
}

/** Amount of US dollars: with cents below 100, otherwise whole. */
export function usdText(amount: number): string {
  return `${numberText(amount, Math.abs(amount) < 100 ? 2 : 0)} USD`;
}

/** Length of time in the largest unit that leaves at least two of it. */
export function durationText(seconds: number): string {
  if (seconds >= 2 * 86_400) return `${shortest(seconds / 86_400)} days`;
  if (seconds >= 7200) return `${shortest(seconds / 3600)} hours`;
  return seconds >= 120 ? `${shortest(seconds / 60)} minutes` : `${shortest(seconds)} seconds`;
}

/** Size of a file in bytes or a larger unit. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const [unit, size] = bytes < 1e6 ? ['kB', bytes / 1e3] : bytes < 1e9 ? ['MB', bytes / 1e6] : ['GB', bytes / 1e9];
  return `${numberText(size, size < 100 ? 1 : 0)} ${unit}`;
}

/** Value with one decimal, or none if that is 0. */
function shortest(value: number): string {
  const rounded = round(value, 1);
  return numberText(rounded, Number.isInteger(rounded) ? 0 : 1);
}

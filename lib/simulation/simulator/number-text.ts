/** A number with the digits that matter at its size. */
export function number(value: number, digits?: number): string {
  const size = Math.abs(value);
  const places = digits ?? (Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2);
  const [whole, fraction] = size.toFixed(places).split('.');
  const grouped = whole!.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return `${value < 0 ? '-' : ''}${grouped}${fraction === undefined ? '' : `.${fraction}`}`;
}

/** Hours and minutes of a moment of the run. */
export function clock(second: number): string {
  const hours = Math.floor(second / 3600);
  const minutes = Math.floor((second % 3600) / 60);
  const seconds = Math.floor(second % 60);
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours >= 48
    ? `day ${Math.floor(hours / 24) + 1} ${two(hours % 24)}:${two(minutes)}`
    : `${two(hours)}:${two(minutes)}:${two(seconds)}`;
}

/** Returns the value of a series in Prometheus' text format, selected by one label; undefined when there is none. */
export function seriesValue(
  text: string,
  name: string,
  label: { readonly [name: string]: string },
): number | undefined {
  const [key, value] = Object.entries(label)[0]!;
  const found = new RegExp(`^${name}\\{[^}]*\\b${key}="${value}"[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

import type { Clock, TimeTick } from '../clock';
import { numberText } from '../number-text';
import { valueAxis } from './axis';
import { escapeHtml } from './html-text';

/** Line of a chart. */
interface ChartSeries {
  readonly name: string;
  /** Colour, from `c1` to `c5`. */
  readonly color: 1 | 2 | 3 | 4 | 5;
  /** `area` is filled, `step` keeps its value until the next, `dashed` is a thin line such as a limit. */
  readonly shape: 'line' | 'area' | 'step' | 'dashed';
  readonly values: readonly number[];
}

/** Name of a series or of a kind of points, with its colour. */
interface LegendEntry extends Pick<ChartSeries, 'name' | 'color'> {
  readonly shape: ChartSeries['shape'] | 'dot';
}

/** Marked moment of a chart. */
export interface ChartMark {
  readonly second: number;
  readonly title: string;
}

/** Series over one time axis. */
export interface Chart {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  /** Line under the title. */
  readonly caption: string;
  /** Unit of the values, above their axis. */
  readonly unit: string;
  /** True for things that are whole, such as instances: their ticks are too. */
  readonly isWhole?: boolean;
  /** Seconds from the start, one for each value of every series. */
  readonly seconds: readonly number[];
  /** End of the time axis. */
  readonly endSeconds: number;
  readonly clock: Clock;
  readonly series: readonly ChartSeries[];
  readonly marks?: readonly ChartMark[];
  /** `wide` takes the whole width; `small` is one of many. */
  readonly size?: 'wide' | 'small';
  /** Minimum end of the value axis. */
  readonly minAxisEnd?: number;
}

const WIDTH = 1000;
const HEIGHT = 240;
const MAX_TICKS = { wide: 10, small: 4 } as const;
const MAX_USUAL_TICKS = 8;
/** Maximum number of readings: narrower columns could not be hit with a pointer. */
const MAX_READINGS = 160;
const MAX_SMALL_READINGS = 60;

/**
 * A chart as HTML without script or inline style: lines in an SVG that stretches with the window, axes and readings as text beside it,
 * so that they stay readable at every width.
 */
export function chartHtml(chart: Chart): string {
  const { id, title, caption, unit, series, endSeconds, clock, size } = chart;
  const highest = Math.max(chart.minAxisEnd ?? 0, ...series.map(({ values }) => maximumOf(values)));
  const { end, ticks } = valueAxis(highest, chart.isWhole);
  const x = (second: number): number => (WIDTH * second) / endSeconds;
  const y = (value: number): number => HEIGHT * (1 - Math.min(value, end) / end);
  const { ticks: timeTicks, label } = clock.axis(size === undefined ? MAX_USUAL_TICKS : MAX_TICKS[size]);
  const grid =
    ticks.map(({ value }) => `M0 ${fixed(y(value))}H${WIDTH}`).join('') +
    timeTicks.map(({ second }) => `M${fixed(x(second))} 0V${HEIGHT}`).join('');
  const marks = (chart.marks ?? [])
    .map(({ second }) => `<path class="mark" d="M${fixed(x(second))} 0V${HEIGHT}"/>`)
    .join('');
  const lines = series.map((one) => seriesPath(one, chart.seconds.map(x), y)).join('');
  const extremes = series
    .map(({ name, values }) => `${name} up to ${numberText(maximumOf(values))} ${unit}`)
    .join(', ');
  return `<figure${size === undefined ? '' : ` class="${size}"`}>
<figcaption><h3>${escapeHtml(title)}</h3><p class="quiet">${escapeHtml(caption)}</p></figcaption>
${size === 'small' ? '' : legend(series)}
<p class="unit" aria-hidden="true">${escapeHtml(unit)}</p>
<div class="plot">
<div class="y" aria-hidden="true">${[...ticks]
    .reverse()
    .map(({ text }) => `<span>${text}</span>`)
    .join('')}</div>
<div class="field"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-labelledby="${id}-t" aria-describedby="${id}-d"><title id="${id}-t">${escapeHtml(title)}</title><desc id="${id}-d">${escapeHtml(`${caption} ${extremes}; time: ${clock.zone}.`)}</desc><path class="grid" d="${grid}"/>${lines}${marks}</svg>
<ol class="read" aria-hidden="true">${readings(chart)}</ol></div>
${timeAxis(timeTicks, endSeconds)}
<p class="zone" aria-hidden="true">${escapeHtml(label)}</p></div>
</figure>`;
}

/** Names of series with their colours. */
export function legend(entries: readonly LegendEntry[]): string {
  const item = ({ name, color, shape }: LegendEntry): string =>
    `<li><i class="k${color} ${shape}"></i>${escapeHtml(name)}</li>`;
  return `<ul class="legend">${entries.map(item).join('')}</ul>`;
}

/** Ticks below a plot; narrow windows show every second one, dates before times. Those at the edges stay within the plot. */
function timeAxis(ticks: readonly TimeTick[], endSeconds: number): string {
  const firstDate = Math.max(
    0,
    ticks.findIndex(({ text }) => /[A-Z]/.test(text)),
  );
  const texts = ticks.map(({ second, text }, index) => {
    const percent = (100 * second) / endSeconds;
    const anchor = percent < 3 ? 'start' : percent > 97 ? 'end' : 'middle';
    return `<text x="${fixed(percent)}%" y="14" text-anchor="${anchor}"${(index + firstDate) % 2 === 0 ? '' : ' class="second"'}>${text}</text>`;
  });
  return `<svg class="x" aria-hidden="true">${texts.join('')}</svg>`;
}

function seriesPath(
  { color, shape, values }: ChartSeries,
  at: readonly number[],
  y: (value: number) => number,
): string {
  if (values.length === 0) return '';
  let path = `M${fixed(at[0]!)} ${fixed(y(values[0]!))}`;
  for (let index = 1; index < values.length; index++) {
    const height = fixed(y(values[index]!));
    const flat = values[index] === values[index - 1] && values[index] === values[index + 1];
    if (flat) continue;
    path +=
      shape === 'line' || shape === 'area' ? `L${fixed(at[index]!)} ${height}` : `H${fixed(at[index]!)}V${height}`;
  }
  const last = fixed(at[at.length - 1]!);
  if (shape !== 'area') return `<path class="s${color} ${shape}" d="${path}"/>`;
  return `<path class="f${color}" d="${path}V${HEIGHT}H${fixed(at[0]!)}Z"/><path class="s${color} line" d="${path}L${last} ${fixed(y(values[values.length - 1]!))}"/>`;
}

/** Values under the pointer, in columns of equal width over the plot. */
function readings({ seconds, series, unit, endSeconds, clock, size, marks = [] }: Chart): string {
  const count = Math.min(size === 'small' ? MAX_SMALL_READINGS : MAX_READINGS, seconds.length);
  let html = '';
  let index = 0;
  for (let column = 0; column < count; column++) {
    const until = (endSeconds * (column + 1)) / count;
    const first = Math.min(index, seconds.length - 1);
    while (index < seconds.length && seconds[index]! < until) index++;
    const parts = series.map(({ name, values }) => {
      const highest = maximumOf(values.slice(first, Math.max(first + 1, index)));
      return `${escapeHtml(name)} <b>${numberText(highest)}</b>`;
    });
    parts.push(`${parts.pop()} ${escapeHtml(unit)}`);
    const from = (endSeconds * column) / count;
    for (const { second, title } of marks) if (second >= from && second < until) parts.push(escapeHtml(title));
    html += `<li><span>${clock.moment(seconds[first]!)} · ${parts.join(' · ')}</span></li>`;
  }
  return html;
}

function maximumOf(values: readonly number[]): number {
  return values.reduce((maximum, value) => Math.max(maximum, value), 0);
}

/** Coordinate with at most one decimal. */
function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

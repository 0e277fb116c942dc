import { clock, number } from '../simulator/number-text';
import { escapeHtml } from './html-text';

/** One line of a chart. */
export interface ChartSeries {
  readonly name: string;
  /** Which of the colours `c1` to `c5`. */
  readonly color: 1 | 2 | 3 | 4 | 5;
  /** `area` is filled, `step` holds its value until the next, `dashed` is a thin line such as a limit. */
  readonly shape: 'line' | 'area' | 'step' | 'dashed';
  readonly values: readonly number[];
}

/** A moment worth a mark in a chart. */
export interface ChartMark {
  readonly second: number;
  readonly title: string;
}

/** Series over one time axis. */
export interface Chart {
  readonly title: string;
  /** What the chart shows, a line under its title. */
  readonly caption: string;
  readonly unit: string;
  /** Seconds from the start, one for each value of every series. */
  readonly seconds: readonly number[];
  /** The axis ends here, in seconds. */
  readonly endSeconds: number;
  readonly series: readonly ChartSeries[];
  readonly marks?: readonly ChartMark[];
  readonly wide?: boolean;
  /** The axis reaches at least so high. */
  readonly atLeast?: number;
}

const WIDTH = 1000;
const HEIGHT = 240;
const INTERVALS = 4;
/** Readings under the pointer: finer than this they could not be hit. */
const MOST_READINGS = 160;

/**
 * A chart as HTML that needs neither script nor style of its own: lines in an SVG that stretches with the window, axes and readings as
 * text beside it, so that they stay readable at every width.
 */
export function chartHtml(chart: Chart): string {
  const { title, caption, unit, series, endSeconds } = chart;
  const top = niceMaximum(Math.max(chart.atLeast ?? 0, ...series.map(({ values }) => greatest(values))));
  const x = (second: number): number => (WIDTH * second) / endSeconds;
  const y = (value: number): number => HEIGHT * (1 - Math.min(value, top) / top);
  const grid = Array.from({ length: INTERVALS + 1 }, (_, line) => {
    const at = (HEIGHT * line) / INTERVALS;
    return `M0 ${at}H${WIDTH}`;
  }).join('');
  const marks = (chart.marks ?? [])
    .map(({ second }) => {
      const at = fixed(x(second));
      return `<path class="mark" d="M${at} 0V${HEIGHT}"/>`;
    })
    .join('');
  const lines = series.map((one) => seriesPath(one, chart.seconds.map(x), y)).join('');
  const ticks = Array.from({ length: INTERVALS + 1 }, (_, line) => number((top * (INTERVALS - line)) / INTERVALS));
  const hours = Array.from({ length: 7 }, (_, tick) => axisTime((endSeconds * tick) / 6, endSeconds));
  const spoken = series.map(({ name, values }) => `${name} up to ${number(greatest(values))}`).join(', ');
  return `<figure${chart.wide === true ? ' class="wide"' : ''}>
<figcaption><h3>${escapeHtml(title)}</h3><p class="quiet">${escapeHtml(caption)}</p></figcaption>
<ul class="legend">${series.map(({ name, color, shape }) => `<li><i class="k${color} ${shape}"></i>${escapeHtml(name)}</li>`).join('')}</ul>
<div class="plot" role="img" aria-label="${escapeHtml(`${title} in ${unit}: ${spoken}`)}">
<div class="y" aria-hidden="true">${ticks.map((tick) => `<span>${tick}</span>`).join('')}</div>
<div class="field"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true"><path class="grid" d="${grid}"/>${lines}${marks}</svg>
<ol class="read" aria-hidden="true">${readings(chart)}</ol></div>
<div class="x" aria-hidden="true">${hours.map((hour) => `<span>${hour}</span>`).join('')}</div></div>
</figure>`;
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

/** What is read at a moment, in columns of equal width over the plot. */
function readings({ seconds, series, unit, endSeconds, marks = [] }: Chart): string {
  const count = Math.min(MOST_READINGS, seconds.length);
  let html = '';
  let index = 0;
  for (let column = 0; column < count; column++) {
    const until = (endSeconds * (column + 1)) / count;
    const first = Math.min(index, seconds.length - 1);
    while (index < seconds.length && seconds[index]! < until) index++;
    const parts = series.map(({ name, values }) => {
      const highest = greatest(values.slice(first, Math.max(first + 1, index)));
      return `${escapeHtml(name)} <b>${number(highest)}</b>${unit === '' ? '' : ` ${escapeHtml(unit)}`}`;
    });
    const from = (endSeconds * column) / count;
    for (const { second, title } of marks) if (second >= from && second < until) parts.push(escapeHtml(title));
    html += `<li><span>${clock(seconds[first]!)} · ${parts.join(' · ')}</span></li>`;
  }
  return html;
}

/** The least of 1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8 and 10 times a power of ten that is not below a value: a quarter of it is short. */
export function niceMaximum(value: number): number {
  if (!(value > 0)) return 1;
  const power = Math.pow(10, Math.floor(Math.log10(value)));
  const step = [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].find((each) => each * power >= value * (1 - 1e-9)) ?? 10;
  return Number((step * power).toPrecision(6));
}

function axisTime(second: number, endSeconds: number): string {
  if (endSeconds >= 48 * 3600) return `day ${number(1 + second / 86_400, 1)}`;
  if (endSeconds < 600) return `${number(second, 0)} s`;
  return clock(Math.round(second / 60) * 60).slice(0, 5);
}

function greatest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** A coordinate with one decimal at most. */
function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

import { numberText, percentText } from '../number-text';
import { ninesHeight, ninesTicks, valueAxis } from './axis';
import { escapeHtml } from './html-text';

/** Point of a scatter plot. */
export interface ScatterPoint {
  readonly x: number;
  /** Percentage of requests; the vertical scale counts its nines. */
  readonly percent: number;
  /** Colour, from `c1` to `c5`. */
  readonly color: 1 | 2 | 3 | 4 | 5;
  /** Name and values, for the pointer and for screen readers; unlabelled points are a cloud and have none. */
  readonly title?: string;
  /** Short text beside the point. */
  readonly label?: string;
}

/** Points of cost against quality. */
export interface Scatter {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly description: string;
  readonly xUnit: string;
  readonly yUnit: string;
  readonly points: readonly ScatterPoint[];
  /** Objective, as a line. */
  readonly objectivePercent: number;
  /** True to join the labelled points that no other beats in both. */
  readonly hasFront?: boolean;
  readonly legend: string;
}

const HEIGHT = 300;
/** Widths of the plot at which labels must not overlap: from a telephone's to that of the widest page. */
const WIDTHS = [260, 330, 450, 600, 800, 1000, 1250];
const LABEL_HEIGHT = 15;
const LETTER_WIDTH = 8;
/** Distance of the plot's edges from the outermost points, in percent of the width. */
const EDGE_PERCENT = 2;

/** Points as an SVG with positions in percent, so that texts keep their size and circles their shape at every width. */
export function scatterHtml(scatter: Scatter): string {
  const { id, title, caption, description, points, objectivePercent } = scatter;
  const { end, ticks } = valueAxis(Math.max(...points.map(({ x }) => x)));
  const lowest = lowestTick(Math.min(objectivePercent, ...points.map(({ percent }) => percent)));
  const x = (value: number): number => EDGE_PERCENT + ((100 - 2 * EDGE_PERCENT) * value) / end;
  const y = (percent: number): number => 100 - EDGE_PERCENT - (100 - 2 * EDGE_PERCENT) * ninesHeight(percent, lowest);
  const heights = ninesTicks(lowest);
  const places = points.map((point) => ({ ...point, left: x(point.x), top: y(point.percent) }));
  const line = (percent: number, className: string): string =>
    `<line class="${className}" x1="0" x2="100%" y1="${fixed(y(percent))}%" y2="${fixed(y(percent))}%"/>`;
  const front = scatter.hasFront === true ? frontLines(places) : '';
  const dots = places.map(
    ({ left, top, color, title: name, label }) =>
      `<circle class="d${color}${label === undefined ? ' cloud' : ''}" cx="${fixed(left)}%" cy="${fixed(top)}%" r="${label === undefined ? 3 : 5}">${name === undefined ? '' : `<title>${escapeHtml(name)}</title>`}</circle>`,
  );
  const labels = labelOffsets(places).map(({ left, top, label, dx, dy }) => {
    const far = Math.hypot(dx, dy) > LETTER_WIDTH * (label.length / 2) + 20;
    const at = `x="${fixed(left)}%" y="${fixed(top)}%"`;
    const leader = far
      ? `<svg ${at} overflow="visible"><line class="leader" x1="0" y1="0" x2="${fixed(dx * 0.75)}" y2="${fixed(dy * 0.75)}"/></svg>`
      : '';
    return `${leader}<text class="label" ${at} dx="${fixed(dx)}" dy="${fixed(dy + 4)}" text-anchor="middle">${escapeHtml(label)}</text>`;
  });
  return `<figure class="wide">
<figcaption><h3>${escapeHtml(title)}</h3><p class="quiet">${escapeHtml(caption)}</p></figcaption>
${scatter.legend}
<p class="unit" aria-hidden="true">${escapeHtml(scatter.yUnit)}</p>
<div class="plot">
<svg class="nines" aria-hidden="true">${[...heights, 100].map((percent) => `<text x="100%" y="${fixed(y(percent))}%" dy="4" text-anchor="end">${percent}</text>`).join('')}</svg>
<div class="field tall"><svg class="scatter" role="img" aria-labelledby="${id}-t" aria-describedby="${id}-d"><title id="${id}-t">${escapeHtml(title)}</title><desc id="${id}-d">${escapeHtml(`${caption} ${description}`)}</desc>${[...heights, 100].map((percent) => line(percent, 'grid')).join('')}${line(objectivePercent, 'objective')}${front}${dots.join('')}${labels.join('')}</svg></div>
<svg class="x" aria-hidden="true">${ticks.map(({ value, text }, index) => `<text x="${fixed(x(value))}%" y="14" text-anchor="${index === 0 ? 'start' : index === ticks.length - 1 ? 'end' : 'middle'}"${index % 2 === 1 ? ' class="second"' : ''}>${text}</text>`).join('')}</svg>
<p class="zone" aria-hidden="true">${escapeHtml(scatter.xUnit)}</p></div>
</figure>`;
}

/** Text of a point for the pointer. */
export function pointTitle(name: string, x: number, xUnit: string, percent: number, yName: string): string {
  return `${name}: ${numberText(x)} ${xUnit}, ${percentText(percent)} ${yName}`;
}

/** True if none of the others is cheaper at the same quality, or better at the same cost. */
export function isOnFront<One>(
  one: One,
  others: readonly One[],
  of: (one: One) => { readonly x: number; readonly percent: number },
): boolean {
  const own = of(one);
  return !others
    .map(of)
    .some(({ x, percent }) => x <= own.x && percent >= own.percent && (x < own.x || percent > own.percent));
}

/** Steps through the labelled points that no other beats in both: right, then up. */
function frontLines(places: readonly (Place & ScatterPoint)[]): string {
  const labelled = places.filter(({ label }) => label !== undefined);
  const front = labelled.filter((one) => isOnFront(one, labelled, (each) => each)).sort((a, b) => a.x - b.x);
  return front
    .slice(1)
    .map(({ left, top }, index) => {
      const before = front[index]!;
      return (
        `<line class="front" x1="${fixed(before.left)}%" x2="${fixed(left)}%" y1="${fixed(before.top)}%" y2="${fixed(before.top)}%"/>` +
        `<line class="front" x1="${fixed(left)}%" x2="${fixed(left)}%" y1="${fixed(before.top)}%" y2="${fixed(top)}%"/>`
      );
    })
    .join('');
}

function lowestTick(percent: number): number {
  return [...ninesTicks(0)].reverse().find((tick) => tick <= percent && tick <= 99) ?? 0;
}

interface Place {
  readonly left: number;
  readonly top: number;
  readonly label?: string;
}

interface PlacedLabel extends Place {
  readonly label: string;
  readonly dx: number;
  readonly dy: number;
}

/** Directions in which a label is tried, nearest first. */
const DIRECTIONS = [12, 22, 34, 48, 64].flatMap((radius) =>
  [0, 7, 1, 6, 2, 5, 3, 4].map((eighth) => {
    const angle = (eighth * Math.PI) / 4;
    return [Math.cos(angle), Math.sin(angle), radius] as const;
  }),
);

/** Offsets in pixels at which labels overlap neither each other, nor a labelled point, nor the edge, at any width. */
function labelOffsets(places: readonly Place[]): PlacedLabel[] {
  const labelled = places.flatMap((place) => (place.label === undefined ? [] : [{ ...place, label: place.label }]));
  const placed: PlacedLabel[] = [];
  for (const place of labelled) {
    const width = LETTER_WIDTH * place.label.length + 4;
    const offsets = DIRECTIONS.map(([right, down, radius]) => {
      // The label's nearest edge is at the radius, not its middle.
      const beside = Math.abs(right) < 0.1 ? 0 : Math.sign(right) * (width / 2 - LETTER_WIDTH / 2);
      return [1.15 * radius * right + beside, radius * down] as const;
    });
    const free = offsets.find(([dx, dy]) =>
      WIDTHS.every((plot) => {
        const [cx, cy] = [(plot * place.left) / 100 + dx, (HEIGHT * place.top) / 100 + dy];
        const isInside =
          cx > width / 2 && cx < plot - width / 2 && cy > LABEL_HEIGHT / 2 && cy < HEIGHT - LABEL_HEIGHT / 2;
        const clear = (ox: number, oy: number, otherWidth: number, otherHeight: number): boolean =>
          Math.abs(cx - ox) >= (width + otherWidth) / 2 || Math.abs(cy - oy) >= (LABEL_HEIGHT + otherHeight) / 2;
        return (
          isInside &&
          labelled.every((other) => clear((plot * other.left) / 100, (HEIGHT * other.top) / 100, 10, 10)) &&
          placed.every((other) =>
            clear(
              (plot * other.left) / 100 + other.dx,
              (HEIGHT * other.top) / 100 + other.dy,
              LETTER_WIDTH * other.label.length + 4,
              LABEL_HEIGHT,
            ),
          )
        );
      }),
    );
    // Without a free place the point keeps its title alone.
    if (free !== undefined) placed.push({ ...place, dx: free[0], dy: free[1] });
  }
  return placed;
}

/** Coordinate with at most two decimals. */
function fixed(value: number): string {
  return String(Math.round(value * 100) / 100);
}

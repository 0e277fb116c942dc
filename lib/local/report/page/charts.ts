import uPlot from 'uplot';
import type { Recording, Sample } from '../../recording';
import { formatClock, formatTimeOfDay } from '../format-clock';
import { formatDollars, formatNumber } from './format';

type Row = (number | null)[];

interface Line {
  readonly label: string;
  readonly color: string;
  readonly values: Row;
  /** Values in the legend, where the drawn values are stacked. */
  readonly shown?: Row;
  readonly fill?: boolean;
  /** Covers lower layers, so that stacked colours do not mix. */
  readonly opaque?: boolean;
  readonly stepped?: boolean;
  readonly dashed?: boolean;
}

interface Drawing {
  readonly lines: readonly Line[];
  readonly format: (value: number | null | undefined) => string;
  readonly describe: string;
  /** Draws behind the lines. */
  readonly under?: (plot: uPlot) => void;
  /** Draws above the lines. */
  readonly over?: (plot: uPlot) => void;
  /** True for things that are whole, such as instances: their ticks are too. */
  readonly isWhole?: boolean;
  /** Minimum upper end of the axis. */
  readonly minTop?: number;
}

const CHART_HEIGHT = 220;
const WHOLE_INCREMENTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000, 1_000_000];
const LEVEL_COLORS: { readonly [level: string]: string } = {
  warn: '--warn',
  'freeze-growth': '--c3',
  shrink: '--bad',
};

function cssColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function transparent(hex: string, alpha: number): string {
  const value = Number.parseInt(hex.slice(1), 16);
  return `rgb(${(value >> 16) & 255} ${(value >> 8) & 255} ${value & 255} / ${alpha})`;
}

/** Opaque colour that equals a transparent one over the panel's background. */
function blended(hex: string, alpha: number): string {
  const background = cssColor('--panel');
  const channel = (at: number): number => {
    const over = Number.parseInt(hex.slice(at, at + 2), 16);
    const under = Number.parseInt(background.slice(at, at + 2), 16);
    return Math.round(over * alpha + under * (1 - alpha));
  };
  return `rgb(${channel(1)} ${channel(3)} ${channel(5)})`;
}

/** Moment of second 0; 0 where the recording has none, so that times are elapsed ones. */
function originOf({ header }: Recording): number {
  return header.firstRequestAt ?? 0;
}

/** Chart that is redrawn when its data, its width or the colour scheme changes. */
class Chart {
  private plot: uPlot | undefined;
  private shape = '';
  private drawing: Drawing | undefined;
  private times: number[] = [];
  private isDated = false;

  public constructor(
    private readonly element: HTMLElement,
    private readonly draw: (recording: Recording) => Drawing,
  ) {
    new ResizeObserver(() => this.resize()).observe(element);
  }

  public update(recording: Recording, restyle: boolean): void {
    const origin = originOf(recording);
    this.times = recording.samples.map(({ second }) => origin + second);
    this.isDated = recording.header.firstRequestAt !== null;
    this.drawing = this.draw(recording);
    this.element.setAttribute('aria-label', this.drawing.describe);
    const shape = [this.isDated, ...this.drawing.lines.map(({ label }) => label)].join('|');
    if (this.plot === undefined || shape !== this.shape || restyle) {
      this.plot?.destroy();
      this.plot = new uPlot(this.options(this.drawing), this.data(), this.element);
      this.shape = shape;
    } else {
      this.plot.setData(this.data());
    }
  }

  private data(): uPlot.AlignedData {
    return [this.times, ...this.drawing!.lines.map(({ values }) => values)];
  }

  private timeText(at: number): string {
    return this.isDated ? formatTimeOfDay(at) : formatClock(at);
  }

  private width(): number {
    return Math.max(240, Math.floor(this.element.clientWidth));
  }

  private resize(): void {
    this.plot?.setSize({ width: this.width(), height: CHART_HEIGHT });
  }

  private options(drawing: Drawing): uPlot.Options {
    const quiet = cssColor('--quiet');
    const grid = { stroke: cssColor('--grid'), width: 1 };
    const font = '12px system-ui, sans-serif';
    return {
      width: this.width(),
      height: CHART_HEIGHT,
      padding: [12, 26, 0, 0],
      scales: {
        x: { time: false },
        y: { range: (_plot, _low, high) => [0, Math.max((high ?? 0) * 1.08, drawing.minTop ?? 1)] },
      },
      axes: [
        {
          stroke: quiet,
          font,
          grid,
          ticks: grid,
          space: 64,
          size: 30,
          incrs: [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400],
          values: (_plot, ticks) => ticks.map((tick) => this.timeText(tick).replace(/^(..:..):00$/, '$1')),
        },
        {
          stroke: quiet,
          font,
          grid,
          ticks: grid,
          size: 58,
          ...(drawing.isWhole === true && { incrs: WHOLE_INCREMENTS }),
          values: (_plot, ticks) => ticks.map((tick) => drawing.format(tick)),
        },
      ],
      cursor: { sync: { key: 'tidegate' }, points: { size: 7 }, drag: { x: false, y: false } },
      legend: { live: true },
      series: [
        { label: this.isDated ? 'UTC' : 'Elapsed', value: (_plot, at) => (at == null ? '–' : this.timeText(at)) },
        ...drawing.lines.map((line, index): uPlot.Series => {
          const color = cssColor(line.color);
          return {
            label: line.label,
            stroke: color,
            width: line.fill ? 1.5 : 2,
            spanGaps: true,
            points: { show: false },
            ...(line.fill ? { fill: line.opaque ? blended(color, 0.34) : transparent(color, 0.22) } : {}),
            ...(line.dashed ? { dash: [6, 5] } : {}),
            ...(line.stepped ? { paths: uPlot.paths.stepped!({ align: 1 }) } : {}),
            value: (_plot, value, _series, at) => {
              const now = this.drawing!.lines[index]!;
              const shown = now.shown ?? now.values;
              return drawing.format(at == null ? shown.at(-1) : (shown[at] ?? value));
            },
          };
        }),
      ],
      hooks: {
        drawClear: [(plot) => this.drawing!.under?.(plot)],
        draw: [(plot) => this.drawing!.over?.(plot)],
      },
    };
  }
}

/** Triangles along the top: instances added (pointing up) and removed (pointing down). */
function scaleMarks(recording: Recording): (plot: uPlot) => void {
  return (plot) => {
    const { ctx, bbox } = plot;
    const size = 5 * devicePixelRatio;
    ctx.save();
    for (const { kind, second } of recording.events) {
      if (kind !== 'scale-out' && kind !== 'scale-in') continue;
      const x = plot.valToPos(originOf(recording) + second, 'x', true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      const up = kind === 'scale-out';
      const y = bbox.top + size * 0.4;
      const color = cssColor(up ? '--c2' : '--c4');
      ctx.strokeStyle = transparent(color, 0.35);
      ctx.setLineDash([3, 3]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillStyle = color;
      ctx.beginPath();
      ctx.moveTo(x - size, up ? y + size : y - size);
      ctx.lineTo(x + size, up ? y + size : y - size);
      ctx.lineTo(x, up ? y - size : y + size);
      ctx.fill();
    }
    ctx.restore();
  };
}

/** Bands behind the spend for the levels of the cost guard above `ok`. */
function guardBands(recording: Recording): (plot: uPlot) => void {
  const { samples } = recording;
  const at = (sample: Sample): number => originOf(recording) + sample.second;
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    for (let from = 0; from < samples.length;) {
      const level = samples[from]!.guardLevel;
      let to = from + 1;
      while (to < samples.length && samples[to]!.guardLevel === level) to += 1;
      const color = LEVEL_COLORS[level];
      if (color !== undefined) {
        const left = plot.valToPos(at(samples[from]!), 'x', true);
        const right = plot.valToPos(at(samples[Math.min(to, samples.length - 1)]!), 'x', true);
        ctx.fillStyle = transparent(cssColor(color), 0.16);
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
      }
      from = to;
    }
    ctx.restore();
  };
}

function demand(recording: Recording): Drawing {
  const { samples } = recording;
  const last = samples.at(-1);
  return {
    lines: [
      { label: 'Demand', color: '--c1', values: samples.map((s) => s.demandConcurrency), fill: true },
      { label: 'Capacity', color: '--c2', values: samples.map((s) => s.capacityConcurrency), stepped: true },
      { label: 'In flight', color: '--c3', values: samples.map((s) => s.inFlight), dashed: true },
    ],
    format: (value) => formatNumber(value),
    describe: `Demand ${formatNumber(last?.demandConcurrency)} and capacity ${formatNumber(last?.capacityConcurrency)} concurrent requests`,
    over: scaleMarks(recording),
    minTop: 8,
  };
}

function latency({ samples }: Recording): Drawing {
  const last = samples.at(-1);
  return {
    lines: [
      { label: 'p50', color: '--c2', values: samples.map((s) => s.p50) },
      { label: 'p95', color: '--c1', values: samples.map((s) => s.p95) },
      { label: 'p99', color: '--c5', values: samples.map((s) => s.p99), dashed: true },
    ],
    format: (value) => formatNumber(value, 's'),
    describe: `Latency: p50 ${formatNumber(last?.p50)}, p95 ${formatNumber(last?.p95)}, p99 ${formatNumber(last?.p99)} seconds`,
  };
}

function instances({ samples }: Recording): Drawing {
  const types = [...new Set(samples.flatMap((s) => Object.keys(s.instancesByType)))];
  const colors = ['--c1', '--c2', '--c4', '--c5'];
  const total = samples.map(() => 0);
  const layer = (label: string, color: string, shown: number[]): Line => ({
    label,
    color,
    shown,
    values: shown.map((count, index) => (total[index] = total[index]! + count)),
    fill: true,
    opaque: true,
    stepped: true,
  });
  const stacked = types.map((type, index) =>
    layer(
      type,
      colors[index % colors.length]!,
      samples.map((s) => s.instancesByType[type] ?? 0),
    ),
  );
  stacked.push(
    layer(
      'starting',
      '--c3',
      samples.map((s) => s.provisioningInstances),
    ),
  );
  const last = samples.at(-1);
  return {
    lines: [
      ...stacked.reverse(),
      { label: 'maximum', color: '--bad', values: samples.map((s) => s.maxInstances), stepped: true, dashed: true },
    ],
    format: (value) => formatNumber(value),
    describe: `Instances in service: ${types.map((type) => `${last?.instancesByType[type] ?? 0} ${type}`).join(', ') || 'none'}`,
    isWhole: true,
    minTop: 2,
  };
}

function spend(recording: Recording): Drawing {
  const { samples, header } = recording;
  const last = samples.at(-1);
  const budget: Line[] =
    header.budgetUsd === null
      ? []
      : [{ label: 'Budget', color: '--bad', values: samples.map(() => header.budgetUsd), dashed: true }];
  return {
    lines: [{ label: 'Spend', color: '--c1', values: samples.map((s) => s.spendUsd), fill: true }, ...budget],
    format: formatDollars,
    describe: `Spent ${formatDollars(last?.spendUsd)} of ${header.budgetUsd === null ? 'no budget set' : formatDollars(header.budgetUsd)}, guard at ${last?.guardLevel ?? 'ok'}`,
    under: guardBands(recording),
    minTop: 0.001,
  };
}

function waiting({ samples }: Recording): Drawing {
  const last = samples.at(-1);
  return {
    lines: [
      { label: 'Endpoint queue', color: '--c3', values: samples.map((s) => s.queued), fill: true },
      { label: 'Stream backlog', color: '--c4', values: samples.map((s) => s.streamBacklog) },
    ],
    format: (value) => formatNumber(value),
    describe: `Waiting: ${formatNumber(last?.queued)} in the endpoint, ${formatNumber(last?.streamBacklog)} in the stream`,
    isWhole: true,
    minTop: 4,
  };
}

/** Creates the charts of the page; the returned function draws a recording. */
export function createCharts(): (recording: Recording, restyle: boolean) => void {
  const drawings: { readonly [id: string]: (recording: Recording) => Drawing } = {
    demand,
    latency,
    instances,
    spend,
    waiting,
  };
  const charts = Object.entries(drawings).map(([id, draw]) => new Chart(document.getElementById(`chart-${id}`)!, draw));
  return (recording, restyle) => {
    for (const chart of charts) chart.update(recording, restyle);
  };
}

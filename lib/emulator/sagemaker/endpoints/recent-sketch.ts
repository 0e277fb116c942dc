import { QuantileSketch } from '../../../core/statistics';
import type { Quantiles } from '../../snapshot';

/** Quantiles of a sketch, with an error of at most 1 %. */
export function quantilesOf(sketch: QuantileSketch): Quantiles {
  const { count } = sketch;
  if (count === 0) return { count, p50: null, p95: null, p99: null, maximum: null };
  return {
    count,
    p50: sketch.quantile(0.5),
    p95: sketch.quantile(0.95),
    p99: sketch.quantile(0.99),
    maximum: sketch.maximum,
  };
}

/** The last spans of a stream of durations: one sketch for each span; a new span discards the oldest. */
export class RecentSketch {
  private spans: QuantileSketch[] = [new QuantileSketch()];

  public constructor(private readonly spanCount: number) {}

  public add(seconds: number): void {
    this.spans.at(-1)!.add(seconds);
  }

  /** Starts a new span. */
  public startSpan(): void {
    this.spans = [...this.spans, new QuantileSketch()].slice(-this.spanCount);
  }

  public quantiles(): Quantiles {
    const all = new QuantileSketch();
    for (const span of this.spans) all.merge(span);
    return quantilesOf(all);
  }
}

import type { Rehearsal } from '../simulator';
import { summaryText } from './summary-text';

/** The report as one HTML file. */
export function htmlReport(rehearsals: readonly Rehearsal[]): string {
  return `<!doctype html><pre>${rehearsals.map(summaryText).join('\n')}</pre>`;
}

import { Clock } from '../clock';
import { durationText, numberText, percentText, usdText } from '../number-text';
import type { TunedPolicy, Tuning } from './tuning';

/** A tuning as text for a terminal. */
export function tuningText(tuning: Tuning): string {
  const { today, best, trace, settings } = tuning;
  const rows = [
    ['', 'today', ...(best === null ? [] : [bestTitle(tuning)])],
    ...wholeRows(tuning),
    ...heldOutRows(tuning),
  ];
  return [
    `${tuning.resourceId}  (${tuning.template})`,
    `traffic      ${nameOf(trace.name)}: ${numberText(trace.requests)} requests in ${durationText(trace.seconds)}`,
    `window       ${windowOfTuning(tuning)}`,
    `objective    ${percentText(settings.sloPercent)} wait at most ${numberText(settings.sloWaitSeconds)} s; mean service time ${numberText(settings.meanServiceSeconds, 2)} s`,
    `search       ${searchText(tuning)}`,
    `today        ${today.policy}`,
    ...(best === null ? [] : [`${bestTitle(tuning).padEnd(13)}${best.policy}`]),
    '',
    ...table(rows),
    '',
    verdictText(tuning),
    ...(tuning.code === null ? [] : ['', ...tuning.code.split('\n').map((line) => (line === '' ? '' : `  ${line}`))]),
    ...(tuning.notes.length === 0 ? [] : ['', ...tuning.notes.map((note) => `note: ${note}`)]),
  ].join('\n');
}

/** Name of the policy beside today's. */
export function bestTitle({ verdict }: Tuning): string {
  return verdict === 'none-keeps' ? 'nearest' : 'best found';
}

/** Part of time that the trace covers. */
export function windowOfTuning({ clock, trace }: Tuning): string {
  return new Clock(clock, trace.seconds).span(0, trace.seconds);
}

/** Size of the search and its part of the trace. */
export function searchText({ search, trace }: Tuning): string {
  return (
    `${search.candidates} candidates on ${search.seconds < trace.seconds ? `the first ${durationText(search.seconds)}` : 'the whole trace'}, ` +
    `${search.rehearsed} rehearsed on the whole trace, request by request; ${search.confirmed} of them keep the objective`
  );
}

/** Figures of today's policy and of the one that was found, over the whole trace. */
export function wholeRows(tuning: Tuning): string[][] {
  return [
    row('minimum, maximum instances', tuning, ({ minCapacity, maxCapacity }) => `${minCapacity}, ${maxCapacity}`),
    row('served well', tuning, ({ whole }) => percentText(whole.sloPercent)),
    row('cost per month', tuning, ({ whole }) => usdText(whole.usdPerMonth)),
    row('mean instances', tuning, ({ whole }) => numberText(whole.meanInstances, 2)),
    row('wait p99', tuning, ({ whole }) => `${numberText(whole.waitP99Seconds, 2)} s`),
  ];
}

/** The same over the part that the search did not see; none if nothing was held out. */
export function heldOutRows(tuning: Tuning): string[][] {
  if (tuning.today.heldOut === null) return [];
  return [
    row('held out: served well', tuning, ({ heldOut }) => (heldOut === null ? '' : percentText(heldOut.sloPercent))),
    row('held out: cost per month', tuning, ({ heldOut }) => (heldOut === null ? '' : usdText(heldOut.usdPerMonth))),
  ];
}

/** Outcome of a tuning in a sentence. */
export function verdictText({ verdict, saving, settings, best, today, trace }: Tuning): string {
  const heldOut =
    saving?.heldOutPercent == null ? '' : `; on the held-out part alone ${numberText(saving.heldOutPercent, 1)} %`;
  switch (verdict) {
    case 'saves':
      return (
        `saves ${numberText(saving!.percent, 1)} %, ${usdText(saving!.usdPerMonth)} a month${heldOut}` +
        (today.whole.sloPercent < settings.sloPercent ? "; and keeps the objective, which today's policy misses" : '')
      );
    case 'keeps-the-objective':
      return (
        `keeps the objective, which today's policy misses (${numberText(today.whole.sloPercent, 2)} %), ` +
        `for ${usdText(Math.max(0, -saving!.usdPerMonth))} more a month`
      );
    case 'today-is-best':
      return "today's policy is best: no rehearsed candidate keeps the objective at a cost at least 1 % lower";
    case 'too-little-traffic':
      return (
        `no recommendation: ${numberText(trace.requests)} requests in ${durationText(trace.seconds)} are too little to promise a saving; ` +
        'give a trace of six hours or more, best of a week'
      );
    case 'none-keeps':
      return (
        `no candidate serves ${numberText(settings.sloPercent, 2)} % well` +
        (best === null ? '' : `; the nearest serves ${numberText(best.whole.sloPercent, 2)} %`)
      );
  }
}

function row(title: string, { today, best }: Tuning, of: (policy: TunedPolicy) => string): string[] {
  return [title, ...[today, ...(best === null ? [] : [best])].map(of)];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  return rows.map((cells) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]! + 3)))
      .join('')
      .trimEnd(),
  );
}

function nameOf(file: string): string {
  return file.split(/[\\/]/).at(-1)!;
}

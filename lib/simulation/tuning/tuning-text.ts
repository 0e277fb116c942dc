import { number } from '../simulator/number-text';
import type { TunedPolicy, Tuning } from './tuning';

/** A tuning as a screen of text. */
export function tuningText(tuning: Tuning): string {
  const { today, best, search, trace, settings } = tuning;
  const columns: readonly (readonly [string, TunedPolicy])[] = [
    ['today', today],
    ...(best === null ? [] : [[tuning.verdict === 'none-keeps' ? 'nearest' : 'best found', best] as const]),
  ];
  const rows: readonly (readonly string[])[] = [
    ['', ...columns.map(([title]) => title)],
    row('instances at least, at most', columns, ({ minCapacity, maxCapacity }) => `${minCapacity}, ${maxCapacity}`),
    row('served well', columns, ({ whole }) => `${number(whole.sloPercent, 2)} %`),
    row('cost of a month', columns, ({ whole }) => usd(whole.usdPerMonth)),
    row('instances on average', columns, ({ whole }) => number(whole.meanInstances, 2)),
    row('99 % wait at most', columns, ({ whole }) => `${number(whole.waitP99Seconds, 2)} s`),
    ...(today.heldOut === null
      ? []
      : [
          row('held out: served well', columns, ({ heldOut }) =>
            heldOut === null ? '' : `${number(heldOut.sloPercent, 2)} %`,
          ),
          row('held out: cost of a month', columns, ({ heldOut }) =>
            heldOut === null ? '' : usd(heldOut.usdPerMonth),
          ),
        ]),
  ];
  return [
    `${tuning.resourceId}  (${tuning.template})`,
    `traffic      ${nameOf(trace.name)}: ${number(trace.requests)} requests in ${days(trace.seconds)}`,
    `objective    ${number(settings.sloPercent)} % wait at most ${number(settings.sloWaitSeconds)} s; ${number(settings.meanServiceSeconds, 2)} s service on average`,
    `search       ${search.candidates} candidates on ${search.seconds < trace.seconds ? `the first ${days(search.seconds)}` : 'the whole trace'}, ` +
      `${search.rehearsed} rehearsed on the whole, request by request; ${search.confirmed} of them keep the objective`,
    `today        ${today.policy}`,
    ...(best === null
      ? []
      : [`${(tuning.verdict === 'none-keeps' ? 'nearest' : 'best found').padEnd(13)}${best.policy}`]),
    '',
    ...table(rows),
    '',
    verdictText(tuning),
    ...(tuning.code === null ? [] : ['', ...tuning.code.split('\n').map((line) => (line === '' ? '' : `  ${line}`))]),
    ...(tuning.notes.length === 0 ? [] : ['', ...tuning.notes.map((note) => `note: ${note}`)]),
  ].join('\n');
}

function verdictText({ verdict, saving, settings, best, today }: Tuning): string {
  const heldOut =
    saving?.heldOutPercent == null ? '' : `; on the held-out part alone ${number(saving.heldOutPercent, 1)} %`;
  switch (verdict) {
    case 'saves':
      return (
        `saves ${number(saving!.percent, 1)} %, ${usd(saving!.usdPerMonth)} a month${heldOut}` +
        (today.whole.sloPercent < settings.sloPercent ? "; and keeps the objective, which today's policy misses" : '')
      );
    case 'keeps-the-objective':
      return (
        `keeps the objective, which today's policy misses (${number(today.whole.sloPercent, 2)} %), ` +
        `for ${usd(Math.max(0, -saving!.usdPerMonth))} more a month`
      );
    case 'today-is-best':
      return "today's policy is best: none that was rehearsed keeps the objective for 1 % less or better";
    case 'none-keeps':
      return (
        `no candidate serves ${number(settings.sloPercent, 2)} % well` +
        (best === null ? '' : `; the nearest serves ${number(best.whole.sloPercent, 2)} %`)
      );
  }
}

function row(
  title: string,
  columns: readonly (readonly [string, TunedPolicy])[],
  of: (policy: TunedPolicy) => string,
): string[] {
  return [title, ...columns.map(([, policy]) => of(policy))];
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

function usd(amount: number): string {
  return `${number(amount, amount < 100 ? 2 : 0)} USD`;
}

function days(seconds: number): string {
  if (seconds >= 2 * 86_400) return `${number(seconds / 86_400, 1)} days`;
  return seconds >= 7200 ? `${number(seconds / 3600, 1)} hours` : `${number(seconds / 60, 1)} minutes`;
}

function nameOf(file: string): string {
  return file.split(/[\\/]/).at(-1)!;
}

import { durationText, numberText, percentText, usdText } from '../number-text';
import { legend } from '../report/chart';
import { definitions, escapeHtml, table } from '../report/html-text';
import { pageHtml, tileHtml, type ReportOptions } from '../report/page';
import { pointTitle, scatterHtml, type ScatterPoint } from '../report/scatter';
import type { TunedPolicy, Tuning } from './tuning';
import { bestTitle, heldOutRows, searchText, verdictText, wholeRows, windowOfTuning } from './tuning-text';

/** Tunings as one HTML file. */
export function tuningHtml(tunings: readonly Tuning[], options: ReportOptions): string {
  return pageHtml(
    {
      title: 'Tidegate tuning',
      subtitle: "The cheapest scaling policy that keeps the objective, beside today's.",
      sections: tunings.map((tuning, index) => ({
        id: `fleet-${index + 1}`,
        name: tuning.resourceId,
        html: section(tuning, `fleet-${index + 1}`),
      })),
      footer:
        'Simulated; the same template, trace and seed give the same figures. Prices come from --price or the dated table.',
    },
    options,
  );
}

const PILLS: { readonly [verdict in Tuning['verdict']]: readonly [text: string, tone: 'good' | 'bad' | 'warn'] } = {
  saves: ['saves', 'good'],
  'keeps-the-objective': ['keeps the objective', 'good'],
  'today-is-best': ["today's policy is best", 'good'],
  'none-keeps': ['no policy keeps the objective', 'bad'],
  'too-little-traffic': ['too little traffic', 'warn'],
};

function section(tuning: Tuning, id: string): string {
  const { resourceId, template, trace, verdict, today, best, code, notes } = tuning;
  const [pill, tone] = PILLS[verdict];
  const columns = ['result', 'today', ...(best === null ? [] : [bestTitle(tuning)])];
  const heldOut = heldOutRows(tuning);
  return `<div class="title"><h2>${escapeHtml(resourceId)}</h2><p class="pill ${tone}">${pill}</p></div>
<p class="quiet">${escapeHtml(template)} · ${escapeHtml(trace.name)} · ${numberText(trace.requests)} requests</p>
<p class="quiet">${escapeHtml(windowOfTuning(tuning))}</p>
<p class="card verdict">${escapeHtml(verdictText(tuning))}</p>
${tiles(tuning)}
<h3>Over the whole trace</h3>
${rowTable('Results over the whole trace', columns, [['policy', today.policy, best?.policy ?? ''], ...wholeRows(tuning)])}
<h3>Held-out part</h3>
${
  heldOut.length === 0
    ? '<p class="card">The trace is too short to hold a part out: the policy is evaluated on the traffic that it was tuned to.</p>'
    : `<p class="quiet">The search did not see this part: it begins ${durationText(tuning.search.seconds)} into the trace.</p>${rowTable('Results over the held-out part', columns, heldOut)}`
}
${cloud(tuning, id)}
${code === null ? '' : `<h3>Construct to paste</h3><pre tabindex="0" aria-label="Construct to paste"><code>${escapeHtml(code)}</code></pre>`}
<h3>Settings</h3>
${settingsHtml(tuning)}
${notes.length === 0 ? '' : `<ul class="notes">${notes.map((note) => `<li>${escapeHtml(note)}</li>`).join('')}</ul>`}`;
}

function rowTable(label: string, columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.slice(0, columns.length).map(escapeHtml));
  return table(label, columns.map(escapeHtml), cells, 'plain');
}

function tiles({ today, best, saving, search, settings }: Tuning): string {
  const quality = ({ whole }: TunedPolicy): string =>
    `${percentText(whole.sloPercent)} served well; objective ${percentText(settings.sloPercent)}`;
  const keeps = ({ whole }: TunedPolicy): 'good' | 'bad' => (whole.sloPercent >= settings.sloPercent ? 'good' : 'bad');
  const monthly = ({ whole }: TunedPolicy): string => escapeHtml(usdText(whole.usdPerMonth));
  return `<dl class="tiles">${[
    tileHtml('Cost a month today', monthly(today), quality(today), keeps(today)),
    ...(best === null ? [] : [tileHtml('Cost a month, best found', monthly(best), quality(best), keeps(best))]),
    ...(saving === null
      ? []
      : [
          tileHtml(
            saving.usdPerMonth < 0 ? 'More a month' : 'Saved a month',
            escapeHtml(usdText(Math.abs(saving.usdPerMonth))),
            `${percentText(Math.abs(saving.percent))}${saving.heldOutPercent === null ? '' : `; on the held-out part ${percentText(saving.heldOutPercent)}`}`,
          ),
        ]),
    tileHtml(
      'Candidates',
      numberText(search.candidates),
      `${search.rehearsed} rehearsed request by request, ${search.confirmed} of them keep the objective`,
    ),
  ].join('')}</dl>`;
}

function cloud(tuning: Tuning, id: string): string {
  const { candidates, today, best, settings } = tuning;
  const marked = (name: string, { whole }: TunedPolicy, color: 2 | 5): ScatterPoint => ({
    x: whole.usdPerMonth,
    percent: whole.sloPercent,
    color,
    label: name,
    title: pointTitle(name, whole.usdPerMonth, 'USD a month', whole.sloPercent, 'served well'),
  });
  const drawn = `<div class="charts">${scatterHtml({
    id: `${id}-cloud`,
    title: 'Candidates',
    caption: `Cost against requests served well; up and left is better. The dashed line is the objective, ${percentText(settings.sloPercent)}.`,
    description: `Today ${usdText(today.whole.usdPerMonth)} a month at ${percentText(today.whole.sloPercent)}${best === null ? '' : `, ${bestTitle(tuning)} ${usdText(best.whole.usdPerMonth)} at ${percentText(best.whole.sloPercent)}`}; ${candidates.length} candidates are drawn.`,
    xUnit: 'USD a month',
    yUnit: '% served well',
    objectivePercent: settings.sloPercent,
    legend: legend([
      { name: 'estimated on the part that the search saw', color: 1, shape: 'dot' },
      { name: 'rehearsed on the whole trace', color: 3, shape: 'dot' },
      { name: 'today', color: 5, shape: 'dot' },
      ...(best === null ? [] : [{ name: bestTitle(tuning), color: 2 as const, shape: 'dot' as const }]),
    ]),
    points: [
      ...candidates.map(({ usdPerMonth, sloPercent, isRehearsed }) => ({
        x: usdPerMonth,
        percent: sloPercent,
        color: isRehearsed ? (3 as const) : (1 as const),
      })),
      marked('today', today, 5),
      ...(best === null ? [] : [marked(bestTitle(tuning), best, 2)]),
    ],
  })}</div>`;
  return `<h3>Search</h3><p class="quiet">${escapeHtml(searchText(tuning))}. Estimates that were given up early are not drawn.</p>${drawn}`;
}

function settingsHtml({ settings, search }: Tuning): string {
  const entries: [string, string][] = [
    [
      'objective',
      `${percentText(settings.sloPercent)} wait at most ${settings.sloWaitSeconds} s and complete within ${settings.requestTimeoutSeconds} s`,
    ],
    ['service times', `${settings.service}; mean ${numberText(settings.meanServiceSeconds, 2)} s`],
    ['provisioning', settings.provisioning],
    ['method', search.method === 'pooled' ? 'estimates without single requests, then rehearsals' : 'rehearsals alone'],
    ['seed', String(settings.seed)],
  ];
  return definitions(
    'settings',
    entries.map(([name, text]) => [name, escapeHtml(text)]),
  );
}

import { bytesText } from '../number-text';
import { definitions, escapeHtml } from './html-text';
import { REPORT_STYLE } from './report-style';

/** File that a report was made from. */
export interface ReportFile {
  /** Use of the file, such as `trace` or `template`. */
  readonly use: string;
  readonly name: string;
  /** Size and hash; absent for standard input, which cannot be read twice. */
  readonly content?: { readonly bytes: number; readonly sha256: string };
}

/** Origin of a report: enough to make it again. */
export interface ReportOrigin {
  readonly version: string;
  readonly commandLine: string;
  /** Moment at which the report was made, in UTC. */
  readonly madeAt: string;
  readonly files: readonly ReportFile[];
}

/** Surroundings of a report that pure code does not have. */
export interface ReportOptions {
  readonly origin: ReportOrigin;
  /** SHA-256 of a text in base64: the page's content security policy allows its own style by this hash, and nothing else. */
  readonly sha256Base64: (text: string) => string;
}

/** Texts of a page. */
export interface ReportPage {
  readonly title: string;
  readonly subtitle: string;
  /** Sections: id, name for the list of contents, and HTML. */
  readonly sections: readonly { readonly id: string; readonly name: string; readonly html: string }[];
  readonly footer: string;
}

/** One HTML file: no script, no external resource, readable in light and dark, at every width and on paper. */
export function pageHtml(page: ReportPage, { origin, sha256Base64 }: ReportOptions): string {
  const { title, subtitle, sections, footer } = page;
  const policy = `default-src 'none'; style-src 'sha256-${sha256Base64(REPORT_STYLE)}'; base-uri 'none'; form-action 'none'`;
  const contents =
    sections.length < 2
      ? ''
      : `<nav aria-label="Contents"><ul>${sections.map(({ id, name }) => `<li><a href="#${id}">${escapeHtml(name)}</a></li>`).join('')}</ul></nav>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="${policy}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>${escapeHtml(title)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<header class="top"><svg width="36" height="36" viewBox="0 0 36 36" aria-hidden="true"><rect class="logo-ground" width="36" height="36" rx="9"/><path class="logo-wave" d="M7 15c4-5 7-5 11 0s7 5 11 0M7 23c4-5 7-5 11 0s7 5 11 0"/></svg><div><h1>${escapeHtml(title)}</h1><p class="quiet">${escapeHtml(subtitle)}</p></div></header>
${contents}
<main>
${sections.map(({ id, name, html }) => `<section id="${id}" aria-label="${escapeHtml(name)}">\n${html}\n</section>`).join('\n')}
<section id="origin" aria-label="Origin of this report">
<h2>Origin of this report</h2>
${originHtml(origin)}
</section>
</main>
<footer class="quiet">${escapeHtml(footer)}</footer>
</body>
</html>
`;
}

/** Figure with its name and a note; `value` and `note` are HTML. */
export function tileHtml(name: string, value: string, note: string, tone: 'good' | 'bad' | '' = ''): string {
  return `<div><dt>${escapeHtml(name)}</dt><dd${tone === '' ? '' : ` class="${tone}"`}>${value}</dd><dd class="note">${note}</dd></div>`;
}

function originHtml({ version, commandLine, madeAt, files }: ReportOrigin): string {
  const file = ({ name, content }: ReportFile): string =>
    escapeHtml(name) +
    (content === undefined
      ? ''
      : ` <span class="quiet">${bytesText(content.bytes)}, SHA-256 <code>${content.sha256}</code></span>`);
  return definitions('settings one', [
    ['version', `Tidegate ${escapeHtml(version)}`],
    ['command', `<code>${escapeHtml(commandLine)}</code>`],
    ['made', `${escapeHtml(madeAt.replace('T', ' ').replace('Z', ' UTC'))}`],
    ...files.map((one): [string, string] => [escapeHtml(one.use), file(one)]),
  ]);
}

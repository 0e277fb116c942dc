import * as fs from 'node:fs';
import type { Recording } from './recording';

const PLACE = '<!--recording-->';

/** The page with a recording inside: one file that needs no server and no network. */
export function htmlReport(page: string, recording: Recording): string {
  if (!page.includes(PLACE)) throw new Error(`the page has no ${PLACE} to put the recording in`);
  // `<` is escaped so that no text of the recording can end the element.
  const data = JSON.stringify(recording).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028');
  return page.replace(PLACE, () => `<script type="application/json" id="recording">${data}</script>`);
}

/** Reads the bundled page, with the way out when it has not been built. */
export function readPage(pageFile: string): string {
  try {
    return fs.readFileSync(pageFile, 'utf8');
  } catch (error) {
    throw new Error(`the page ${pageFile} cannot be read; run npm run build`, { cause: error });
  }
}

import * as fs from 'node:fs';
import type { Recording } from '../recording';

const RECORDING_MARK = '<!--recording-->';

/** Embeds a recording in the page: one file that needs no server and no network. */
export function embedRecording(page: string, recording: Recording): string {
  if (!page.includes(RECORDING_MARK)) throw new Error(`the page has no ${RECORDING_MARK} for the recording`);
  // `<` is escaped, because the text of the recording must not end the element.
  const data = JSON.stringify(recording).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028');
  return page.replace(RECORDING_MARK, () => `<script type="application/json" id="recording">${data}</script>`);
}

/** Reads the bundled page; the error of a missing one names the command that builds it. */
export function readPage(pageFile: string): string {
  try {
    return fs.readFileSync(pageFile, 'utf8');
  } catch (error) {
    throw new Error(`the page ${pageFile} cannot be read; run npm run build`, { cause: error });
  }
}

// Bundles the page into one HTML file that needs no network: script and style are inlined and allowed by their hashes.
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const pageDirectory = path.dirname(fileURLToPath(import.meta.url));

const hashOf = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

async function bundle(entryPoint) {
  const result = await build({
    absWorkingDir: pageDirectory,
    entryPoints: [entryPoint],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: ['es2022', 'chrome110', 'firefox115', 'safari16'],
    legalComments: 'none',
    logLevel: 'silent',
    charset: 'utf8',
    metafile: true,
  });
  return { text: result.outputFiles[0].text.trim(), inputs: Object.keys(result.metafile.inputs) };
}

/** Writes the page to a file and returns the files that it was made from. A report replaces the comment `<!--recording-->` with its data. */
export async function bundlePage(outFile) {
  const parts = await Promise.all([bundle('page.ts'), bundle('page.css')]);
  const [script, style] = parts.map(({ text }) => text);
  if (/<\/script/i.test(script) || /<\/style/i.test(style))
    throw new Error('the bundle contains an end tag of its own element');
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const template = fs.readFileSync(path.join(pageDirectory, 'index.html'), 'utf8');
  const html = template
    .replace('<!--policy-->', () => `<meta http-equiv="Content-Security-Policy" content="${policy}" />`)
    .replace('<!--style-->', () => `<style>${style}</style>`)
    .replace('<!--script-->', () => `<script>${script}</script>`);
  fs.mkdirSync(path.dirname(outFile), { recursive: true });
  fs.writeFileSync(outFile, html);
  return parts.flatMap(({ inputs }) => inputs.map((file) => path.resolve(pageDirectory, file)));
}

// Bundles the page into one HTML file that needs no network: script and style inlined, each allowed by its hash alone.
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
  });
  return result.outputFiles[0].text.trim();
}

/** Writes the page to a file. The comment `<!--recording-->` in it is where a report puts its data. */
export async function bundlePage(outFile) {
  const [script, style] = await Promise.all([bundle('page.ts'), bundle('page.css')]);
  if (/<\/script/i.test(script) || /<\/style/i.test(style)) throw new Error('the bundle would end its own element');
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
}

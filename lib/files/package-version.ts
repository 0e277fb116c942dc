import * as fs from 'node:fs';
import * as path from 'node:path';

/** Returns the version of this package, as package.json has it; the relative path is the same from `lib/` and from `build/`. */
export function packageVersion(): string {
  const text = fs.readFileSync(path.join(__dirname, '../../package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

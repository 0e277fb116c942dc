// The smoke test in a real account: bundles bin/smoke/main.ts, which is no part of the package, and runs it in this process, so that Ctrl-C
// reaches it and it can delete what it deployed.
//   npm run smoke:aws -- --help
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { buildScript } from '../build.mjs';

export async function runSmoke(projectDirectory, args) {
  const outfile = path.join(projectDirectory, '.local', 'smoke', 'smoke.cjs');
  await buildScript('bin/smoke/main.ts', outfile);
  return createRequire(import.meta.url)(outfile).main(projectDirectory, args);
}

#!/usr/bin/env node
// The `tidegate` command: in a clone it first installs and builds what is missing, then runs the bundled command line.
import * as module from 'node:module';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as v8 from 'node:v8';
import { projectDirectory, setUp } from './setup.mjs';

// The engine of Node.js 20 optimizes a function after a few thousand calls. A command of a second does not earn that back: with four times
// as many, proving 256 branches takes a third less, and a rehearsal of two weeks no longer. Newer engines count in another way.
if (process.versions.v8.startsWith('11.')) v8.setFlagsFromString('--interrupt-budget=264000');

// Node.js 22 and newer keep the compiled code. Its default, a folder of everybody's, would let others write code that runs here.
const cacheDirectory = process.env.XDG_CACHE_HOME || homeCache();
if (cacheDirectory !== undefined) module.enableCompileCache?.(path.join(cacheDirectory, 'tidegate', 'compiled'));
await setUp();
process.env.TIDEGATE_PROJECT_DIRECTORY = projectDirectory;
await import(pathToFileURL(path.join(projectDirectory, 'dist', 'cli', 'tidegate.mjs')).href);

/** Cache of the user; undefined for one without a home, as in containers whose user is a number. */
function homeCache() {
  try {
    return path.join(os.homedir(), '.cache');
  } catch {
    return undefined;
  }
}

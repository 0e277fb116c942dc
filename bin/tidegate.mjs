#!/usr/bin/env node
// The `tidegate` command: in a clone it first installs and builds what is missing, then runs the bundled command line.
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { projectDirectory, setUp } from './setup.mjs';

await setUp();
process.env.TIDEGATE_PROJECT_DIRECTORY = projectDirectory;
createRequire(import.meta.url)(path.join(projectDirectory, 'dist', 'tidegate.cjs'));

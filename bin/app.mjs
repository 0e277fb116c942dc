#!/usr/bin/env node
// The CDK app, as cdk.json names it: in a clone it first installs and builds what is missing, then runs the bundled app.
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { projectDirectory, setUp } from './setup.mjs';

await setUp();
createRequire(import.meta.url)(path.join(projectDirectory, 'dist', 'app', 'index.cjs'));

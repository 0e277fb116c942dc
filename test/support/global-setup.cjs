const fs = require('node:fs');
const os = require('node:os');
const { pathToFileURL } = require('node:url');
const path = require('node:path');
const removeFolder = require('./global-teardown.cjs');

/** Bundles the handlers and the page once, so that tests that synthesise or serve them find what is in the sources. */
module.exports = async function globalSetup() {
  const { build } = await import(pathToFileURL(path.resolve(__dirname, '../../bin/build.mjs')).href);
  await build();
  process.env.TIDEGATE_SET_UP = '1'; // commands that tests start must not build again beside other tests
  // Node.js from 22.1 on keeps what it compiled: a synthesis in a process of its own takes two fifths less.
  process.env.NODE_COMPILE_CACHE ??= path.resolve(__dirname, '../../.local/compile-cache');
  // What tests and their processes leave behind, such as the assemblies of apps without a folder: removed after the last one.
  process.env.TMPDIR = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-tests-'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, endBy);
  if (process.env.TIDEGATE_TEST_LEG === 'real')
    process.env.TIDEGATE_PACKAGES ??= fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-packages-'));
};

/** Ends an interrupted run, of which Jest tears nothing down, by the same signal, without its folder. */
function endBy(signal) {
  try {
    removeFolder();
  } finally {
    process.kill(process.pid, signal);
  }
}

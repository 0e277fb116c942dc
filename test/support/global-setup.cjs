const { pathToFileURL } = require('node:url');
const path = require('node:path');

/** Bundles the handlers and the page once, so that tests that synthesise or serve them find what is in the sources. */
module.exports = async function globalSetup() {
  const { build } = await import(pathToFileURL(path.resolve(__dirname, '../../bin/build.mjs')).href);
  await build();
  process.env.TIDEGATE_SET_UP = '1'; // commands that tests start must not build again beside other tests
};

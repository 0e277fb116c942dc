const fs = require('node:fs');

/** Removes the packages that tests of this run made and shared; a folder that was given stays. */
module.exports = function globalTeardown() {
  const folder = process.env.TIDEGATE_PACKAGES;
  if (folder?.includes('tidegate-packages-')) fs.rmSync(folder, { recursive: true, force: true });
};

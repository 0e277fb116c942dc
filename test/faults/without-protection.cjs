// Transformer of Jest: @swc/jest on sources from which one protection is removed, in memory.
const { createHash } = require('node:crypto');
const path = require('node:path');
const swc = require('@swc/jest');

module.exports = {
  /** `rootDirectory`, the options of `@swc/jest` as `swc`, and `removals`: `{ file, find, replace }[]`. */
  createTransformer({ rootDirectory, swc: options, removals }) {
    const inner = swc.createTransformer(options);
    const without = (text, file) => {
      const name = path.relative(rootDirectory, file);
      return removals
        .filter((removal) => removal.file === name)
        .reduce((source, { find, replace }) => source.split(find).join(replace), text);
    };
    return {
      canInstrument: false,
      // Sources without a removal are the same in every project, and so is their transformed text.
      getCacheKey: (text, file) =>
        createHash('sha256')
          .update(JSON.stringify([options, swc.version, path.relative(rootDirectory, file)]))
          .update(without(text, file))
          .digest('hex')
          .slice(0, 32),
      process: (text, file, jestOptions) => inner.process(without(text, file), file, jestOptions),
    };
  },
};

const path = require('node:path');
const vm = require('node:vm');
const { default: Runtime } = require('jest-runtime');

/** Compiled modules of this process by file. Code only: each test file runs it anew, in a context of its own. */
const scripts = new Map();

/** Texts of the modules of packages, which do not change while the tests run. */
const packageSources = new Map();

/** What Node.js says of `import()` in a module that Jest runs without its flag for ES modules. */
function refuseImport() {
  throw new TypeError('import() needs node --experimental-vm-modules under Jest; use require');
}

/** Compiles a module; undefined when its syntax is wrong. */
function scriptOf(source, file, parameters) {
  const head = `(function (${parameters.join(', ')}) {`;
  try {
    // The offset leaves the columns of the first line where source maps have them.
    const options = { filename: file, columnOffset: -head.length, importModuleDynamically: refuseImport };
    return new vm.Script(`${head}${source}\n})`, options);
  } catch {
    return undefined;
  }
}

/**
 * Jest's modules, compiled once a process.
 *
 * Jest compiles every module again for every test file, and V8 then every function again: a third of the time of a file that loads the CDK
 * or the simulation. A script that is kept keeps what V8 compiled of it.
 */
module.exports = class extends Runtime {
  constructor(...args) {
    super(...args);
    const { executor } = this;
    const { transformCache } = executor;
    const transform = transformCache.transform.bind(transformCache);
    transformCache.transform = (file, options) => {
      if (!file.includes(`${path.sep}node_modules${path.sep}`)) return transform(file, options);
      const source = packageSources.get(file) ?? transform(file, options);
      packageSources.set(file, source);
      return source;
    };
    const compile = executor.compile.bind(executor);
    const parameters = executor.injectedModuleParameters;
    const ofModules = parameters.slice(0, parameters.length - executor.config.sandboxInjectedGlobals.length);
    executor.compile = (source, file) => {
      const context = executor.environment.getVmContext();
      // Jest's own way for modules of Node.js and for a torn-down context.
      if (context === null || executor.resolution.isCoreModule(file)) return compile(source, file);
      if (scripts.get(file)?.source !== source) {
        // A module may have an own constant of the name of an injected global: it gets none.
        const code = scriptOf(source, file, parameters) ?? scriptOf(source, file, ofModules);
        // Jest explains errors of syntax.
        if (code === undefined) return compile(source, file);
        scripts.set(file, { source, code });
      }
      return scripts.get(file).code.runInContext(context);
    };
  }
};

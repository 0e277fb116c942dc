// Setup of Jest for tests that are meant to fail: the first counterexample will do, a smaller one is not looked for.
require('fast-check').configureGlobal({ endOnFailure: true });

import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { InputError } from '../core/errors';

/** Part of the bundle that evaluates expressions; the relative path is the same from `lib/` and from `build/`. */
const BUNDLE = path.join(__dirname, '../../dist/expression/index.cjs');

interface ExpressionBundle {
  expressionProblem(expression: string): string | undefined;
}

/** Returns the problem of a JMESPath expression, as the handlers find it, with its place; undefined for a sound one. */
export function checkExpression(expression: string): string | undefined {
  if (!fs.existsSync(BUNDLE))
    throw new InputError('the bundle that checks expressions is missing; run `npm run build` to bundle the handlers');
  const bundle = createRequire(__filename)(BUNDLE) as ExpressionBundle;
  return bundle.expressionProblem(expression);
}

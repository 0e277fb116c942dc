import * as fs from 'node:fs';
import * as path from 'node:path';
import { FIRST_LABELS } from '../../lib/local/tour/learning/rows';
import { projectDirectory } from '../architecture/imports';
import { firstModel } from './first-model';

const FOLDER = path.join(projectDirectory, 'lib', 'platform', 'assets', 'first-classifier', 'classifier');

test('the first model of the learning tour is the nearest of one row of each label', () => {
  expect(fs.readFileSync(path.join(FOLDER, '1', 'model.onnx')).equals(firstModel())).toBe(true);
  expect(fs.readFileSync(path.join(FOLDER, 'labels.txt'), 'utf8').trim().split('\n')).toEqual([...FIRST_LABELS]);
});

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-edge-models-'));
process.once('exit', () => fs.rmSync(root, { recursive: true, force: true }));

/** Folder with files of a model that no runtime reads; removed with the process. */
export function modelFolder(files: { readonly [name: string]: string } = {}): string {
  const folder = fs.mkdtempSync(path.join(root, 'model-'));
  const all = {
    'model.onnx': 'weights',
    'labels.txt': 'a\nb\n',
    'report.json': JSON.stringify({ chosen: 'int8-static', models: { 'int8-static': { refusedFor: [] } } }),
    ...files,
  };
  for (const [name, content] of Object.entries(all)) {
    if (content !== '') fs.writeFileSync(path.join(folder, name), content);
  }
  return folder;
}

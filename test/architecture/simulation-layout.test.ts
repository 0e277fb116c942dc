import { readImports } from './imports';

/** Folders of lib/simulation from the ground up: a folder may import those before it. */
const FLOORS = ['aws', 'traffic', 'fleet', 'blueprint', 'report', 'rehearse', 'agree', 'compare', 'tune'];

const folderOf = (file: string): string | undefined => /^lib\/simulation\/([^/]+)\//.exec(file)?.[1];

describe('the folders of the simulation', () => {
  const arrows = readImports(['lib/simulation']).flatMap(({ from, to }) => {
    const [importing, imported] = [folderOf(from), folderOf(to)];
    return importing === undefined || imported === undefined || importing === imported
      ? []
      : [{ from, to, importing, imported }];
  });

  test('are all on a floor', () => {
    const folders = new Set(arrows.flatMap(({ importing, imported }) => [importing, imported]));
    expect([...folders].filter((folder) => !FLOORS.includes(folder))).toEqual([]);
  });

  test('import downwards only: the commands over the machines, compare and tune over rehearse', () => {
    const upwards = arrows.filter(({ importing, imported }) => FLOORS.indexOf(imported) > FLOORS.indexOf(importing));
    expect(upwards.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  test('keep the commands compare and tune apart', () => {
    expect(arrows.filter(({ importing, imported }) => importing === 'tune' && imported === 'compare')).toEqual([]);
  });
});

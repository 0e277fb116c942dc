import { obscureWordings } from './english';

const folders = (process.env.ENGLISH_OF ?? 'lib lambda bin').split(' ');

test.each(folders)('comments and messages of %s name the thing or the action, in words of the field', (folder) => {
  expect(obscureWordings(folder).map(({ file, line, text }) => `${file}:${line} ${text}`)).toEqual([]);
});

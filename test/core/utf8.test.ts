import * as fc from 'fast-check';
import { utf8Bytes } from '../../lib/core/utf8';

test('the size of a text is that of its encoding', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(utf8Bytes(text)).toBe(Buffer.byteLength(text));
    }),
  );
  for (const text of ['', 'a', 'é', '€', '😀', '\uD83D', '\uDE00x', '\u07FF\u0800\uFFFF']) {
    expect(utf8Bytes(text)).toBe(Buffer.byteLength(text));
  }
});

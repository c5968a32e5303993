import { expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';

test.each([
  ['the check value of the CRC catalogue', new TextEncoder().encode('123456789'), 0xe3069283],
  ['RFC 3720 B.4: 32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['RFC 3720 B.4: 32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['RFC 3720 B.4: 0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ['nothing', new Uint8Array(0), 0],
])('%s', (_, bytes, crc) => {
  expect(crc32c(bytes)).toBe(crc);
});

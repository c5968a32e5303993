import { heading, htmlTable } from '../../analysis/page.ts';
import type { Section } from '../section.ts';

export const hashes: Section = (run) => [
  heading('Hashes'),
  htmlTable(
    ['file', 'bytes', 'SHA-256'],
    run.hashes.map(({ file, bytes, sha256 }) => [file, String(bytes), sha256]),
  ),
];

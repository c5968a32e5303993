/** Tags of the first picture of a file. Source: TIFF 6.0 (Adobe, 1992), sections 2 and 19; BigTIFF has 8 bytes where it has 2 or 4. */
const [BITS_PER_SAMPLE, SAMPLE_FORMAT] = [258, 339];
/** Bytes of a value by its type: the whole numbers, which these tags are. */
const SIZES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4 };
const KINDS = ['', 'unsigned', 'signed', 'floating-point', 'untyped', 'complex signed', 'complex floating-point'];

/**
 * What the samples of a TIFF are, where they are no numbers of 8 or 16 bits from black to white: of others (measurements, heights,
 * radiances) the file does not say which value is white, so that any picture of them is a guess. Undefined where they are, and
 * where the bytes are damaged, which the decoder says.
 */
export function oddSamples(bytes: Uint8Array): string | undefined {
  try {
    const { bits, format } = samplesOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (format === 1 && bits <= 16) return undefined;
    // 4: untyped, which writers of plain pictures use too.
    if (format === 4 && bits <= 16) return undefined;
    return `${bits}-bit ${KINDS[format] ?? 'unknown'}`;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function samplesOf(view: DataView): { bits: number; format: number } {
  const little = view.getUint8(0) === 0x49;
  const big = view.getUint16(2, little) === 43;
  const long = (at: number) => (big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  const directory = long(big ? 8 : 4);
  const count = big ? long(directory) : view.getUint16(directory, little);
  const [first, step, place] = big ? [directory + 8, 20, 12] : [directory + 2, 12, 8];
  const found = { bits: 1, format: 1 };
  for (let i = 0; i < count; i++) {
    const at = first + i * step;
    const tag = view.getUint16(at, little);
    if (tag !== BITS_PER_SAMPLE && tag !== SAMPLE_FORMAT) continue;
    const size = SIZES[view.getUint16(at + 2, little)] ?? 2;
    // One value for each channel; few of them stand in the entry itself, more of them elsewhere.
    const from = size * long(at + 4) <= step - place ? at + place : long(at + place);
    const value =
      size === 1 ? view.getUint8(from) : size === 2 ? view.getUint16(from, little) : view.getUint32(from, little);
    if (tag === BITS_PER_SAMPLE) found.bits = value;
    else found.format = value;
  }
  return found;
}

/** Okabe and Ito's colours, which the colour-blind can tell apart. */
export const COLOURS = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#8a8a00',
  '#7f7f7f',
] as const;

type Rgb = readonly [number, number, number];

/** Dark blue over green to yellow: five stops of viridis, which print in grey and the colour-blind can read. */
const STOPS: readonly Rgb[] = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
];

/** The colour of a value from 0 to 1; what lies outside has the end's colour. */
export function viridis(value: number): Rgb {
  const at = Math.min(1, Math.max(0, value)) * (STOPS.length - 1);
  const low = Math.min(STOPS.length - 2, Math.floor(at));
  const mix = (channel: number) => {
    const [a, b] = [STOPS[low]![channel]!, STOPS[low + 1]![channel]!];
    return Math.round(a + (b - a) * (at - low));
  };
  return [mix(0), mix(1), mix(2)];
}

/** The places of a data set in words. */
export function showPlaces(places: string | readonly string[]): string {
  return typeof places === 'string' ? places : places.join(', ');
}

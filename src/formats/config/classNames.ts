import { listNames } from '../../graph/names.ts';

/**
 * Classes are matched by name, so each has its own: a name that stands twice gets its number from the second time on. ImageNet has two
 * cranes, a bird (134) and a machine (517). One rule, wherever names come from: files of weights, ONNX files, lists of the user.
 * @param notes told what was changed.
 */
export function distinctNames(labels: readonly string[], notes: string[]): string[] {
  const first = new Map<string, number>();
  labels.forEach((name, i) => void (first.has(name) || first.set(name, i)));
  const taken = new Set(labels);
  const names = labels.map((name, i) => {
    if (first.get(name) === i) return name;
    let own = `${name} (${i})`;
    while (taken.has(own)) own += '*';
    taken.add(own);
    return own;
  });
  const changed = names.filter((name, i) => name !== labels[i]);
  if (changed.length > 0) notes.push(`class names that stand twice have their number now: ${listNames(changed, 4)}`);
  return names;
}

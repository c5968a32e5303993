import { z } from 'zod';
import { largest } from '../graph/lists.ts';
import { UserError } from '../graph/errors.ts';
import type { Features } from '../models/index.ts';
import { VOTE_SUFFIXES } from './logitKd.ts';
import type { LabelNeed, LossContext, Method, Needs, Term, Terms } from './method.ts';

/** The settings of each member under its name. */
type Sections = Readonly<Record<string, unknown>>;

/** Terms of the label loss, which the members of a sum share. */
const SHARED = ['ce', 'bce'].flatMap((name) => VOTE_SUFFIXES.map((suffix) => `${name}${suffix}`));

/**
 * Methods trained together, `vitkd+nkd`: the sum of their losses. Its config has a section for each member; each member has
 * its own parameters under its name; a term is called `member.term`.
 * Our choice: the label loss, which each method alone brings along, counts once, with the largest of the members' weights.
 */
export function sumOf(members: readonly Method[]): Method {
  const parts = members.map(({ name }) => name);
  const name = parts.join('+');
  const twice = parts.find((part, i) => parts.indexOf(part) !== i);
  if (twice)
    throw new UserError(
      `method ${name}: ${twice} is there twice; wanted different methods. Weigh its terms in its config instead`,
    );
  const settings = (config: unknown, member: Method) => (config as Sections)[member.name];
  return {
    name,
    parts,
    summary: `together: ${members.map(({ summary }) => summary).join('; ')}`,
    config: z.strictObject(Object.fromEntries(members.map((member) => [member.name, member.config.prefault({})]))),
    multilabel: (config) => members.every((member) => member.multilabel?.(settings(config, member)) ?? false),
    needs: (config) => unionOf(members.map((member) => member.needs(settings(config, member)))),
    shapeStudent: (config, student, teacher) => {
      const shapeOf = (member: Method) => member.shapeStudent?.(settings(config, member), student, teacher) ?? {};
      return mergeShapes(
        name,
        members.map((member) => [member.name, shapeOf(member)]),
      );
    },
    loss: (context) => lossOf(name, members, context),
    ...stagesOf(name, members),
  };
}

/** A member's first stage is the sum's; what follows has no teacher and so none of the other members either. */
function stagesOf(name: string, members: readonly Method[]): Pick<Method, 'stages'> {
  const staged = members.find(({ stages }) => stages);
  if (!staged) return {};
  return {
    stages: (config) =>
      staged.stages!((config as Sections)[staged.name]).map((stage) => ({
        ...stage,
        method: stage.method === staged.name ? name : stage.method,
      })),
  };
}

function lossOf(name: string, members: readonly Method[], context: LossContext<unknown>): Terms {
  const sections = context.config as Sections;
  const terms = members.map((member): [string, Terms] => {
    const [student, config] = [studentFor(member, members, context.student, sections), sections[member.name]];
    return [member.name, context.scope.in(member.name, (scope) => member.loss({ ...context, scope, student, config }))];
  });
  checkSmoothing(name, terms, sections);
  return mergeTerms(terms);
}

const ORDER: readonly LabelNeed[] = ['none', 'any', 'integer'];

function unionOf(needs: readonly Needs[]): Needs {
  const union = (of: (need: Needs) => readonly Needs['student'][number][]) => [...new Set(needs.flatMap(of))];
  const labels = ORDER[largest(needs.map((need) => ORDER.indexOf(need.labels)))]!;
  return { student: union((need) => need.student), teacher: union((need) => need.teacher), labels };
}

function mergeShapes(
  sum: string,
  shapes: readonly (readonly [string, Readonly<Record<string, unknown>>])[],
): Record<string, unknown> {
  const merged = new Map<string, { readonly by: string; readonly value: unknown }>();
  for (const [by, shape] of shapes)
    for (const [key, value] of Object.entries(shape)) {
      const held = merged.get(key);
      const [was, is] = [JSON.stringify(held?.value), JSON.stringify(value)];
      if (held && was !== is)
        throw new UserError(
          `method ${sum}: ${held.by} wants student.${key} = ${was}, ${by} wants ${is}. Set both sections of the config alike`,
        );
      merged.set(key, { by, value });
    }
  return Object.fromEntries([...merged].map(([key, { value }]) => [key, value]));
}

/** What a member is not shown where it does not speak to a head and another one does: that head, and the patches' vote, are the other's. */
const LEFT = { distLogits: ['distLogits', 'patchVote'], patchDistLogits: ['patchVote'] } as const;

/** Where one member speaks to the distillation head or to its patches, the others and their label loss leave these to that member. */
function studentFor(member: Method, members: readonly Method[], student: Features, sections: Sections): Features {
  const hidden = (['distLogits', 'patchDistLogits'] as const).flatMap((head) => {
    const speaks = ({ name, needs }: Method) => needs(sections[name]).student.includes(head);
    return speaks(member) || !members.some(speaks) ? [] : LEFT[head];
  });
  const shown = Object.entries(student).filter(([name]) => !(hidden as string[]).includes(name));
  return Object.fromEntries(shown) as unknown as Features;
}

function mergeTerms(members: readonly (readonly [string, Terms])[]): Terms {
  const merged: Record<string, Term> = {};
  for (const name of SHARED) {
    const held = members.flatMap(([, terms]) => terms[name] ?? []);
    const largest = held.reduce<Term | undefined>(
      (best, term) => (best && best.weight >= term.weight ? best : term),
      undefined,
    );
    if (largest) merged[name] = largest;
  }
  for (const [member, terms] of members)
    for (const [name, term] of Object.entries(terms)) if (!SHARED.includes(name)) merged[`${member}.${name}`] = term;
  return merged;
}

/** One label loss can only be smoothed in one way. */
function checkSmoothing(sum: string, members: readonly (readonly [string, Terms])[], sections: Sections): void {
  const kind = members.some(([, terms]) => 'ce' in terms) ? 'ce' : 'bce';
  const used = members
    .filter(([, terms]) => kind in terms)
    .map(([name]) => [name, (sections[name] as { labelSmoothing?: number }).labelSmoothing] as const);
  const other = used.find(([, smoothing]) => smoothing !== used[0]![1]);
  if (other)
    throw new UserError(
      `method ${sum}: the label loss counts once, but ${used[0]![0]}.labelSmoothing is ${used[0]![1]} and ${other[0]}.labelSmoothing is ${other[1]}. Set both alike, or leave one's label loss out (labelWeight 0)`,
    );
}

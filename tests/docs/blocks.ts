/** A fenced block of a Markdown text. */
export interface Block {
  readonly language: string;
  readonly code: string;
  /** Line of the first fence, from 1. */
  readonly line: number;
}

export function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map((match) => ({
    language: match[1]!,
    code: match[2]!,
    line: markdown.slice(0, match.index).split('\n').length,
  }));
}

/** JavaScript that asks a server for its files, so that it is for a page. */
export const forBrowsers = ({ language, code }: Block): boolean => language === 'js' && /\bfetch\(/.test(code);

/** The commands of this program that a block types, each a list of words as a shell splits them. */
export function commandsOf({ language, code }: Block): string[][] {
  if (language !== '') return [];
  const lines = code.replaceAll('\\\n', ' ').split('\n');
  return lines.flatMap((line) => {
    const typed = /^(?:\$ )?(?:npx )?(?:mpirun -np \d+ |srun )?understudy ([^\n]+)$/.exec(line.trim());
    return typed ? [wordsOf(typed[1]!)] : [];
  });
}

/** Words and quotes of a shell; what stands behind # is a comment. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)) {
    if (word.startsWith('#')) break;
    words.push(word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
  }
  return words;
}

import type { DoctorAnswer } from '../../src/studio/answers.ts';
import { Notice } from '../ui/basics.tsx';

const KINDS = { ok: 'good', note: 'info', warning: 'warn', error: 'bad' } as const;
const WORDS = {
  ok: 'As it should be',
  note: 'To know',
  warning: 'Would go, but worse',
  error: 'Would not go',
} as const;

/** The worst first; what is as it should be in one line each. */
export function Findings({ answer: { findings } }: { readonly answer: DoctorAnswer }) {
  const levels = ['error', 'warning', 'note'] as const;
  const fine = findings.filter(({ level }) => level === 'ok');
  return (
    <div class="stack tight">
      {levels.flatMap((level) =>
        findings
          .filter((finding) => finding.level === level)
          .map(({ about, text, remedy }) => (
            <Notice key={`${about}${text}`} kind={KINDS[level]} title={`${about} · ${WORDS[level]}`}>
              <div>{text}</div>
              {remedy && <div class="soft">What to do: {remedy}</div>}
            </Notice>
          )),
      )}
      {fine.length > 0 && (
        <details>
          <summary>{fine.length} things are as they should be</summary>
          <ul>
            {fine.map(({ about, text }) => (
              <li key={`${about}${text}`}>
                <strong>{about}</strong>: {text}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

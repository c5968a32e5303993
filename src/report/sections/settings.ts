import { heading, htmlTable } from '../../analysis/page.ts';
import { escapeText } from '../../analysis/svg.ts';
import type { Section } from '../section.ts';

export const settings: Section = ({ details, configText }) => {
  const choices = details?.setup.choices ?? [];
  const rows = choices.map(({ key, value, reason }) => [key, String(value), reason]);
  return [
    heading('Settings'),
    ...(rows.length > 0 ? [htmlTable(['chosen from the data', 'value', 'reason'], rows)] : []),
    `<pre>${escapeText(configText)}</pre>`,
  ];
};

import { heading, note } from '../../analysis/page.ts';
import { escapeText } from '../../analysis/svg.ts';
import { showAddress } from '../../data/address.ts';
import type { DifferingImage } from '../details.ts';
import { ofOneClass } from '../section.ts';

/** The images on which the two differ most, or on which the student is wrong and sure of it. */
export const images = ofOneClass(({ differing }, { thumbnails }) =>
  differing.length > 0
    ? [
        heading(differing[0]!.teacher ? 'Images on which they differ most' : 'Surest mistakes'),
        `<div class="cards">${differing.map((one) => card(one, thumbnails.get(one.path))).join('\n')}</div>`,
      ]
    : [],
);

function card({ path, label, student, teacher, kl }: DifferingImage, image: string | undefined): string {
  const picture = image === undefined ? note('the image cannot be read any more') : `<img alt="" src="${image}">`;
  const said = (who: string, answer: { class: string; probability: number }) =>
    `${who}: ${answer.class} (${(100 * answer.probability).toFixed(0)} %)`;
  const lines = [
    ...(label === null ? [] : [`label: ${label}`]),
    said('student', student),
    ...(teacher ? [said('teacher', teacher)] : []),
    ...(kl === null ? [] : [`KL ${kl.toFixed(2)} nats`]),
    showAddress(path),
  ];
  return `<div class="card">${picture}${lines.map((words) => `<p>${escapeText(words)}</p>`).join('')}</div>`;
}

import { heading, note } from '../../analysis/page.ts';
import { confidenceSvg, reliabilitySvg } from '../pictures.ts';
import { ofOneClass } from '../section.ts';

export const calibration = ofOneClass(({ calibration }) =>
  calibration
    ? [
        heading('Calibration'),
        `<div class="cards">${reliabilitySvg([
          { name: 'student', reliability: calibration.student },
          ...(calibration.teacher ? [{ name: 'teacher', reliability: calibration.teacher }] : []),
        ])}${confidenceSvg(calibration.student)}</div>`,
        note('15 equal bins of the probability of the decision (arXiv 1706.04599); empty bins are left out.'),
      ]
    : [],
);

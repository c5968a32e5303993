import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Pictures } from '../data/pictures.ts';
import { Library } from '../library/library.ts';
import { idOf } from '../library/scan.ts';
import { Judged } from './judged.ts';
import { RunPictures } from './runPictures.ts';
import { evaluationRoutes } from './routes.ts';

const HEAD = 'image,class,prediction,probability,teacher,teacher_probability';
const CSV = `${HEAD}
photos/0.png,cat,cat,0.9,cat,0.8
photos/1.png,cat,dog,0.6,dog,0.7
photos/2.png,dog,cat,0.95,dog,0.55
photos/3.png,dog,cat,0.99,cat,0.9
photos/4.png,dog,,,dog,0.9
photos/5.png,,dog,0.5,cat,0.4
`;

describe('what a run said of each picture', () => {
  const judged = new Judged(CSV);

  it('is counted together', () => {
    const { classes, images, confusion, scores, counts, calibration, ...rest } = judged.together();
    expect([classes, images, rest]).toEqual([['cat', 'dog'], 6, { labelled: true, teacher: true }]);
    expect(confusion).toEqual([
      [0, 0, 1],
      [0, 1, 1],
      [1, 0, 2],
    ]);
    expect(scores.map(({ recall }) => recall)).toEqual([0.5, 0]);
    expect(counts).toEqual({ wrong: 3, differ: 2, labels: 2 });
    // Each of four answers is in a bin of its own but 0.95 and 0.99: (|0.9-1| + |0.6-0| + 0.95 + 0.99) / 4.
    expect(calibration!.student.ece).toBeCloseTo((0.1 + 0.6 + 1.94) / 4, 6);
    // Of the teacher: cat 0.8 right, dog 0.7 wrong, dog 0.55 right, cat 0.9 wrong beside dog 0.9 right.
    expect(calibration!.teacher!.ece).toBeCloseTo((0.2 + 0.7 + 0.45 + Math.abs(1.8 - 1)) / 5, 6);
  });

  it('is listed by kind, class and prediction, the surest first', () => {
    // Sums of both: 1: 1.3, 2: 1.5, 3: 1.89, 5: 0.9.
    expect(judged.find({ kind: 'wrong' })).toEqual([3, 2, 1]);
    expect(judged.find({ kind: 'differ' })).toEqual([2, 5]);
    expect(judged.find({ kind: 'labels' })).toEqual([3, 1]);
    expect(judged.find({ class: 1, prediction: 0 })).toEqual([3, 2]);
    expect(judged.find({ class: 1 })).toEqual([3, 2, 4]);
    const none = { label: 1, prediction: -1, probability: null, teacher: 1 };
    expect(judged.row(4)).toMatchObject({ i: 4, name: 'photos/4.png', ...none });
  });

  it('is read without a teacher too, as older runs wrote it', () => {
    const older = new Judged('image,class,prediction,probability\na.png,x,y,0.7\nb.png,x,x,0.6\nc.png,x,y,0.5\n');
    expect(older.together()).toMatchObject({ teacher: false, counts: { wrong: 2, differ: 0, labels: 1 } });
    expect(older.row(0)).toMatchObject({ label: 0, prediction: 1, teacher: -1, teacherProbability: null });
  });
});

describe('routes', () => {
  let dir: string;
  let app: ReturnType<typeof evaluationRoutes>;
  const [id, odd] = [idOf('run', 'work/runs/a'), idOf('run', 'work/runs/b')];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'studio-evaluation-'));
    for (const name of ['a', 'b']) {
      await mkdir(join(dir, 'work/runs', name, 'checkpoints'), { recursive: true });
      await writeFile(join(dir, 'work/runs', name, 'config.yaml'), 'method: kd\n');
    }
    await mkdir(join(dir, 'work/photos'));
    const red = sharp({ create: { width: 9, height: 7, channels: 3, background: '#f00' } });
    await red.png().toFile(join(dir, 'work/photos/0.png'));
    await writeFile(
      join(dir, 'work/runs/a/predictions.csv'),
      `${CSV}../../../../../etc/passwd,cat,dog,1,cat,1\n/etc/hostname,,,,,\n`,
    );
    await symlink('/etc/passwd', join(dir, 'work/runs/b/predictions.csv'));
    app = evaluationRoutes(new Pictures(dir), new RunPictures(new Library(dir)));
    app.onError((error, context) => context.json({ error: error.message }, error.name === 'NotThere' ? 404 : 400));
  });
  afterAll(() => rm(dir, { recursive: true }));

  it('show pictures of a run that was started below the folder of the studio', async () => {
    const shown = await app.request(`/${id}/pictures/0`);
    expect([shown.status, shown.headers.get('content-type')]).toEqual([200, 'image/webp']);
    expect((await sharp(Buffer.from(await shown.arrayBuffer())).metadata()).width).toBe(9);
    const found = await app.request(`/${id}/pictures?kind=wrong&count=1`);
    expect(await found.json()).toMatchObject({ total: 4, rows: [{ i: 6 }] });
  });

  it('show nothing of elsewhere', async () => {
    for (const i of ['6', '7', '99', '-1', '0.5', '..%2F..'])
      expect([i, (await app.request(`/${id}/pictures/${i}`)).status]).toEqual([i, 404]);
    expect(await (await app.request(`/${odd}/evaluation`)).json()).toEqual({ evaluation: null });
    expect((await app.request(`/${odd}/pictures`)).status).toBe(404);
    expect((await app.request(`/${id}/pictures?kind=constructor`)).status).toBe(400);
    expect((await app.request(`/${id}/pictures?class=7`)).status).toBe(400);
  });
});

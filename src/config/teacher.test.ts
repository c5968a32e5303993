import { describe, expect, it } from 'vitest';
import { parseConfig, setOverride } from './parse.ts';
import { runSchema } from './schema.ts';
import { overlay } from './settings.ts';

describe('the section teacher', () => {
  const parsed = (teacher: unknown) =>
    parseConfig(runSchema, { data: { dir: '.' }, student: { name: 'x' }, teacher }, 'config').teacher;

  it('may be a reference alone', () => {
    expect(parsed('runs/t')).toEqual(parsed({ ref: 'runs/t' }));
    expect(parsed('runs/t')).toMatchObject({
      ref: 'runs/t',
      precision: 'auto',
      features: {},
      store: { use: 'auto', dir: null },
    });
    expect(parsed(null)).toBeNull();
    expect(parsed(undefined)).toBeNull();
  });

  it('takes single settings before and after the reference', () => {
    for (const sets of [
      ['teacher=runs/t', 'teacher.precision=int8'],
      ['teacher.precision=int8', 'teacher=runs/t'],
      ['teacher.precision=int8', 'teacher.ref=runs/t'],
    ]) {
      const target: Record<string, unknown> = {};
      for (const set of sets) setOverride(target, set);
      expect(target).toEqual({ teacher: { ref: 'runs/t', precision: 'int8' } });
    }
    expect(overlay({ teacher: 'a' }, { teacher: { precision: 'int8' } })).toEqual({
      teacher: { ref: 'a', precision: 'int8' },
    });
    expect(overlay({ teacher: { ref: 'a', precision: 'int8' } }, { teacher: 'b' })).toEqual({
      teacher: { ref: 'b', precision: 'int8' },
    });
    expect(overlay({ teacher: { ref: 'a' } }, { teacher: null })).toEqual({ teacher: null });
  });

  it('names near keys', () => {
    expect(() => parsed({ ref: 'a', precison: 'int8' })).toThrow(
      /unknown key teacher\.precison\. Did you mean teacher\.precision\?/,
    );
    expect(() => parsed({ precision: 'int8' })).toThrow(/teacher\.ref/);
    expect(() => parsed({ ref: 'a', precision: 'int4' })).toThrow(/teacher\.precision/);
  });
});

import { describe, expect, it } from 'vitest';
import {
  afterGradients,
  afterStep,
  type BalanceRule,
  type BalanceState,
  beginBalance,
  famoGradient,
  improvements,
  softmax,
} from './rules.ts';

const rule: BalanceRule = {
  rule: 'closed',
  logLoss: true,
  floor: 1e-3,
  minLoss: {},
  normalise: 'sum',
  smooth: 0.9,
  shareMin: 0,
  lr: 0.025,
  decay: 0.01,
};
const begun = (more: Partial<BalanceRule> = {}): BalanceState => beginBalance({ a: 1, b: 1 }, { ...rule, ...more });

describe('the beginning', () => {
  it('is where the weights of the methods are; "auto" counts as 1', () => {
    expect(beginBalance({ a: 1, b: 3 }, rule).shares).toEqual({
      a: expect.closeTo(0.25, 12),
      b: expect.closeTo(0.75, 12),
    });
    expect(beginBalance({ a: Number.NaN, b: 1 }, rule).shares).toEqual({ a: 0.5, b: 0.5 });
  });
});

describe('the closed rule', () => {
  // Raw gradients [2,0] and [0,3] of losses 2 and 1: those of the logarithms are as long as 1 and 3.
  const gram = [
    [4, 0],
    [0, 9],
  ];

  it('compares the gradients of logarithms, and of the losses themselves without them', () => {
    expect(afterGradients(begun(), gram, { a: 2, b: 1 }, rule).shares).toEqual({ a: 0.9, b: expect.closeTo(0.1, 12) });
    const raw = { ...rule, logLoss: false };
    expect(afterGradients(begun(), gram, { a: 2, b: 1 }, raw).shares.a).toBeCloseTo(9 / 13, 12);
  });

  it('a loss seven times as large has the same share; without logarithms it has another', () => {
    const scaled = [
      [4 * 49, 0],
      [0, 9],
    ];
    const share = (of: typeof gram, a: number, logLoss: boolean) =>
      afterGradients(begun(), of, { a, b: 1 }, { ...rule, logLoss }).shares.a!;
    expect(share(scaled, 14, true)).toBeCloseTo(share(gram, 2, true), 12);
    expect(Math.abs(share(scaled, 14, false) - share(gram, 2, false))).toBeGreaterThan(0.3);
  });

  it('counts a loss from its lower bound, and as no less than the floor', () => {
    const bound = { ...rule, minLoss: { a: 1 } };
    expect(afterGradients(begun(), gram, { a: 2, b: 1 }, bound).shares.a).toBeCloseTo(9 / 13, 12);
    const none = afterGradients(begun(), gram, { a: 0, b: 1 }, { ...rule, floor: 1 });
    expect(none.shares.a).toBeCloseTo(9 / 13, 12);
  });

  it('starts with the first measurement, then follows slowly', () => {
    const first = afterGradients(begun(), gram, { a: 2, b: 1 }, rule);
    const turned = afterGradients(
      first,
      [
        [9, 0],
        [0, 1],
      ],
      { a: 1, b: 1 },
      rule,
    );
    expect(turned.shares.a).toBeCloseTo(0.9 * 0.9 + 0.1 * 0.1, 12);
    expect(turned.measured).toBe(2);
  });

  it('with gradients that stay, measured often or seldom, the shares are the same', () => {
    let state = begun();
    for (let i = 0; i < 20; i++) state = afterGradients(state, gram, { a: 2, b: 1 }, rule);
    const once = afterGradients(begun(), gram, { a: 2, b: 1 }, rule);
    expect(state.shares.a).toBeCloseTo(once.shares.a!, 12);
  });

  it('counts what told nothing, and keeps the least share', () => {
    const parallel = [
      [1, 3],
      [3, 9],
    ];
    const kept = { ...rule, shareMin: 0.1 };
    const clamped = afterGradients(begun(), parallel, { a: 1, b: 1 }, kept);
    expect([clamped.shares.a, clamped.shares.b]).toEqual([0.9, 0.1].map((x) => expect.closeTo(x, 12)));
    const nothing = afterGradients(
      clamped,
      [
        [Number.NaN, 0],
        [0, 1],
      ],
      { a: 1, b: 1 },
      kept,
    );
    expect([nothing.clamped, nothing.degenerate, nothing.measured]).toEqual([1, 1, 2]);
  });
});

describe('the amortised rule', () => {
  const logits = { a: 0.3, b: -0.2, c: 0.7 };
  const deltas = { a: 0.02, b: 0.11, c: -0.05 };

  it("has the slope of the shares' mean improvement", () => {
    const at = (w: Record<string, number>) =>
      Object.entries(softmax(w)).reduce((sum, [name, share]) => sum + share * deltas[name as 'a']!, 0);
    const found = famoGradient(logits, deltas);
    for (const name of ['a', 'b', 'c'] as const) {
      const moved = (by: number) => at({ ...logits, [name]: logits[name] + by });
      expect((moved(1e-6) - moved(-1e-6)) / 2e-6).toBeCloseTo(found[name]!, 9);
    }
  });

  it('measures what fell in the logarithm, above the lower bound and the floor', () => {
    const bounded = { ...rule, minLoss: { a: 1 } };
    const found = improvements({ a: 3, b: 1e-6 }, { a: 2, b: 1e-9 }, bounded);
    expect(found.a).toBeCloseTo(Math.log(2), 12);
    expect(found.b).toBe(0);
    expect(improvements({ a: 3, b: 1 }, { a: 2, b: 1 }, { ...rule, logLoss: false })).toEqual({ a: 1, b: 0 });
  });

  it('takes weight from the loss that falls faster, by one step of Adam of the learning rate', () => {
    const state = afterStep(begun(), { a: 1, b: 1 }, { a: 0.5, b: 1 }, { ...rule, decay: 0 });
    expect(state.logits).toEqual({ a: expect.closeTo(-0.025, 6), b: expect.closeTo(0.025, 6) });
    expect(state.shares.a).toBeLessThan(0.5);
  });

  it('leaves the shares where all fall alike, but for the decay', () => {
    const state = beginBalance({ a: 1, b: 3 }, rule);
    const still = afterStep(state, { a: 4, b: 2 }, { a: 2, b: 1 }, { ...rule, decay: 0 });
    expect(still.logits.b).toBeCloseTo(Math.log(3), 6);
    expect(afterStep(state, { a: 4, b: 2 }, { a: 2, b: 1 }, rule).logits.b).toBeLessThan(Math.log(3) - 0.02);
  });

  it("is torch's Adam with the decay in the gradient, step by step", () => {
    // w = torch.zeros(2, dtype=torch.float64, requires_grad=True); opt = torch.optim.Adam([w], lr=.025, weight_decay=.01)
    // for d in ([.5, .1], [-.2, .3], [.1, .4]): w.grad = torch.autograd.grad(
    //   (torch.softmax(w, 0) * torch.tensor(d, dtype=torch.float64)).sum(), w)[0]; opt.step()
    let state = begun();
    for (const [a, b] of [
      [0.5, 0.1],
      [-0.2, 0.3],
      [0.1, 0.4],
    ] as const)
      state = afterStep(state, { a: Math.exp(a), b: Math.exp(b) }, { a: 1, b: 1 }, rule);
    expect([state.logits.a, state.logits.b]).toEqual(
      [-0.011269037846347054, 0.011269037846347047].map((x) => expect.closeTo(x, 9)),
    );
  });
});

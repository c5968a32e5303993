"""Writes logistic.json: multinomial logistic regressions with an L2 penalty on the weights alone, by Newton's method in NumPy (float64), written from the definition and not from the TypeScript."""
import json
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def case(seed, n, D, K, lam):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, K, n)
    x = np.float32(rng.normal(size=(n, D)) * np.linspace(0.5, 3, D) + 2 + 0.8 * rng.normal(size=(K, D))[y]).astype(float)
    m = x.mean(0)
    size = np.sqrt(((x - m) ** 2).mean())
    z = np.concatenate([(x - m) / size, np.ones((n, 1))], 1)  # the bias is the last column
    onehot = np.eye(K)[y]
    theta = np.zeros((K, D + 1))
    penalty = np.diag(np.r_[np.full(D, lam), 0.0])
    for _ in range(60):
        s = z @ theta.T
        p = np.exp(s - s.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        g = (p - onehot).T @ z / n + theta @ penalty
        H = np.zeros((K, D + 1, K, D + 1))
        for a in range(K):
            for b in range(K):
                w = p[:, a] * ((a == b) - p[:, b]) / n
                H[a, :, b, :] = (z * w[:, None]).T @ z + (penalty if a == b else 0)
        H = H.reshape(K * (D + 1), -1)
        # Biases may all be shifted alike: the shift is held at 0.
        shift = np.tile(np.r_[np.zeros(D), 1.0], K)
        theta = theta - np.linalg.solve(H + np.outer(shift, shift), g.ravel()).reshape(K, D + 1)
    assert np.abs(g).max() < 1e-12
    weight = theta[:, :D] / size
    bias = theta[:, D] - weight @ m
    return dict(width=D, classes=K, lam=lam, data=x.ravel().tolist(), labels=y.tolist(), weight=weight.ravel().tolist(), logits=(x @ weight.T + bias).ravel().tolist())


if __name__ == "__main__":
    with open(os.path.join(HERE, "logistic.json"), "w") as f:
        json.dump([case(1, 40, 3, 3, 1e-2), case(2, 30, 2, 2, 1.0), case(3, 50, 4, 5, 1e-3)], f)

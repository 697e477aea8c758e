"""PyTorch, eager, with the fused optimizers. `makers` takes what functions are passed through."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

import torch
from peers.graph import Call, for_worker, numbers
from torch.func import grad, jacrev
from torch.nn.functional import conv2d, cross_entropy, linear, max_pool2d

torch.set_num_threads(len(os.sched_getaffinity(0)))

Way = Callable[[Callable[..., Any]], Callable[..., Any]]


def versions() -> dict[str, str]:
    """What is measured."""
    return {"torch": torch.__version__}


def warm() -> None:
    """One addition."""
    torch.tensor(1.0) + 1.0


def _repeat(f: Callable[..., Any], *inputs: torch.Tensor) -> Call:
    def call(n: int) -> Any:
        with torch.no_grad():
            for _ in range(n):
                result = f(*inputs)
        return result

    return call


def _train(step: Callable[..., Any], batches: Any, prepare: Callable[..., Any]) -> Call:
    xs = [prepare(torch.from_numpy(array)) for array in batches[0]]
    ys = [torch.from_numpy(array).long() for array in batches[1]]
    pairs = zip(cycle(xs), cycle(ys), strict=False)

    def call(n: int) -> Any:
        for x, y in islice(pairs, n):
            loss = step(x, y)
        return loss.detach()

    return call


def scalar(way: Way) -> Call:
    f = way(lambda a, b: a + b * a)
    a, b = torch.tensor(1.5), torch.tensor(2.5)

    def call(n: int) -> Any:
        for _ in range(n):
            result = f(a, b)
        return result

    return call


def _million() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(numbers.MILLION_X), torch.from_numpy(numbers.MILLION_Y)


def twenty_cheap(way: Way) -> Call:
    def f(x: Any, y: Any) -> Any:
        z = x * y + x
        z = torch.maximum(z, y) - 0.5
        z = torch.abs(z) * 0.7 + x
        z = torch.clamp(z, max=2.0) * y - x
        z = torch.clamp(z, min=-2.0) + z * x
        z = torch.square(z) * 0.1 - y
        z = torch.negative(z) + x
        return z * x - y

    return _repeat(way(f), *_million())


def twenty_mixed(way: Way) -> Call:
    def f(x: Any, y: Any) -> Any:
        z = torch.abs(x * y) + 1.0
        z = torch.sqrt(z) / (z + 0.5)
        z = torch.tanh(z * x) + y
        z = torch.maximum(z, x) - 0.5
        z = torch.sigmoid(z)
        z = torch.log(z) * y
        z = torch.exp(torch.negative(torch.square(z))) * x
        return torch.minimum(z, y) - x

    return _repeat(way(f), *_million())


def line(way: Way) -> Call:
    w, b = torch.zeros(1, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    x, y = torch.from_numpy(numbers.LINE_X), torch.from_numpy(numbers.LINE_Y)
    loss = way(lambda x, y: (x @ w + b - y).square().mean())
    optimizer = torch.optim.SGD([w, b], lr=numbers.LINE_RATE, fused=True)

    def call(n: int) -> Any:
        with torch.no_grad():
            w.zero_()
            b.zero_()
        for _ in range(n):
            optimizer.zero_grad()
            loss(x, y).backward()
            optimizer.step()
        return (w * 10.0 + b).detach()

    return call


def _stepper(loss: Callable[..., Any], optimizer: torch.optim.Optimizer) -> Callable[..., Any]:
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        value = loss(x, y)
        value.backward()
        optimizer.step()
        return value

    return step


def mlp(way: Way, batch: int) -> Call:
    w1, b1, w2, b2 = weights = [
        torch.from_numpy(array.T.copy()).requires_grad_() for array in numbers.MLP
    ]
    loss = way(lambda x, y: cross_entropy(linear(linear(x, w1, b1).relu(), w2, b2), y))
    optimizer = torch.optim.Adam(
        weights, numbers.RATE, (numbers.BETA_1, numbers.BETA_2), numbers.EPSILON, fused=True
    )
    return _train(_stepper(loss, optimizer), numbers.mlp_batches(batch), lambda x: x)


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    """Channels second in the shape and last in memory, which is torch's faster layout."""
    return x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _cnn_weights() -> list[torch.Tensor]:
    w1, b1, w2, b2, w3, b3 = (torch.from_numpy(array.copy()) for array in numbers.CNN)
    last = torch.channels_last
    w1, w2 = (w.permute(3, 2, 0, 1).contiguous(memory_format=last) for w in (w1, w2))
    return [w.requires_grad_() for w in (w1, b1, w2, b2, w3.T.contiguous(), b3)]


def _cnn(weights: Any, x: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = weights
    h = max_pool2d(conv2d(x, w1, b1).relu(), 2)
    h = max_pool2d(conv2d(h, w2, b2).relu(), 2)
    return linear(h.permute(0, 2, 3, 1).reshape(-1, 1600), w3, b3)


def cnn_step(way: Way) -> Call:
    weights = _cnn_weights()
    loss = way(lambda x, y: cross_entropy(_cnn(weights, x), y))
    optimizer = torch.optim.SGD(weights, lr=numbers.CNN_RATE, fused=True)
    return _train(_stepper(loss, optimizer), numbers.cnn_batches(), _channels_last)


def cnn_forward(way: Way) -> Call:
    weights = _cnn_weights()
    x = _channels_last(torch.from_numpy(numbers.cnn_batches()[0][0]))
    return _repeat(way(lambda x: _cnn(weights, x)), x)


def second_gradient(way: Way) -> Call:
    first = grad(lambda x: (torch.tanh(x) * x * x).sum())
    second = way(grad(lambda x: first(x).square().sum()))
    return _repeat(second, torch.from_numpy(numbers.THOUSAND))


def jacobian(way: Way) -> Call:
    inputs = (torch.from_numpy(a) for a in (numbers.X_JAC, numbers.W_JAC, numbers.B_JAC))
    return _repeat(way(jacrev(lambda x, w, b: torch.tanh(x @ w + b))), *inputs)


def makers(way: Way) -> dict[str, Callable[[], Call]]:
    """Every workload, its functions passed through `way`: unchanged, or torch.compile."""
    plain = (
        scalar, twenty_cheap, twenty_mixed, line, cnn_step, cnn_forward, second_gradient, jacobian,
    )  # fmt: skip
    return {f.__name__: lambda f=f: f(way) for f in plain} | {
        f"mlp_{batch}": lambda batch=batch: mlp(way, batch) for batch in (32, 256)
    }


MAKERS = makers(lambda f: f)
WORKLOADS = for_worker(MAKERS)

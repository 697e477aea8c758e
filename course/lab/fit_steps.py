"""FitSteps: what `fit` does, stage by stage, on points few enough to see all of them.

Every number is computed beforehand by the engine, with a tape, as in chapter 08; the browser only
walks through the record. The real loop is in `engine/keras/trainer/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import traitlets

import engine as tf
from course.lab.base import LabWidget, asset, module


def record_fit(
    x: np.ndarray,
    y: np.ndarray,
    *,
    batch_size: int,
    epochs: int,
    start: tuple[float, float],
    learning_rate: float,
    seed: int,
) -> list[dict[str, Any]]:
    """Train w*x + b on columns x and y, and note every epoch: its order and its updates.

    Returns one dict an epoch: "order" (row numbers), "loss" (the mean over its rows, as History
    has it) and "updates", each with rows, predicted, loss, dw, db and the new w and b.
    """
    w, b = tf.Variable([[start[0]]]), tf.Variable([start[1]])
    order = np.random.default_rng(seed)
    noted = []
    for _ in range(epochs):
        rows = order.permutation(len(x))
        updates = []
        for batch in np.split(rows, range(batch_size, len(rows), batch_size)):
            with tf.GradientTape() as tape:
                predicted = tf.matmul(x[batch], w) + b
                loss = tf.reduce_mean(tf.square(predicted - y[batch]))
            dw, db = tape.gradient(loss, [w, b])
            w.assign_sub(learning_rate * dw)
            b.assign_sub(learning_rate * db)
            updates.append(
                {
                    "rows": batch.tolist(),
                    "predicted": predicted.numpy()[:, 0].tolist(),
                    "loss": loss.numpy().item(),
                    "dw": dw.numpy().item(),
                    "db": db.numpy().item(),
                    "w": w.numpy().item(),
                    "b": b.numpy().item(),
                }
            )
        loss = sum(one["loss"] * len(one["rows"]) for one in updates) / len(rows)
        noted.append({"order": rows.tolist(), "loss": loss, "updates": updates})
    return noted


class FitSteps(LabWidget):
    """The loop of `fit` to step through: `FitSteps()`. Next and Back move by one stage.

    Arguments:
        x, y: the points; by default six of y = 2x - 1.
        batch_sizes: those to choose from; the walk starts with the one in `batch_size`.
        w, b: where the weights start.
        epochs: how many are walked through.
    """

    _esm = module("fit_steps.js")
    _css = asset("lab.css") + asset("fit_steps.css")
    xs: traitlets.List = traitlets.List().tag(sync=True)
    ys: traitlets.List = traitlets.List().tag(sync=True)
    w = traitlets.Float().tag(sync=True)
    b = traitlets.Float().tag(sync=True)
    batch_size = traitlets.Int().tag(sync=True)
    records: traitlets.Dict = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        x: Sequence[float] = (-1, 0, 1, 2, 3, 4),
        y: Sequence[float] = (-3, -1, 1, 3, 5, 7),
        *,
        batch_sizes: Sequence[int] = (6, 4, 3, 2, 1),
        batch_size: int = 2,
        w: float = 0.5,
        b: float = 0.0,
        learning_rate: float = 0.01,
        epochs: int = 2,
        seed: int = 0,
    ) -> None:
        if batch_size not in batch_sizes:
            raise ValueError(f"batch_size is one of {tuple(batch_sizes)}; got {batch_size}")
        columns = [np.array(values, np.float32)[:, None] for values in (x, y)]
        super().__init__(
            xs=[float(value) for value in x],
            ys=[float(value) for value in y],
            w=w,
            b=b,
            batch_size=batch_size,
            records={
                str(size): record_fit(
                    *columns,
                    batch_size=size,
                    epochs=epochs,
                    start=(w, b),
                    learning_rate=learning_rate,
                    seed=seed,
                )
                for size in batch_sizes
            },
        )

    def _static(self) -> dict[str, str]:
        epoch = self.records[str(self.batch_size)][0]
        title = (
            f"fit, first epoch of {len(self.xs)} samples, batch size {self.batch_size}: "
            f"updates {len(epoch['updates'])}"
        )
        head = ("x in the batch", "loss", "dloss/dw", "dloss/db", "new w", "new b")
        rows = [
            (
                ", ".join(f"{self.xs[row]:g}" for row in one["rows"]),
                *(f"{one[name]:.4g}" for name in ("loss", "dw", "db", "w", "b")),
            )
            for one in epoch["updates"]
        ]
        lines = [title, " | ".join(head), *(" | ".join(row) for row in rows)]
        cells = "".join(f"<th>{escape(name)}</th>" for name in head)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows
        )
        html = f"<table><caption>{escape(title)}</caption><tr>{cells}</tr>{body}</table>"
        return {"text/plain": "\n".join(lines), "text/html": html}

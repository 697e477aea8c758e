"""Compiled: what `compile` decides, and what one step of training, evaluation and prediction is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from engine import nest
from engine.function import Function
from engine.graph.builder import Builder
from engine.keras import config, metrics, optimizers
from engine.keras.layer import Layer
from engine.keras.trainer.compile_losses import CompileLoss, number_of_examples
from engine.keras.trainer.compile_metrics import CompileMetrics
from engine.keras.trainer.epochs import Guard
from engine.keras.trainer.feeding import unpack_x_y_sample_weight
from engine.ops.elementwise import cast
from engine.ops.joining import concat
from engine.ops.reduce import reduce_sum
from engine.retracing import warn_the_caller
from engine.spec import TensorSpec
from engine.tape import GradientTape
from engine.tensor import Tensor


class _Settings:
    """What `compile` made of its arguments, kept out of sight of what looks for layers and weights."""

    def __init__(self) -> None:
        self.loss: CompileLoss | None = None
        self.metrics: CompileMetrics | None = None
        self.tracker: Any = None
        self.arguments: dict[str, Any] = {}
        self.trainable: list[tuple[Any, bool]] = []  # layers, and whether they were
        self.found: list[Any] | None = None  # the metrics, while `fit` runs
        self.guard = Guard()


class _Step(Function):
    """A step as a graph; after a second number of examples, one graph for any number of them.

    The sizes of last axes stay: targets of another width than the predictions are told when a step is traced,
    and would be broadcast in a graph for any width.
    """

    def _family(self, plain: list[Any]) -> Any:
        dims = [leaf._dims for leaf in nest.flatten(plain) if isinstance(leaf, Tensor)]
        return super()._family(plain), tuple(d[-1] for d in dims if d is not None and len(d) > 1)


class Compiled(Layer):
    """A layer with a loss, an optimizer and metrics. `Trainer` adds the loops."""

    optimizer: Any = None
    loss: Any = None
    compiled = False
    stop_training = False
    stop_evaluating = False
    stop_predicting = False
    run_eagerly = False
    jit_compile: Any = "auto"
    steps_per_execution = 1
    history: Any = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Says how to train: what moves the weights, what is made small, what is watched.

        What is frozen by `trainable = False` counts as it is now: after a change, compile again.

        Args:
          optimizer: a name such as 'sgd', or an Optimizer.
          loss: a name such as 'mean_squared_error', a Loss, or a function of y_true and y_pred; for several
            outputs a list of them, or a dict by output names. 'crossentropy' is the binary, sparse or
            categorical one, as the shapes say.
          loss_weights: numbers by which the losses count in their sum, in the same form.
          metrics: a list of names, Metrics or functions; for several outputs with an entry for each, or a
            dict. 'accuracy' is chosen by the shapes.
          weighted_metrics: the same, for metrics weighted by `sample_weight` and `class_weight`.
          run_eagerly: run the steps as plain Python, to debug them.
          steps_per_execution: how many batches one call of `train_function` takes; callbacks are called once
            for all of them. Here the graph is that of one batch, and called so many times.
          jit_compile: True makes native kernels at the first batch; 'auto' and False when they pay.
          auto_scale_loss: with the policy 'mixed_float16', wrap the optimizer in a LossScaleOptimizer.

        Raises:
          ValueError: for an unknown name, with the nearest one, and for settings of another form.
        """
        if int(steps_per_execution) < 1:
            raise ValueError(f"steps_per_execution must be 1 or more, not {steps_per_execution}.")
        settings = _Settings()
        settings.arguments = {
            "optimizer": optimizers.get(optimizer) if optimizer is not None else None,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": bool(run_eagerly),
            "steps_per_execution": int(steps_per_execution),
            "jit_compile": jit_compile is True and not run_eagerly,
        }
        self.optimizer = _scaled(self, settings.arguments["optimizer"], auto_scale_loss)
        names = getattr(self, "output_names", None)
        if loss is not None:
            settings.loss = CompileLoss(loss, loss_weights, names)
            self.loss = loss
        if metrics is not None or weighted_metrics is not None:
            settings.metrics = CompileMetrics(metrics, weighted_metrics, names)
        settings.tracker = _mean("loss")
        settings.trainable = [(layer, layer.trainable) for layer in all_layers(self)]
        if jit_compile is True and run_eagerly:
            warn_the_caller(
                "run_eagerly=True runs plain Python: jit_compile=True is ignored.", UserWarning
            )
        self._settings = settings
        self._functions: dict[str, Any] = {}
        self.run_eagerly = bool(run_eagerly)
        self.steps_per_execution = int(steps_per_execution)
        self.jit_compile = settings.arguments["jit_compile"]
        self.stop_training = False
        self.compiled = True

    _settings: Any = _Settings()  # of a model that is not compiled

    def _require_compiled(self, what: str) -> None:
        if not self.compiled:
            raise RuntimeError(
                f"{what} needs a compiled model. Call model.compile(optimizer='sgd', "
                "loss='mean_squared_error') first: without it there is no loss to make small."
            )

    def _warn_of_thaws(self) -> None:
        """Tells, once, that layers were frozen or thawed since `compile`, which has no effect so far."""
        settings = self._settings
        changed = [layer.name for layer, before in settings.trainable if layer.trainable != before]
        if changed:
            settings.trainable = []
            warn_the_caller(
                f"trainable of {', '.join(map(repr, changed))} has changed since compile. Compile again for "
                "it to take effect.",
                UserWarning,
            )

    def get_compile_config(self) -> dict[str, Any]:
        """The arguments of `compile`, as they stand in a file; empty before it."""
        from engine.keras.serialization import serialize_keras_object

        return serialize_keras_object(self._settings.arguments)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles with what `get_compile_config` gave; not a model with a `compile` of its own."""
        from engine.keras.serialization import deserialize_keras_object

        if type(self).compile is not Compiled.compile:
            warn_the_caller(
                f"{type(self).__name__} has a compile method of its own, so the saved settings were not "
                "used: call model.compile(...), or define get_compile_config and compile_from_config.",
                UserWarning,
            )
            return
        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    # --- metrics ------------------------------------------------------------------------------------

    @property
    def _loss_tracker(self) -> Any:
        return self._settings.tracker

    @property
    def _compile_loss(self) -> Any:
        return self._settings.loss

    @property
    def _compile_metrics(self) -> Any:
        return self._settings.metrics

    @property
    def metrics(self) -> list[Any]:
        """The mean loss, the metrics of compile as one, the losses of outputs, and those of the layers."""
        found = self._settings.found
        return self._find_metrics() if found is None else list(found)

    def _find_metrics(self) -> list[Any]:
        settings = self._settings
        found = [settings.tracker, settings.metrics] if self.compiled else []
        found += settings.loss.metrics if settings.loss is not None else []
        for layer in all_layers(self):
            if layer is self or not isinstance(layer, Compiled):
                found += _metrics_in(layer)
        return list({id(metric): metric for metric in found if metric is not None}.values())

    @property
    def metrics_names(self) -> list[str]:
        """Their names."""
        return [metric.name for metric in self.metrics]

    @property
    def metrics_variables(self) -> list[Any]:
        """Where they keep their sums."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def reset_metrics(self) -> None:
        """Starts the mean loss and the metrics again."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """The value of each metric so far, by its name in the logs."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {metric.name: value})
        return results

    # --- one step -----------------------------------------------------------------------------------

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The number to make small for one batch: the losses of compile and those added by layers."""
        parts: list[Tensor] = []
        if self._settings.loss is not None:
            found = self._settings.loss(y, y_pred, sample_weight)
            parts += [] if found is None else [found]
        for extra in getattr(self, "losses", ()):
            total = reduce_sum(extra)
            parts.append(total if total.dtype.is_floating else cast(total, config.floatx()))
        if not parts:
            raise ValueError(
                "This model was compiled without a loss, and no layer adds one: pass loss= to compile."
            )
        loss = parts[0]
        for part in parts[1:]:
            loss = loss + part
        return loss

    def _compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        if "training" in inspect.signature(self.compute_loss).parameters:
            return self.compute_loss(x, y, y_pred, sample_weight, training=training)
        return self.compute_loss(x, y, y_pred, sample_weight)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Adds a batch to the metrics of compile, and returns all results: the logs of the step."""
        if self._settings.metrics is not None:
            self._settings.metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _track(self, loss: Any, x: Any) -> None:
        first = next(leaf for leaf in nest.flatten(x) if leaf is not None)
        # A batch counts as much as it has examples: the last one is often smaller.
        self._settings.tracker.update_state(loss, sample_weight=number_of_examples(first))

    def train_step(self, data: Any) -> dict[str, Any]:
        """One batch: predict, measure, differentiate, move. Override it for training of your own."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        optimizer = self.optimizer
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self._compute_loss(x, y, y_pred, sample_weight, True)
            scale = getattr(optimizer, "scale_loss", None)
            scaled = loss if scale is None else scale(loss)
        self._track(loss, x)
        variables = self.trainable_variables
        if variables:
            optimizer.apply(tape.gradient(scaled, variables), variables)
        else:
            warn_the_caller("The model has no trainable weights.", UserWarning)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """One batch of evaluation."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        self._track(self._compute_loss(x, y, y_pred, sample_weight, False), x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """One batch of prediction."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    # --- their graphs -------------------------------------------------------------------------------

    def _make(self, kind: str, force: bool) -> Callable[[Iterator[Any]], Any]:
        """A function of an iterator of batches: the step on the next, or the next few."""
        functions = self.__dict__.setdefault("_functions", {})
        if functions.get(kind) is None or force:
            step = getattr(self, f"{kind}_step")
            if not self.run_eagerly:
                jit = True if self.jit_compile is True else None
                step = _Step(step, reduce_retracing=True, jit_compile=jit)
            run = _runner(step, self.steps_per_execution, kind == "predict", self._settings)
            functions[kind] = run
        return functions[kind]

    def make_train_function(self, force: bool = False) -> Any:
        """Makes `train_function` if there is none yet, or anew with `force`."""
        return self._make("train", force)

    def make_test_function(self, force: bool = False) -> Any:
        """Makes `test_function` if there is none yet, or anew with `force`."""
        return self._make("test", force)

    def make_predict_function(self, force: bool = False) -> Any:
        """Makes `predict_function` if there is none yet, or anew with `force`."""
        return self._make("predict", force)

    def _build_for(self, first: Callable[[], Any]) -> None:
        """Makes weights, metrics and the optimizer's memory before a step is traced.

        By a trace of the forward pass alone, on the first batch, which is thrown away. A model with steps of
        its own makes them when these are traced.
        """
        functions = self.__dict__.setdefault("_functions", {})
        if "trained" in functions:
            return
        settings = self._settings
        parts = (settings.loss, settings.metrics)
        ready = self.built and all(part is None or part.built for part in parts)
        own = type(self).train_step is not Compiled.train_step
        if not ready and not self.run_eagerly and not own:
            batch, builder = first(), Builder(self.name, None)
            with builder.tracing():
                data = nest.map_structure(
                    lambda leaf: (
                        None
                        if leaf is None
                        else builder.placeholder(TensorSpec(leaf._dims, leaf.dtype), "data")
                    ),
                    batch,
                )
                x, y, _ = unpack_x_y_sample_weight(data)
                y_pred = self(x, training=False)
                for part in parts:
                    if part is not None and not part.built and y is not None:
                        part.build(y, y_pred)
        if self.built:
            trained = self.trainable_variables
            functions["trained"] = lambda: (
                trained
            )  # a list would be searched for weights of the model
            if self.optimizer is not None:
                self.optimizer.build(trained)


def _kind_property(kind: str) -> Any:
    def get(self: Any) -> Any:
        return self.__dict__.get("_functions", {}).get(kind)

    def set_(self: Any, value: Any) -> None:
        self.__dict__.setdefault("_functions", {})[kind] = value

    return property(get, set_, doc=f"What {kind}s on the next batches of an iterator; None before.")


for _kind in ("train", "test", "predict"):
    setattr(Compiled, f"{_kind}_function", _kind_property(_kind))


def _runner(step: Any, each: int, joins: bool, settings: Any) -> Callable[[Iterator[Any]], Any]:
    def run(batches: Iterator[Any]) -> Any:
        data = next(batches)
        guard = settings.guard
        guard.busy = True
        made = step(data)
        guard.busy = False
        if guard.pending:
            guard.stop()
        return made

    def run_several(batches: Iterator[Any]) -> Any:
        made = [run(batches)]
        for _ in range(each - 1):
            try:
                made.append(run(batches))
            except StopIteration:
                break
        if not joins:
            return made[-1]
        return nest.map_structure(lambda *parts: concat(parts, 0), *made)

    return run if each == 1 else run_several


def _scaled(model: Any, optimizer: Any, wanted: bool) -> Any:
    policy = getattr(getattr(model, "dtype_policy", None), "name", "")
    if optimizer is None or not wanted or policy != "mixed_float16":
        return optimizer
    kind = getattr(optimizers, "LossScaleOptimizer", None)
    if kind is None or isinstance(optimizer, kind):
        return optimizer
    return kind(optimizer, name="loss_scale_optimizer")


def _mean(name: str) -> Any:
    return metrics.Mean(name=name)


def all_layers(layer: Any) -> list[Any]:
    """A layer and all inside it, each once."""
    flatten = getattr(layer, "_flatten_layers", None)
    if flatten is not None:
        return list(flatten())
    found = {id(layer): layer}
    for inner in layer.sublayers:
        found |= {id(one): one for one in all_layers(inner)}
    return list(found.values())


def _metrics_in(holder: Any) -> list[Any]:
    """The metrics in the attributes of a layer, in lists and dicts too."""
    parts = holder.values() if isinstance(holder, dict) else holder
    if isinstance(holder, Layer):
        parts = vars(holder).values()
    found: list[Any] = []
    for part in parts:
        if isinstance(part, metrics.Metric):
            found.append(part)
        elif isinstance(part, (list, tuple, dict)) and part:
            found += _metrics_in(part)
    return found

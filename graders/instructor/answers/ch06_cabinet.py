"""Answers to the tasks of chapter 06 on the cabinet, on signatures and on counting traces."""

from __future__ import annotations

import warnings
from collections import OrderedDict

import engine as tf
from answers import accepted, wrong

CABINET, MATCHES = "06.retracing.cabinet", "06.retracing.matches"
COUNT = "06.retracing.count_traces"


@wrong(CABINET, "never_reuses")
class CabinetAlwaysTraces:
    def __init__(self, trace, size):
        self.trace = trace

    def call(self, label, *args):
        return self.trace(*args)(*args)


@wrong(CABINET, "graph_not_run")
class CabinetReturnsTheGraph:
    def __init__(self, trace, size):
        self.trace, self.drawers = trace, {}

    def call(self, label, *args):
        if label not in self.drawers:
            self.drawers[label] = self.trace(*args)
        return self.drawers[label]


@wrong(CABINET, "nothing_returned")
class CabinetReturnsOnlyWhatItFinds:
    def __init__(self, trace, size):
        self.trace, self.drawers = trace, {}

    def call(self, label, *args):
        if label in self.drawers:
            return self.drawers[label](*args)
        self.drawers[label] = self.trace(*args)


@wrong(CABINET, "trace_arguments")
class CabinetTracesWithTheLabel:
    def __init__(self, trace, size):
        self.trace, self.drawers = trace, {}

    def call(self, label, *args):
        if label not in self.drawers:
            self.drawers[label] = self.trace(label, *args)
        return self.drawers[label](*args)


@wrong(CABINET, "keeps_the_result")
class CabinetKeepsResults:
    def __init__(self, trace, size):
        self.trace, self.drawers = trace, {}

    def call(self, label, *args):
        if label not in self.drawers:
            self.drawers[label] = self.trace(*args)(*args)
        return self.drawers[label]


@wrong(CABINET, "twice")
class CabinetTracesTwice:
    def __init__(self, trace, size):
        self.trace, self.drawers = trace, {}

    def call(self, label, *args):
        if label not in self.drawers:
            self.drawers[label] = self.trace(*args)
            return self.trace(*args)(*args)
        return self.drawers[label](*args)


@wrong(CABINET, "oldest_made", points=3)
class CabinetFirstInFirstOut:
    def __init__(self, trace, size):
        self.trace, self.size, self.drawers = trace, size, {}

    def call(self, label, *args):
        if label not in self.drawers:
            made = self.trace(*args)
            if len(self.drawers) >= self.size:
                self.drawers.pop(next(iter(self.drawers)))
            self.drawers[label] = made
        return self.drawers[label](*args)


@wrong(CABINET, "unbounded", points=3)
class CabinetWithoutEnd:
    def __init__(self, trace, size):
        self.trace, self.drawers = trace, {}

    def call(self, label, *args):
        if label not in self.drawers:
            self.drawers[label] = self.trace(*args)
        return self.drawers[label](*args)


@wrong(CABINET, "emptied", points=3)
class CabinetIsEmptied:
    def __init__(self, trace, size):
        self.trace, self.size, self.drawers = trace, size, {}

    def call(self, label, *args):
        if label not in self.drawers:
            made = self.trace(*args)
            if len(self.drawers) >= self.size:
                self.drawers.clear()
            self.drawers[label] = made
        return self.drawers[label](*args)


@wrong(CABINET, "newest_goes", points=3)
class CabinetDropsTheNewest:
    def __init__(self, trace, size):
        self.trace, self.size, self.drawers = trace, size, OrderedDict()

    def call(self, label, *args):
        if label in self.drawers:
            self.drawers.move_to_end(label)
        else:
            made = self.trace(*args)
            if len(self.drawers) >= self.size:
                self.drawers.popitem()
            self.drawers[label] = made
        return self.drawers[label](*args)


class _LeastRecent:
    """A right one, to make others of."""

    def __init__(self, trace, size):
        self.trace, self.size, self.drawers = trace, size, OrderedDict()

    def call(self, label, *args):
        if label in self.drawers:
            self.drawers.move_to_end(label)
        else:
            made = self.trace(*args)
            if len(self.drawers) >= self.size:
                self.drawers.popitem(last=False)
            self.drawers[label] = made
        return self.drawers[label](*args)


@wrong(CABINET, "one_more", points=3)
class CabinetOneMore(_LeastRecent):
    def __init__(self, trace, size):
        super().__init__(trace, size + 1)


@wrong(CABINET, "one_less")
class CabinetOneLess(_LeastRecent):
    def __init__(self, trace, size):
        super().__init__(trace, size - 1 or 1)


@wrong(CABINET, "half_a_graph", points=3)
class CabinetReservesTheDrawer(_LeastRecent):
    def call(self, label, *args):
        if label not in self.drawers:
            if len(self.drawers) >= self.size:
                self.drawers.popitem(last=False)
            self.drawers[label] = None
            self.drawers[label] = self.trace(*args)
        self.drawers.move_to_end(label)
        return self.drawers[label](*args)


@wrong(CABINET, "thrown_away_first", points=3)
class CabinetMakesRoomFirst(_LeastRecent):
    def call(self, label, *args):
        if label not in self.drawers and len(self.drawers) >= self.size:
            self.drawers.popitem(last=False)
        return super().call(label, *args)


@wrong(CABINET, "swallowed", points=3)
class CabinetSwallowsErrors(_LeastRecent):
    def call(self, label, *args):
        try:
            return super().call(label, *args)
        except Exception as error:
            return f"it did not work: {error}"


@accepted(CABINET)
class CabinetWithAnOrderedDict:
    def __init__(self, trace, size):
        self.trace, self.size, self.graphs = trace, size, OrderedDict()

    def call(self, label, *args):
        try:
            self.graphs.move_to_end(label)
        except KeyError:
            self.graphs[label] = self.trace(*args)
            if len(self.graphs) > self.size:
                self.graphs.popitem(last=False)
        return self.graphs[label](*args)


@accepted(CABINET)
class CabinetWithAClock:
    def __init__(self, trace, size):
        self.trace, self.size = trace, size
        self.graphs, self.used, self.now = {}, {}, 0

    def call(self, label, *args):
        self.now += 1
        graph = self.graphs.get(label)
        if graph is None:
            graph = self.trace(*args)
            while len(self.graphs) >= self.size:
                oldest = min(self.used, key=self.used.get)
                del self.graphs[oldest], self.used[oldest]
            self.graphs[label] = graph
        self.used[label] = self.now
        return graph(*args)


@accepted(CABINET)
class CabinetOfPairs:
    def __init__(self, trace, size):
        self.trace, self.size, self.pairs = trace, size, []

    def call(self, label, *args):
        known = [pair for pair in self.pairs if pair[0] == label]
        pair = known[0] if known else (label, self.trace(*args))
        others = [other for other in self.pairs if other[0] != label]
        self.pairs = [pair, *others][: self.size]
        return pair[1](*args)


@wrong(MATCHES, "rank")
def matches_as_far_as_zip_goes(signature, args):
    if len(signature) != len(args):
        return False
    for (dtype, sizes), tensor in zip(signature, args, strict=True):
        if tensor.dtype != dtype:
            return False
        pairs = zip(sizes or (), tensor.shape, strict=False)
        if any(wanted not in (None, size) for wanted, size in pairs):
            return False
    return True


@wrong(MATCHES, "none_missing")
def matches_from_the_right(signature, args):
    if len(signature) != len(args):
        return False
    for (dtype, sizes), tensor in zip(signature, args, strict=True):
        if tensor.dtype != dtype:
            return False
        if sizes is not None:
            shape = list(tensor.shape)
            if len(shape) > len(sizes):
                return False
            shape = [None] * (len(sizes) - len(shape)) + shape
            if any(w is not None and w != s for w, s in zip(sizes, shape, strict=True)):
                return False
    return True


@wrong(MATCHES, "none_is_a_size")
def matches_exactly(signature, args):
    return len(signature) == len(args) and all(
        tensor.dtype == dtype and (sizes is None or tuple(tensor.shape) == tuple(sizes))
        for (dtype, sizes), tensor in zip(signature, args, strict=True)
    )


def _fits(sizes, shape):
    if sizes is None:
        return True
    pairs = zip(sizes, shape, strict=False)
    return len(sizes) == len(shape) and all(w is None or w == s for w, s in pairs)


@wrong(MATCHES, "broadcast")
def matches_with_broadcasting(signature, args):
    if len(signature) != len(args):
        return False
    for (dtype, sizes), tensor in zip(signature, args, strict=True):
        shape = tuple(tensor.shape)
        if tensor.dtype != dtype or (sizes is not None and len(shape) != len(sizes)):
            return False
        if any(w not in (None, s) and s != 1 for w, s in zip(sizes or shape, shape, strict=True)):
            return False
    return True


@wrong(MATCHES, "dtype")
def matches_any_dtype(signature, args):
    return len(signature) == len(args) and all(
        _fits(sizes, tensor.shape) for (_, sizes), tensor in zip(signature, args, strict=True)
    )


@wrong(MATCHES, "count")
def matches_what_is_there(signature, args):
    return all(
        tensor.dtype == dtype and _fits(sizes, tensor.shape)
        for (dtype, sizes), tensor in zip(signature, args, strict=False)
    )


@wrong(MATCHES, "first_only")
def matches_the_first(signature, args):
    if len(signature) != len(args):
        return False
    for (dtype, sizes), tensor in zip(signature, args, strict=True):
        return tensor.dtype == dtype and _fits(sizes, tensor.shape)
    return True


@wrong(MATCHES, "any_shape", points=2)
def matches_needs_sizes(signature, args):
    if len(signature) != len(args):
        return False
    for (dtype, sizes), tensor in zip(signature, args, strict=True):
        if tensor.dtype != dtype or len(sizes) != tensor.ndim:
            return False
        if not _fits(sizes, tensor.shape):
            return False
    return True


@wrong(MATCHES, "string")
def matches_dtype_as_text(signature, args):
    return len(signature) == len(args) and all(
        str(tensor.dtype) == dtype and _fits(sizes, tensor.shape)
        for (dtype, sizes), tensor in zip(signature, args, strict=True)
    )


@accepted(MATCHES)
def matches_with_specs(signature, args):
    specs = [tf.TensorSpec(sizes, dtype) for dtype, sizes in signature]
    if len(specs) != len(args):
        return False
    return all(map(tf.TensorSpec.is_compatible_with, specs, args))


@accepted(MATCHES)
def matches_by_filling_in(signature, args):
    wanted = []
    for (dtype, sizes), tensor in zip(signature, args, strict=False):
        shape = tuple(tensor.shape)
        if sizes is None or len(sizes) != len(shape):
            wanted.append((dtype, shape if sizes is None else None))
        else:
            filled = (s if w is None else w for w, s in zip(sizes, shape, strict=True))
            wanted.append((dtype, tuple(filled)))
    given = [(tensor.dtype.name, tuple(tensor.shape)) for tensor in args]
    return len(signature) == len(args) and wanted == given


@wrong(COUNT, "every_call")
def count_every_call(numbers, how):
    return len(numbers)


@wrong(COUNT, "once")
def count_once(numbers, how):
    return 1 if numbers else 0


def _labels(numbers, how):
    kinds = {"number": lambda n: (type(n), n), "tensor": type, "signature": lambda n: None}
    return len(set(map(kinds.get(how, lambda n: n), numbers)))


@wrong(COUNT, "tensor_values")
def count_tensor_values(numbers, how):
    if how == "reduce":
        return min(_labels(numbers, how), 2)
    return _labels(numbers, "number" if how == "tensor" else how)


@wrong(COUNT, "neighbours")
def count_changes(numbers, how):
    traces, before = 0, None
    for number in numbers:
        label = {"tensor": "one", "signature": "one"}.get(how, number)
        traces += label != before
        before = label
    return min(traces, 2) if how == "reduce" else traces


@wrong(COUNT, "signature_retraces")
def count_signature_as_shapes(numbers, how):
    if how == "reduce":
        return min(len(set(numbers)), 2)
    return _labels(numbers, "batch" if how == "signature" else how)


@wrong(COUNT, "no_calls")
def count_at_least_one(numbers, how):
    if how == "reduce":
        return min(len(set(numbers)), 2) or 1
    return _labels(numbers, how) or 1


@wrong(COUNT, "kinds", points=3)
def count_with_a_plain_set(numbers, how):
    if how in ("signature", "tensor"):
        return min(len(numbers), 1)
    return min(len(set(numbers)), 2) if how == "reduce" else len(set(numbers))


@wrong(COUNT, "reduce_is_signature", points=3)
def count_reduce_as_signature(numbers, how):
    return _labels(numbers, "signature" if how == "reduce" else how)


@wrong(COUNT, "reduce_not_at_all", points=3)
def count_reduce_as_plain(numbers, how):
    return _labels(numbers, how)


@accepted(COUNT)
def count_by_running(numbers, how):
    function = tf.function(lambda x: None)
    if how == "signature":
        spec = tf.TensorSpec([None, 3], tf.float32)
        function = tf.function(lambda x: None, input_signature=[spec])
    elif how == "reduce":
        function = tf.function(lambda x: None, reduce_retracing=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in numbers:
            if how == "number":
                function(n)
            elif how == "tensor":
                function(tf.constant(n))
            else:
                function(tf.ones([n, 3]))
    return function.experimental_get_tracing_count()


@accepted(COUNT)
def count_with_a_list(numbers, how):
    met = []
    for number in numbers:
        label = repr(number)
        if how == "tensor":
            label = number.__class__.__name__
        if how == "signature":
            label = ""
        if label not in met and not (how == "reduce" and len(met) == 2):
            met.append(label)
    return len(met)

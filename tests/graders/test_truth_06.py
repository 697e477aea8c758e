"""The truths of chapter 06, held against a second source."""

import pytest

from graders.tasks.base import Draw
from graders.tasks.ch06_cabinet import CABINET, by_lru_cache, served
from graders.tasks.ch06_labels import LEAF, STRUCTURE, value_of
from graders.tasks.ch06_traces import COUNT, MATCHES, fits, traced_count

DRAW = Draw(seed=7, times=3)


def cases(task):
    return [case for check in task.checks for case in check.cases(DRAW)]


def test_labels_are_apart_when_the_words_for_the_arguments_are():
    """In words: a tensor by its dtype and shape, anything else as Python writes it."""

    def words(value):
        if hasattr(value, "numpy"):
            return f"{value.numpy().dtype} {value.numpy().shape}"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k}: {words(value[k])}" for k in sorted(value)) + "}"
        if isinstance(value, (list, tuple)):
            return f"{type(value)}<{', '.join(map(words, value))}>"
        return repr(value)

    for case in cases(LEAF) + cases(STRUCTURE):
        one, other = map(value_of, case.args)
        assert case.expected == (words(one) == words(other)), case.args
    assert {case.expected for case in cases(LEAF)} == {True, False}


def test_who_goes_first_is_whose_last_use_is_longest_ago():
    for size, calls in cases(CABINET):
        last_use, log = {}, []
        for now, call in enumerate(calls):
            label = call.strip("!")
            if label in last_use:
                log.append("reused")
            elif label != call:
                log.append("failed")
                continue
            else:
                log.append("traced")
                if len(last_use) == size:
                    last_use.pop(min(last_use, key=lambda known: last_use[known]))
            last_use[label] = now
        assert by_lru_cache(size, calls) == log


def test_a_cabinet_is_used_as_the_task_says():
    """`served` notes what the cabinet did, and complains when the answer is another graph's."""

    class OneDrawer:
        def __init__(self, trace, size):
            self.trace, self.graph = trace, None

        def call(self, label, *args):
            self.graph = self.graph or self.trace(*args)
            return self.graph(*args)

    assert served(OneDrawer, 1, ["a", "a"]) == ["traced", "reused"]
    assert served(OneDrawer, 1, ["a!", "a"]) == ["failed", "traced"]
    with pytest.raises(Exception, match="it returned 'graph a ran with 1, -1'; right is 'graph b"):
        served(OneDrawer, 1, ["a", "b"])


def test_a_signature_takes_what_numpy_says_it_takes():
    for signature, args in cases(MATCHES):
        right = len(signature) == len(args)
        for (dtype, sizes), given in zip(signature, args, strict=False):
            right = right and given.dtype == dtype
            if sizes is not None:
                filled = [s if w is None else w for w, s in zip(sizes, given.shape, strict=False)]
                right = right and given.ndim == len(sizes) and given.shape == tuple(filled)
        assert fits(signature, args) == right, (signature, args)


def test_traces_are_as_many_as_there_are_labels():
    for numbers, how in cases(COUNT):
        words = {repr(number) for number in numbers}
        most = {"signature": 1, "reduce": 2}.get(how, len(words))
        if how == "tensor":
            most = len({type(number) for number in numbers})
        assert traced_count(numbers, how) == min(most, len(words)), (numbers, how)

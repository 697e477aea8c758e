"""Answers to the first three tasks of chapter 03; those of the others are in ch03_gradients.py."""

from __future__ import annotations

import math

import numpy as np

from answers import accepted, wrong

VARIABLE, DIFFERENCES, BEST = (
    "03.derivatives.variable",
    "03.derivatives.differences",
    "03.derivatives.best_step",
)


class Box:
    """A right one, and the start of the others."""

    def __init__(self, initial):
        self.value = initial.copy()

    def look(self, new):
        if new.shape != self.value.shape:
            raise ValueError(f"shape {new.shape} does not fit shape {self.value.shape}")
        if new.dtype != self.value.dtype:
            raise ValueError(f"dtype {new.dtype} does not fit dtype {self.value.dtype}")

    def assign(self, new):
        self.look(new)
        self.value = new.copy()
        return self

    def assign_add(self, delta):
        self.look(self.value + delta)
        self.value = self.value + delta
        return self


@wrong(VARIABLE, "not_returned")
class BoxReturnsNothing(Box):
    def assign(self, new):
        super().assign(new)

    def assign_add(self, delta):
        super().assign_add(delta)


@wrong(VARIABLE, "not_returned")
class BoxReturnsTheValue(Box):
    def assign(self, new):
        return super().assign(new).value

    def assign_add(self, delta):
        return super().assign_add(delta).value


@wrong(VARIABLE, "one_for_all")
class BoxOfTheClass(Box):
    def __init__(self, initial):
        type(self).value = initial.copy()

    def assign(self, new):
        self.look(new)
        type(self).value = new.copy()
        return self

    def assign_add(self, delta):
        return self.assign(self.value + delta)


@wrong(VARIABLE, "written_into", points=4)
class BoxWritesInto(Box):
    def assign(self, new):
        self.look(new)
        self.value[...] = new
        return self

    def assign_add(self, delta):
        self.look(self.value + delta)
        self.value[...] = self.value + delta
        return self


@wrong(VARIABLE, "not_copied", points=4)
class BoxKeepsTheCallersArray(Box):
    def __init__(self, initial):
        self.value = initial

    def assign(self, new):
        self.look(new)
        self.value = new
        return self


@wrong(VARIABLE, "wrote_outside", points=4)
class BoxAddsInTheCallersArray(Box):
    def assign_add(self, delta):
        self.look(self.value + delta)
        delta += self.value
        self.value = delta.copy()
        return self


@wrong(VARIABLE, "adds_always")
class BoxAddsAlways(Box):
    def assign(self, new):
        return self.assign_add(new)


@wrong(VARIABLE, "replaces_always")
class BoxReplacesAlways(Box):
    def assign_add(self, delta):
        return self.assign(delta)


@wrong(VARIABLE, "from_start")
class BoxAddsToTheStart(Box):
    def __init__(self, initial):
        self.value, self.start = initial.copy(), initial.copy()

    def assign_add(self, delta):
        return self.assign(self.start + delta)


@wrong(VARIABLE, "no_word", points=3)
class BoxSaysNothing(Box):
    def look(self, new):
        if new.shape != self.value.shape or new.dtype != self.value.dtype:
            raise ValueError("it does not fit")


@wrong(VARIABLE, "shape_missed", points=4)
class BoxStretches(Box):
    def look(self, new):
        if new.dtype != self.value.dtype:
            raise ValueError("dtype")

    def assign(self, new):
        self.look(new)
        self.value = np.zeros_like(self.value) + new
        return self


@wrong(VARIABLE, "shape_missed", points=3)
class BoxTakesAnything(Box):
    def look(self, new):
        pass


@wrong(VARIABLE, "dtype_missed", points=4)
class BoxConverts(Box):
    def assign(self, new):
        return super().assign(new.astype(self.value.dtype))

    def assign_add(self, delta):
        return super().assign_add(delta.astype(self.value.dtype))


@wrong(VARIABLE, "too_late", points=3)
class BoxRefusesTooLate(Box):
    def assign(self, new):
        before, self.value = self.value, new.copy()
        if new.shape != before.shape:
            raise ValueError("another shape")
        if new.dtype != before.dtype:
            raise ValueError("another dtype")
        return self

    def assign_add(self, delta):
        return self.assign(self.value + delta)


@wrong(VARIABLE, "other_error", points=3)
class BoxAsserts(Box):
    def look(self, new):
        assert new.shape == self.value.shape, "shape"
        assert new.dtype == self.value.dtype, "dtype"


@accepted(VARIABLE)
class BoxWithOneDoor(Box):
    def __init__(self, initial):
        self.shape, self.dtype = initial.shape, initial.dtype
        self._put(initial)

    def _put(self, new):
        for what in ("shape", "dtype"):
            if getattr(new, what) != getattr(self, what):
                raise ValueError(f"{what} differs from that of the box")
        self.value = np.array(new)
        return self

    def assign(self, new):
        return self._put(new)

    def assign_add(self, delta):
        return self._put(np.add(self.value, delta))


@accepted(VARIABLE)
class BoxThatIsRead(Box):
    def __init__(self, initial):
        self._array = np.array(initial)

    @property
    def value(self):
        return self._array.copy()

    def assign(self, new):
        self.look(new)
        self._array = np.array(new)
        return self

    def assign_add(self, delta):
        if delta.dtype != self._array.dtype:
            raise ValueError(f"the dtypes differ: {delta.dtype}")
        if delta.shape != self._array.shape:
            raise ValueError(f"the shapes differ: {delta.shape}")
        self._array = self._array + delta
        return self


@wrong(DIFFERENCES, "not_divided")
def differences_rises(f, x, h):
    return f(x + h) - f(x), f(x + h) - f(x - h)


@wrong(DIFFERENCES, "central_by_h")
def differences_by_h(f, x, h):
    return (f(x + h) - f(x)) / h, (f(x + h) - f(x - h)) / h


@wrong(DIFFERENCES, "half_steps")
def differences_half_steps(f, x, h):
    return (f(x + h) - f(x)) / h, (f(x + h / 2) - f(x - h / 2)) / h


@wrong(DIFFERENCES, "backward")
def differences_backward(f, x, h):
    return (f(x) - f(x - h)) / h, (f(x + h) - f(x - h)) / (2 * h)


@wrong(DIFFERENCES, "sign")
def differences_sign(f, x, h):
    return (f(x) - f(x + h)) / h, (f(x - h) - f(x + h)) / (2 * h)


@wrong(DIFFERENCES, "swapped")
def differences_swapped(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h), (f(x + h) - f(x)) / h


@wrong(DIFFERENCES, "precedence")
def differences_precedence(f, x, h):
    return (f(x + h) - f(x)) / h, (f(x + h) - f(x - h)) / 2 * h


@wrong(DIFFERENCES, "one_number")
def differences_central_only(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


@wrong(DIFFERENCES, "one_number")
def differences_list(f, x, h):
    return [(f(x + h) - f(x)) / h, (f(x + h) - f(x - h)) / (2 * h)]


@accepted(DIFFERENCES)
def differences_mean_of_both_sides(f, x, h):
    ahead = (f(x + h) - f(x)) / h
    behind = (f(x) - f(x - h)) / h
    return ahead, (ahead + behind) / 2


@accepted(DIFFERENCES)
def differences_numpy(f, x, h):
    below, here, above = (np.float64(f(x + step)) for step in (-h, 0, h))
    return (above - here) / h, np.gradient([below, here, above], h)[1]


def _eps(dtype):
    return float(np.finfo(dtype).eps)


@wrong(BEST, "eps_itself")
def best_eps(x, dtype, central):
    return _eps(dtype) * max(1.0, abs(x))


@wrong(BEST, "roots_swapped")
def best_swapped(x, dtype, central):
    return _eps(dtype) ** (1 / 2 if central else 1 / 3) * max(1.0, abs(x))


@wrong(BEST, "one_dtype")
def best_python_float(x, dtype, central):
    return _eps("float64") ** (1 / 3 if central else 1 / 2) * max(1.0, abs(x))


@wrong(BEST, "one_dtype")
def best_float32(x, dtype, central):
    return (2.0**-23) ** (1 / 3 if central else 1 / 2) * max(1.0, abs(x))


@wrong(BEST, "nothing_at_zero")
def best_times_x(x, dtype, central):
    return _eps(dtype) ** (1 / 3 if central else 1 / 2) * abs(x)


@wrong(BEST, "negative", points=2)
def best_largest(x, dtype, central):
    return _eps(dtype) ** (1 / 3 if central else 1 / 2) * max(1.0, x)


@wrong(BEST, "not_scaled", points=2)
def best_near_zero(x, dtype, central):
    return _eps(dtype) ** (1 / 3 if central else 1 / 2)


@accepted(BEST)
def best_cbrt(x, dtype, central):
    eps = np.float64(np.finfo(dtype).eps)
    root = np.cbrt(eps) if central else np.sqrt(eps)
    return root * np.maximum(1, np.abs(x))


@accepted(BEST)
def best_by_halving(x, dtype, central):
    number = np.dtype(dtype).type
    eps = 1.0
    while number(1) + number(eps / 2) > 1:
        eps /= 2
    scale = -x if x < -1 else x if x > 1 else 1
    return scale * math.exp(math.log(eps) / (3 if central else 2))


@accepted(BEST)
def best_in_its_dtype(x, dtype, central):
    eps = np.finfo(dtype).eps
    return (eps ** (1 / 3) if central else eps**0.5) * max(1.0, abs(x))

"""From LLVM's language to a function that Python can call: llvmlite compiles, a door goes in front.

The door is a builtin function that takes NumPy arrays. It reads the address of the elements out of the array
object itself, which takes nanoseconds where ctypes takes a microsecond. If an argument is not an array of
the expected kind, laid out row by row, the door hands the call to Python instead, which makes a copy that is.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import platform
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from engine.dtypes import DType, uint8

# Where CPython and NumPy keep things in their objects: the type of an object, the elements of an array and
# its flags, the value of a NumPy scalar. `available` compares them with arrays before they are trusted.
TYPE, DATA, FLAGS, VALUE = 8, 16, 64, 16
BYTES = uint8  # the dtype of scratch memory
ROW_BY_ROW, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400  # NumPy's flags
RELEASE_ABOVE = 1 << 18  # elements: work of a good 50 us lets other threads run


class _Machine:
    """The compiler for this machine's processor, started once."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        self.llvm = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.triple = llvm.Target.from_default_triple()
        self.processor = llvm.get_host_cpu_name()
        self.features = llvm.get_host_cpu_features().flatten()
        self.lock = threading.Lock()
        self._holders = 0

    def compile(self, text: str, name: str, vectorize: bool, many: bool) -> tuple[Any, int, str]:
        """What keeps the code alive, the address of the function `name`, and the module as LLVM left it."""
        with self.lock:
            module = self.llvm.parse_assembly(text)
            module.verify()
            # Of what was vectorized by hand, thinking longer makes nothing faster.
            effort = 3 if vectorize else 1
            target = self.triple.create_target_machine(
                cpu=self.processor, features=self.features, opt=effort, jit=True
            )
            options = self.llvm.create_pipeline_tuning_options(speed_level=3)
            options.loop_vectorization = True
            options.loop_interleaving = (
                many  # several vectors at a time: faster, but more to compile
            )
            options.loop_unrolling = options.slp_vectorization = False
            builder = self.llvm.create_pass_builder(target, options)
            if vectorize:
                passes = builder.getModulePassManager()
            else:  # what is in vectors already needs tidying alone
                passes = self.llvm.create_new_module_pass_manager()
                passes.add_sroa_pass()
                passes.add_instruction_combine_pass()
            passes.run(module, builder)
            # llvmlite 0.50 never frees these by itself: its class inherits the empty `_dispose` first.
            self.llvm.newpassmanagers.NewPassManager._dispose(passes)
            passes.detach()
            optimized = str(module)
            engine = self.llvm.create_mcjit_compiler(module, target)
            engine.finalize_object()
            return engine, engine.get_function_address(name), optimized

    def holders(self) -> int:
        """How many references a builtin finds on an array that is a Variable's, and its input and output."""
        if not self._holders:
            number = _address("PyLong_FromLong")
            text = f"""define ptr @count(ptr %self, ptr %objects, i64 %n) {{
                %object = load ptr, ptr %objects
                %count = load i32, ptr %object
                %wide = zext i32 %count to i64
                %make = inttoptr i64 {number} to ptr
                %result = call ptr %make(i64 %wide)
                ret ptr %result
            }}"""
            engine, address, _ = self.compile(text, "count", False, False)
            method = _Method(b"count", address, _FASTCALL, None)
            count = _builtin(method, None)
            self._holders = _as_generated_code_calls(count)
            del count, engine
        return self._holders


class _Variable:
    def __init__(self) -> None:
        self._array = np.empty(1)


def _as_generated_code_calls(kernel: Callable[..., Any]) -> int:
    variable = _Variable()
    v1 = variable._array
    v2 = v1
    return int(kernel(v1, v2))


def _builtin(method: Any, held: Any) -> Callable[..., Any]:
    """A builtin from a PyMethodDef, which has to live as long; `held` is what it gets as `self`."""
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    builtin: Callable[..., Any] = make(ctypes.addressof(method), held, None)
    return builtin


_machine: _Machine | None = None
_why: str | None = None


def why_not() -> str:
    """Why there are no native kernels here; empty when there are."""
    global _machine, _why
    if _why is None:
        _why = unfit()
        if not _why:
            try:
                _machine = _Machine()
            except Exception as error:
                _why = f"llvmlite does not work here: {error}"
    return _why


@functools.cache
def unfit() -> str:
    """Why native kernels are not even tried here; empty when they can be."""
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return "native kernels are made for CPython with its global lock"
    if importlib.util.find_spec("llvmlite") is None:
        return "the package llvmlite is not installed (`make setup` installs it)"
    array = np.arange(3.0)
    start = id(array)
    held = ctypes.c_void_p.from_address(start + DATA).value
    flags = ctypes.c_int.from_address(start + FLAGS).value
    kind = ctypes.c_void_p.from_address(start + TYPE).value
    plain = ROW_BY_ROW | ALIGNED | WRITEABLE
    number = np.float64(2.5)
    value = ctypes.c_double.from_address(id(number) + VALUE).value
    if (
        held != array.ctypes.data
        or flags & plain != plain
        or kind != id(np.ndarray)
        or value != 2.5
    ):
        return "this NumPy lays its arrays out in a way that native kernels do not know"
    return ""


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_FASTCALL = 0x80


class Native:
    """A compiled kernel: `call` is the builtin, `source` what was written, `optimized` LLVM's result."""

    def __init__(self, call: Callable[..., Any], source: str, optimized: str):
        self.call = call
        self.source = source
        self.optimized = optimized


def build(
    work: str, dtypes: Sequence[DType], writes: int, name: str, elements: int = 0,
    scalars: Sequence[int] = (), vectorize: bool = True, owned: Mapping[int, int] | None = None,
    flush: bool = False,
) -> Native:  # fmt: skip
    """Compiles a function `work(ptr, ...)` and returns a builtin that takes as many arrays.

    Args:
      work: LLVM's text, with `define internal void @work(ptr %a0, ...)`.
      dtypes: of the arrays. Sizes are not looked at: they are part of the text.
      writes: how many of the last arrays are written to.
      name: for the builtin.
      elements: how much work it is; above RELEASE_ABOVE other Python threads run meanwhile.
      scalars: positions that may also hold a NumPy scalar.
      vectorize: whether LLVM should look for loops it can run several turns of at once.
      owned: for outputs that may be given the array of an input, a Variable's, that input's position. The
        builtin returns False, and has done nothing, when somebody else holds that array by then. As it keeps
        Python's lock from the question to the last element, nobody sees an array change that he has read.
      flush: write 0 for results that are too small to have all their digits; see `_flushing`.

    Raises:
      RuntimeError: where `why_not()` says why.
    """
    reason = why_not()
    if reason:
        raise RuntimeError(f"No native kernel: {reason}.")
    assert _machine is not None
    count = len(dtypes)
    owned = owned or {}
    held: list[Any] = []  # lives as long as the builtin, whose `self` is `slow`

    def slow(*arrays: Any) -> Any:
        """The same call with arrays that the door lets in; what was written is copied back."""
        if len(arrays) != count:
            raise TypeError(f"{name} takes {count} arrays, not {len(arrays)}.")
        if any(arrays[k] is arrays[old] for k, old in owned.items()):
            return False  # only the door can tell who else holds it
        fit = [
            np.require(a, d.as_numpy_dtype, ["C", "A", "E"])
            for a, d in zip(arrays, dtypes, strict=True)
        ]
        for k in range(count - writes, count):
            if not fit[k].flags.writeable:
                raise ValueError(f"{name}: its output {k} is read-only.")
        held[0](*fit)
        for k in range(count - writes, count):
            if fit[k] is not arrays[k]:
                arrays[k][...] = fit[k]
        return True

    release = elements > RELEASE_ABOVE and not owned
    flush = flush and platform.machine() in ("x86_64", "AMD64")
    holders = {k: (old, _machine.holders()) for k, old in owned.items()}
    text = work + _door("door", "@work", dtypes, writes, release, scalars, holders, flush)
    engine, address, optimized = _machine.compile(text, "door", vectorize, elements > RELEASE_ABOVE)
    method = _Method(name.encode(), address, _FASTCALL, None)
    door = _builtin(method, slow)
    held += [door, method, engine]
    return Native(door, work, optimized)


def _address(function: str) -> int:
    return ctypes.cast(getattr(ctypes.pythonapi, function), ctypes.c_void_p).value or 0


def _flushing(call: str) -> list[str]:
    """A call with the processor told to write 0 for results too small to have all their digits.

    It works on such numbers many times as slowly, and they are what becomes of moving averages of gradients
    that stay 0. So kernels that make new values for Variables flush; all others keep every number.
    (TensorFlow and XLA flush everywhere.) 32768 is the bit FTZ of the register MXCSR.
    """
    return [
        "  %usual = alloca i32",
        "  %flush = alloca i32",
        "  call void @llvm.x86.sse.stmxcsr(ptr %usual)",
        "  %mode = load i32, ptr %usual",
        "  %changed = or i32 %mode, 32768",
        "  store i32 %changed, ptr %flush",
        "  call void @llvm.x86.sse.ldmxcsr(ptr %flush)",
        f"{call} noinline",
        "  call void @llvm.x86.sse.ldmxcsr(ptr %usual)",
    ]


def _door(
    symbol: str, work: str, dtypes: Sequence[DType], writes: int, release: bool, scalars: Sequence[int],
    holders: Mapping[int, tuple[int, int]], flush: bool,
) -> str:  # fmt: skip
    """The text of the builtin: checks each object, takes its address, calls `work`."""
    lines = [f"define ptr @{symbol}(ptr %self, ptr %objects, i64 %count) {{", "start:"]
    lines.append(f"  %right = icmp eq i64 %count, {len(dtypes)}")
    lines.append("  br i1 %right, label %check0, label %slow")
    for k, dtype in enumerate(dtypes):
        flags = ROW_BY_ROW | ALIGNED | (WRITEABLE if k >= len(dtypes) - writes else 0)
        lines += [
            f"check{k}:",
            f"  %p{k} = getelementptr i8, ptr %objects, i64 {8 * k}",
            f"  %o{k} = load ptr, ptr %p{k}",
            f"  %q{k} = getelementptr i8, ptr %o{k}, i64 {TYPE}",
            f"  %kind{k} = load i64, ptr %q{k}",
            f"  %isarray{k} = icmp eq i64 %kind{k}, {id(np.ndarray)}",
            f"  br i1 %isarray{k}, label %array{k}, label %other{k}",
            f"array{k}:",
            f"  %r{k} = getelementptr i8, ptr %o{k}, i64 {FLAGS}",
            f"  %flags{k} = load i32, ptr %r{k}",
            f"  %masked{k} = and i32 %flags{k}, {flags}",
            f"  %plain{k} = icmp eq i32 %masked{k}, {flags}",
            f"  %s{k} = getelementptr i8, ptr %o{k}, i64 {DATA}",
            f"  %data{k} = load ptr, ptr %s{k}",
            f"  br i1 %plain{k}, label %good{k}, label %slow",
            f"other{k}:",
        ]
        if k in scalars:
            kind = id(dtype.as_numpy_dtype.type)
            lines += [
                f"  %isscalar{k} = icmp eq i64 %kind{k}, {kind}",
                f"  %value{k} = getelementptr i8, ptr %o{k}, i64 {VALUE}",
                f"  br i1 %isscalar{k}, label %good{k}, label %slow",
            ]
        else:
            lines.append("  br label %slow")
        cases = f"[ %data{k}, %array{k} ]" + (f", [ %value{k}, %other{k} ]" if k in scalars else "")
        lines += [f"good{k}:", f"  %d{k} = phi ptr {cases}"]
        lines.append(f"  br label %{'asked' if k == len(dtypes) - 1 else f'check{k + 1}'}")
    lines.append("asked:")
    for k, (old, most) in holders.items():  # an output that is an input as well: how many hold it?
        lines += [
            f"  %same{k} = icmp eq ptr %o{k}, %o{old}",
            f"  %count{k} = load i32, ptr %o{k}",
            f"  %many{k} = icmp ugt i32 %count{k}, {most}",
            f"  %shared{k} = and i1 %same{k}, %many{k}",
            f"  br i1 %shared{k}, label %refuse, label %owned{k}",
            f"owned{k}:",
        ]
    lines += ["  br label %run", "run:"]
    if release:
        lines.append(f"  %save = inttoptr i64 {_address('PyEval_SaveThread')} to ptr")
        lines.append("  %state = call ptr %save()")
    run = f"  call void {work}({', '.join(f'ptr %d{k}' for k in range(len(dtypes)))})"
    lines += _flushing(run) if flush else [run]
    if release:
        lines.append(f"  %restore = inttoptr i64 {_address('PyEval_RestoreThread')} to ptr")
        lines.append("  call void %restore(ptr %state)")
    lines += [
        f"  %yes = inttoptr i64 {_address('PyBool_FromLong')} to ptr",
        "  %done = call ptr %yes(i64 1)",
        "  ret ptr %done",
        "refuse:",
        f"  %no = inttoptr i64 {_address('PyBool_FromLong')} to ptr",
        "  %refused = call ptr %no(i64 0)",
        "  ret ptr %refused",
        "slow:",
        f"  %ask = inttoptr i64 {_address('PyObject_Vectorcall')} to ptr",
        "  %answer = call ptr %ask(ptr %self, ptr %objects, i64 %count, ptr null)",
        "  ret ptr %answer",
        "}",
    ]
    if flush:
        lines += [f"declare void @llvm.x86.sse.{name}mxcsr(ptr)" for name in ("st", "ld")]
    return "\n".join(lines) + "\n"

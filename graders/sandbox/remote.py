"""What a submission defined, as objects that the checks can use as if it were here.

Every use is a question to the sandbox: a call, an operator, an attribute. What comes back is plain data, or
again such an object. The checks' own code (`Task.use`) runs on this side, so a submission sees its inputs one
at a time, and never what they are for.
"""

from __future__ import annotations

import builtins
import copy
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

from graders.compare import identical
from graders.guard import Ran
from graders.sandbox.process import Died, Sandbox
from graders.sandbox.wire import Decoder, Encoder, WireError

DEATHS = 2
"""After so many sandboxes that one answer has ended, it is not called again."""
_CONTAINERS = {"list": list, "dict": dict, "set": set}


class Late(Exception):
    """The time of a call is over."""


class Unreadable(Exception):
    """What the submission returned is no data that could be compared."""


class Link:
    """One submission's sandbox, as the objects in it need it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        sandbox.on_news = self._take_news
        self._deadline = 0.0
        self._shared: dict[
            int, tuple[int, Any]
        ] = {}  # id of a list here -> its number there, the list
        self._raised: BaseException | None = None
        self._roots: list[tuple[Remote, str]] = []
        self._deaths = 0
        self._generation = 0
        self.line = self.printed = ""
        self.mutated = False

    # --- questions ----------------------------------------------------------------------------------------

    def lookup(self, name: str, seconds: float = 5.0) -> Any:
        """What the submission calls by this name; raises NameError when it calls nothing so."""
        self._deaths = 0
        found = self._named(name, seconds)
        self._roots = [(found, name)]
        self._generation = self._sandbox.replays
        return found

    def _named(self, name: str, seconds: float) -> Remote:
        said = self._sandbox.ask("lookup", seconds, name=name)
        try:
            found = Decoder(self._resolve).decode(said["value"])
        except (KeyError, WireError):
            found = None
        if type(found) is not Remote:
            raise NameError(name)
        return found

    def _find_again(self) -> None:
        """In a sandbox that took over the objects are there again, and have other numbers."""
        for thing, name in self._roots:
            thing._id = self._named(name, 5.0)._id
        self._generation = self._sandbox.replays

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], seconds: float) -> Ran:
        """What `graders.guard.run` gives, for a function that uses objects of this link."""
        self._deadline = time.monotonic() + seconds
        self.line = self.printed = ""
        self.mutated = False
        self._raised = None
        began = time.perf_counter()
        given = copy.deepcopy(args)
        ran: dict[str, Any] = {}
        try:
            if self._deaths >= DEATHS:
                raise Died("it has ended the sandbox before")
            if self._generation != self._sandbox.replays or self._sandbox.ended:
                self._find_again()
                self._deadline = time.monotonic() + seconds
            value = self.settled(function(*given))
            ran = {"value": value}
        except Late:
            ran = {"timed_out": True}
        except Died as died:
            self._deaths += 1
            ran = {"timed_out": True} if died.late else {"error": _Ended(str(died))}
        except Exception as error:
            ran = {"error": error}
        finally:
            self._forget()
        return Ran(
            **ran,
            line=self.line,
            printed=self.printed,
            mutated=self.mutated or not identical(args, given),
            seconds=time.perf_counter() - began,
        )

    def ask(self, op: str, **message: Any) -> Any:
        """The value of a call, an operator, an attribute; what it raised is raised here."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Late
        said = self._sandbox.ask(op, left, **message)
        if said.get("printed"):
            self.printed = (self.printed + str(said["printed"]))[:2_000]
        self.mutated = self.mutated or said.get("mutated") is True
        self.line = str(said.get("line", ""))[:200]
        if said.get("late") is True:
            raise Late
        if "unreadable" in said:
            raise Unreadable(str(said["unreadable"])[:200])
        if "error" in said:
            raise self._error(said["error"])
        try:
            return Decoder(self._resolve).decode(said.get("value"))
        except WireError as error:
            raise Unreadable(str(error)) from None

    def encoded(self, value: Any, share: bool = True) -> Any:
        """An argument on its way to the sandbox. A list is changed here too when it is changed there."""
        if share and type(value) is list:
            number, _ = self._shared.setdefault(id(value), (len(self._shared) + 1, value))
            content = Encoder(self._refer).encode(value)
            return {"t": "ref", "shared": number, "content": content}
        return Encoder(self._refer).encode(value)

    def settled(self, value: Any) -> Any:
        """A value with what can be fetched in place of references to it."""
        if isinstance(value, Remote) and value._name in _CONTAINERS:
            return self.settled(self.ask("fetch", id=value._id))
        if isinstance(value, Remote) and value._kind == "generator":
            return _nothing()
        if type(value) in (list, tuple):
            return type(value)(self.settled(part) for part in value)
        return value

    # --- between the two ----------------------------------------------------------------------------------

    def _refer(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Remote):
            return {"t": "ref", "id": value._id}
        if callable(value):
            number = id(value)
            self._sandbox.callbacks[number] = functools.partial(self._called_back, value)
            return {"t": "ref", "callback": number}
        raise WireError(f"{type(value).__name__} cannot be sent to a sandbox")

    def _resolve(self, entry: dict[str, Any]) -> Remote:
        number, kind, name = entry.get("id"), entry.get("kind"), entry.get("name")
        if type(number) is not int or not isinstance(kind, str) or not isinstance(name, str):
            raise WireError("a reference to nothing")
        return Remote(self, number, kind, name)

    def _called_back(self, function: Callable[..., Any], entries: Any) -> dict[str, Any]:
        try:
            if not isinstance(entries, list):
                raise WireError("a call without arguments")
            decoder = Decoder(self._resolve)
            value = function(*(decoder.decode(entry) for entry in entries))
            return {"value": self.encoded(value, share=False)}
        except (Died, Late):
            raise
        except Exception as error:
            self._raised = error
            return {"error": type(error).__name__}

    def _take_news(self, said: dict[str, Any]) -> None:
        """What a shared list is now."""
        news = said.get("shared")
        if not isinstance(news, dict):
            return
        for number, mine in self._shared.values():
            if str(number) in news:
                try:
                    mine[:] = Decoder(self._resolve).decode(news[str(number)])
                except (WireError, TypeError):
                    mine[:] = []

    def _error(self, said: Any) -> BaseException:
        if not isinstance(said, dict):
            return Unreadable("an exception that cannot be read")
        if said.get("grader") is True and self._raised is not None:
            return self._raised
        mro = said.get("mro")
        names = [str(name)[:200] for name in mro] if isinstance(mro, list) else []
        return exception(names, str(said.get("message", ""))[:2_000])

    def _forget(self) -> None:
        """Nothing of this case is needed any more; the object that is checked is."""
        self._shared.clear()
        self._sandbox.callbacks.clear()


def _nothing() -> Iterator[Any]:
    yield from ()


class _Ended(Exception):
    """The sandbox ended while the submission ran."""


_Ended.__name__ = "SandboxEnded"


def exception(mro: list[str], message: str) -> Exception:
    """An exception of the nearest kind that is known here, under the name it had there.

    >>> error = exception(["ShapeError", "ValueError", "Exception"], "no")
    >>> type(error).__name__, isinstance(error, ValueError), str(error)
    ('ShapeError', True, 'no')
    """
    import engine as tf

    for name in mro:
        known = getattr(builtins, name, None) or getattr(tf.errors, name, None)
        if isinstance(known, type) and issubclass(known, Exception):
            break
    else:
        known = Exception
    members = {"__init__": lambda self, *args: None, "__str__": lambda self: message}
    kind = type(mro[0] if mro else "Exception", (known,), members)
    error: Exception = kind(message)
    return error


class Remote:
    """Something in a sandbox: a function, a class, an object."""

    __slots__ = ("_id", "_kind", "_link", "_name")

    def __init__(self, link: Link, number: int, kind: str, name: str) -> None:
        self._link, self._id, self._kind, self._name = link, number, kind, name

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """A list there is a list for isinstance here."""
        return _CONTAINERS.get(self._name, Remote)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        entries = [self._link.encoded(arg) for arg in args]
        named = {name: self._link.encoded(arg) for name, arg in kwargs.items()}
        return self._link.ask("call", id=self._id, args=entries, kwargs=named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._link.ask("attribute", id=self._id, name=name)

    def __deepcopy__(self, memo: Any) -> Remote:
        return self

    def __repr__(self) -> str:
        try:
            return str(self._builtin("repr"))[:400]
        except Exception as error:
            return f"<{self._name} whose repr raised {type(error).__name__}>"

    def __bool__(self) -> bool:
        return bool(self._builtin("bool"))

    def __len__(self) -> int:
        return int(self._builtin("len"))

    def __iter__(self) -> Any:
        return iter(self._builtin("list"))

    def __getitem__(self, key: Any) -> Any:
        return self._link.ask("operator", name="getitem", args=self._sides(self, key))

    def _builtin(self, name: str) -> Any:
        return self._link.ask("builtin", name=name, args=self._sides(self))

    def _sides(self, *values: Any) -> list[Any]:
        return [self._link.encoded(value, share=False) for value in values]

    def remote_type(self) -> Any:
        """The class of the thing, which is over there as well."""
        return self._link.ask("attribute", id=self._id, name="__class__")

    def remote_define(self, source: str, name: str, file: str) -> Any:
        """The function of this name in program text, or None; defined over there."""
        return self._link.ask("define", source=source, name=name, file=file)


def _operator(name: str, reflected: bool) -> Any:
    def method(self: Remote, other: Any) -> Any:
        sides = self._sides(other, self) if reflected else self._sides(self, other)
        return self._link.ask("operator", name=name, args=sides)

    return method


def _unary(name: str) -> Any:
    def method(self: Remote) -> Any:
        return self._link.ask("operator", name=name, args=self._sides(self))

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    setattr(Remote, f"__{_name}__", _operator(_name, False))
    setattr(Remote, f"__r{_name}__", _operator(_name, True))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _operator(_name, False))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Remote, f"__{_name}__", _unary(_name))

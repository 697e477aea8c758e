"""tf.train.Checkpoint: saves the variables of some objects to a file and restores them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from engine import devices, dtypes
from engine.dispatch import context, init_scope
from engine.tensor import describe
from engine.train.files import CheckpointReader, Node, write_checkpoint
from engine.train.objects import children, is_trackable, key_of, walk
from engine.train.restoring import Restoration
from engine.variable import Variable, attach


class Checkpoint:
    """Saves the variables of the objects it is given, and restores them by the same names.

    Args:
      root: an object whose own attributes are saved, or None.
      kwargs: objects to save, under these names: variables, modules, Keras layers, models and optimizers,
        random generators, and lists, tuples and dicts of them.

    A value finds its variable by the attributes, list positions and dict keys that lead to it; names of
    variables do not matter. A variable that is made after `restore`, say when a layer is first called,
    takes its value at its first use, if it hangs in its place by then; one that was used before, when it
    becomes an attribute. Differs from TensorFlow: not when it is appended to a list.

    The file is this engine's own, `prefix.npz`: neither this engine nor TensorFlow reads the other's.
    A value is written whole or not at all: who is interrupted keeps the earlier checkpoint. `options` is
    accepted and not used. Differs from TensorFlow: these methods cannot be called inside a tf.function.

    >>> import tempfile, engine as tf
    >>> step, w = tf.Variable(3), tf.Variable([1.0, 2.0])
    >>> path = tf.train.Checkpoint(step=step, w=w).save(tempfile.mkdtemp() + "/ckpt")
    >>> path.endswith("ckpt-1")
    True
    >>> new = tf.Variable([0.0, 0.0])
    >>> status = tf.train.Checkpoint(w=new).restore(path).expect_partial()
    >>> new.numpy().tolist()
    [1.0, 2.0]
    """

    def __init__(self, root: Any = None, **kwargs: Any):
        for name, value in (kwargs if root is None else {"root": root, **kwargs}).items():
            if not is_trackable(value):
                raise ValueError(
                    f"Checkpoint: {name} must be something that holds variables, but {describe(value)} was "
                    "given. To save a number, make it a tf.Variable; to save the variables of an object of "
                    "your own, derive its class from tf.Module."
                )
            if hasattr(type(self), name):
                raise ValueError(f"Checkpoint: {name!r} is a method; give the object another name.")
        if isinstance(root, Variable):
            raise ValueError(
                "Checkpoint: root is a variable; give it a name, as in Checkpoint(v=v)."
            )
        self._root = root
        self._counter: Variable | None = None
        held = {} if root is None else children(root)
        for name, value in kwargs.items():
            if name in held and held[name] is not value:
                raise ValueError(
                    f"Checkpoint: the root has an attribute {name!r}, which is not the {name} given. "
                    "Use another name."
                )
            setattr(self, name, value)

    __setattr__ = attach

    def _trackable_children(self) -> dict[str, Any]:
        held = {} if self._root is None else children(self._root)
        held.update({name: v for name, v in vars(self).items() if not name.startswith("_")})
        if self._counter is not None:
            held["save_counter"] = self._counter
        return held

    @property
    def save_counter(self) -> Variable:
        """How many times `save` was called, restored with everything else: an int64 variable."""
        if self._counter is None:
            with init_scope():
                self._counter = Variable(0, False, "save_counter", dtypes.int64)
        return self._counter

    def write(self, file_prefix: str | os.PathLike[str], options: Any = None) -> str:
        """Writes a checkpoint under exactly this name, and returns the name.

        It is not numbered, and `latest_checkpoint` does not find it; `read` restores it.
        """
        _outside_of_graphs("write")
        prefix = os.fspath(file_prefix)
        nodes, arrays = [], {}
        for value, path, edges in walk(self):
            if isinstance(value, Variable):
                array = np.asarray(devices.to_host(value._array))
                key = key_of(path)
                arrays[key] = array
                nodes.append(Node(edges, key, value.dtype.name, array.shape))
            else:
                nodes.append(Node(edges))
        write_checkpoint(prefix, nodes, arrays)
        return prefix

    def save(self, file_prefix: str | os.PathLike[str], options: Any = None) -> str:
        """Writes a checkpoint under the next number, 'prefix-1', 'prefix-2', ..., and returns its name.

        The directory notes it as its newest, so that `tf.train.latest_checkpoint` finds it.
        """
        from engine.train.manager import CheckpointState, write_state

        _outside_of_graphs("save")
        number = self.save_counter.assign_add(1).numpy()
        prefix = self.write(f"{os.fspath(file_prefix)}-{number}")
        write_state(os.path.dirname(prefix), CheckpointState(prefix, [prefix]))
        return prefix

    def sync(self) -> None:
        """Waits until all is written. `save` and `write` have done that when they return."""

    def read(self, save_path: str | os.PathLike[str], options: Any = None) -> CheckpointLoadStatus:
        """Restores what `write` wrote; the same as `restore`.

        Differs from TensorFlow: both restore what either `save` or `write` wrote, and none of the checks
        misses the save counter.
        """
        return self.restore(save_path)

    def restore(
        self, save_path: str | os.PathLike[str] | None, options: Any = None
    ) -> CheckpointLoadStatus:
        """Gives the variables the values they have in a checkpoint, now or when they are made.

        Args:
          save_path: what `save` or `tf.train.latest_checkpoint` returned. With None, when there is no
            checkpoint yet, nothing is restored.

        Returns:
          A status whose methods check that everything found its place.

        Raises:
          NotFoundError: when there is no such checkpoint.
          DataLossError: when its file is damaged.
          ValueError: when a variable has another shape or dtype than its value. Nothing is changed then.
        """
        _outside_of_graphs("restore")
        if save_path is None:
            return CheckpointLoadStatus(self, None)
        reader = CheckpointReader(save_path)
        _ = self.save_counter  # made now, to be restored with everything else
        try:
            return CheckpointLoadStatus(self, Restoration(reader, self))
        except BaseException:
            reader.close()
            raise


def _outside_of_graphs(what: str) -> None:
    if context.tracing:
        raise NotImplementedError(
            f"Checkpoint.{what} works with files and values, and while a tf.function is traced there are no "
            "values. Call it outside of the function, for example after each epoch."
        )


class CheckpointLoadStatus:
    """What `Checkpoint.restore` returns: ask it whether everything was restored."""

    def __init__(self, checkpoint: Checkpoint, restoration: Restoration | None):
        self._checkpoint = checkpoint
        self._restoration = restoration

    def _restored(self) -> Restoration:
        if self._restoration is None:
            raise AssertionError(
                "No checkpoint was named (save_path is None): nothing is restored."
            )
        if self._restoration.left_over():
            self._restoration.place()
        return self._restoration

    def assert_consumed(self) -> CheckpointLoadStatus:
        """Raises AssertionError unless every value found a variable, and every variable a value."""
        left = self._restored().left_over()
        if left:
            raise AssertionError(
                f"{len(left)} values of the checkpoint found no variable: {_some(left)}. Either the objects "
                "that had them are not made yet (a layer makes its variables when it is first called), or "
                "the checkpoint is of another program; assert_existing_objects_matched asks for less."
            )
        return self.assert_existing_objects_matched()

    def assert_existing_objects_matched(self) -> CheckpointLoadStatus:
        """Raises AssertionError unless every variable that exists by now took a value."""
        restoration = self._restored()
        given = {id(variable) for variable in restoration.given()}
        bare = [
            f"{'.'.join(path)} ({value.name})"
            for value, path, _ in walk(self._checkpoint)
            if isinstance(value, Variable)
            and value is not self._checkpoint._counter
            and id(value) not in given
        ]
        if bare:
            raise AssertionError(
                f"{len(bare)} variables took no value from the checkpoint: {_some(bare)}. It has "
                f"{_some(restoration.reader.get_variable_to_shape_map())}. A variable that was used before "
                "it was put in its place keeps its value, too."
            )
        return self

    def assert_nontrivial_match(self) -> CheckpointLoadStatus:
        """Raises AssertionError when the checkpoint knows no object but the Checkpoint itself."""
        restoration = self._restored()
        if not restoration.knows_more_than_the_root():
            raise AssertionError(
                "The checkpoint knows none of the objects. It has "
                f"{_some(restoration.reader.get_variable_to_shape_map())}."
            )
        return self

    def expect_partial(self) -> CheckpointLoadStatus:
        """Says that values without a variable are all right. Here nothing warns of them in any case."""
        return self


def _some(names: Any) -> str:
    """The first names of a list that may be long."""
    listed = [str(name).removesuffix("/.ATTRIBUTES/VARIABLE_VALUE") for name in names]
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more

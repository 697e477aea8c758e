"""BackupAndRestore: a run that was killed goes on where it was, and ends with the same weights."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from engine import dtypes
from engine.keras.callbacks.base import Callback
from engine.keras.saving.weights_file import replacing
from engine.ops import random

_LATEST, _PREVIOUS = "latest.npz", "previous.npz"


class BackupAndRestore(Callback):
    """Writes down all that training goes by, after every epoch or so many batches, and reads it at the start.

    Weights, optimizer, the states of random generators, the order of the examples, epoch and batch: a run
    that was killed and is started again, by the same program, ends with exactly the weights of one that was
    not. The file is replaced as a whole, so that it is complete at any moment. When training has ended it
    is removed.

    Differs from Keras: a run cut off inside an epoch goes on after the last batch that was written down,
    where Keras begins the epoch again; the files are the engine's own. The numbers of the epoch in which the
    run was cut off are those of the batches after that. The order of a Dataset that shuffles is the
    Dataset's own matter.

    Args:
      backup_dir: the folder, for this run alone.
      save_freq: 'epoch', or a number of batches.
      double_checkpoint: keep the file before the latest too, and read it if the latest is damaged.
      delete_checkpoint: remove the files when training has ended; not when it was broken off.

    Raises:
      ValueError: without a folder, for another `save_freq`, or for a model unlike the one that was saved.
    """

    def __init__(
        self,
        backup_dir: Any,
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        super().__init__()
        if not backup_dir:
            raise ValueError("BackupAndRestore needs a folder: backup_dir='backup'.")
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq <= 0):
            raise ValueError(
                f"BackupAndRestore: save_freq is 'epoch' or a number of batches, not {save_freq!r}."
            )
        self.backup_dir, self.save_freq = Path(backup_dir), save_freq
        self.double_checkpoint = bool(double_checkpoint)
        self.delete_checkpoint = bool(delete_checkpoint)
        self._epoch = 0
        self._unsaved = 0  # batches since the last time
        self._last = -1

    # --- hooks --------------------------------------------------------------------------------------

    def on_train_begin(self, logs: Any = None) -> None:
        """Goes back to what was written down, if there is something."""
        self._unsaved = 0
        found = self._read()
        if found is None:
            return
        place, arrays = found
        self._put_back(place, arrays)
        self.model._initial_epoch = place["epoch"]
        self.model._initial_batch = place["batch"]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remembers the epoch."""
        self._epoch, self._last = epoch, -1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Writes after every `save_freq` batches."""
        if self.save_freq == "epoch":
            return
        self._unsaved += batch - self._last
        self._last = batch
        if self._unsaved >= self.save_freq:
            self._unsaved = 0
            self._write(self._epoch, batch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes after every epoch."""
        self._write(epoch + 1, 0)

    def on_train_end(self, logs: Any = None) -> None:
        """Removes the files, unless training is ending because of an error or Ctrl-C."""
        if self.delete_checkpoint and sys.exc_info()[0] is None:
            for name in (_LATEST, _PREVIOUS):
                (self.backup_dir / name).unlink(missing_ok=True)
            if self.backup_dir.exists() and not any(self.backup_dir.iterdir()):
                self.backup_dir.rmdir()

    # --- the state of a run -------------------------------------------------------------------------

    def _variables(self) -> dict[str, Any]:
        """Everything that changes while a model is trained, by a name for the file."""
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        named = {f"model_{i}": v for i, v in enumerate(self.model.variables)}
        named |= {f"optimizer_{i}": v for i, v in enumerate(optimizer.variables)}
        named["random"] = random._global_state()
        if random._global is not None:
            named["generator"] = random._global.state
        return named

    def _write(self, epoch: int, batch: int) -> None:
        kept, kinds = {}, {}
        for name, variable in self._variables().items():
            array = variable.numpy()
            kinds[name] = array.dtype.name
            # NumPy's files know its own dtypes only.
            kept[name] = array.view(np.uint16) if variable.dtype is dtypes.bfloat16 else array
        feed = self.model._running
        place = {"epoch": epoch, "batch": batch, "seed": getattr(feed, "_seed", 0), "dtypes": kinds}
        latest = self.backup_dir / _LATEST
        if self.double_checkpoint and latest.exists():
            with replacing(self.backup_dir / _PREVIOUS) as copy:
                Path(copy).write_bytes(latest.read_bytes())
        with replacing(latest) as file, open(file, "wb") as out:
            np.savez(out, place=np.array(json.dumps(place)), **kept)

    def _read(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        names = [_LATEST, _PREVIOUS] if self.double_checkpoint else [_LATEST]
        damage: list[str] = []
        for name in names:
            path = self.backup_dir / name
            if not path.exists():
                continue
            try:
                with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                    arrays = {key: file[key] for key in file.files}
                return json.loads(str(arrays.pop("place"))), arrays
            except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
                damage.append(f"{path} is damaged ({error})")
        if damage:
            raise ValueError(
                f"BackupAndRestore: {'; '.join(damage)}. Remove it to begin the training anew."
            )
        return None

    def _put_back(self, place: dict[str, Any], arrays: dict[str, Any]) -> None:
        if "generator" in arrays:
            random.get_global_generator()
        variables = self._variables()
        fits = {
            name: name in arrays and tuple(arrays[name].shape) == tuple(v.shape.as_list())
            for name, v in variables.items()
            if name != "generator"
        }
        if not all(fits.values()) or not set(arrays) <= set(variables):
            raise ValueError(
                f"BackupAndRestore: {self.backup_dir} holds the state of another model or optimizer. Give "
                "each run a folder of its own, or remove this one to begin anew."
            )
        for name, array in arrays.items():
            variable = variables[name]
            if variable.dtype is dtypes.bfloat16:
                array = array.view(dtypes.bfloat16.as_numpy_dtype)
            variable.assign(array)
        feed = self.model._running
        if hasattr(feed, "_seed"):
            feed._seed = place["seed"]

"""nbgrader's step that executes a submission, replaced by one that does it in a sandbox.

nbgrader_config.py names it among `Autograde.autograde_preprocessors`; all of nbgrader's other steps stay,
and so do its gradebook, formgrader, late penalties and feedback.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import Execute
from traitlets import Bool

from graders.sandbox.execute import run_notebook
from graders.sandbox.jail import Jail, NoSandbox, unavailable

_jails: dict[int, Jail] = {}  # one for each process of the grader's
_lock = threading.Lock()


def shared_jail() -> Jail:
    """The jail of this process; started when it is first needed, ended with the process.

    Raises:
      NoSandbox: when there can be none on this machine.
    """
    with _lock:
        jail = _jails.get(os.getpid())
        if jail is None or jail.ended:
            why = unavailable()
            if why:
                raise NoSandbox(f"submissions are not run without a sandbox: {why}")
            jail = _jails[os.getpid()] = Jail()
            atexit.register(jail.close)
        return jail


class SandboxedExecute(Execute):
    """Runs a submission where it can do no harm, and grades it from outside.

    `unsafe` runs it in an ordinary kernel, as nbgrader does: it can then read and change all that you can.
    """

    unsafe = Bool(False, help="Run submissions without a sandbox.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """The notebook with the outputs of all its cells.

        Raises:
          NoSandbox: when there is none, and `unsafe` was not asked for.
          NotGraded: when a graded cell is not one of the course's.
        """
        if self.unsafe:
            return super().preprocess(nb, resources)
        run_notebook(nb, shared_jail())
        return nb, resources

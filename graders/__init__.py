"""Checks for the exercises: `from graders import check, hint`.

For a learner: check, hints, report, store. What is asked: tasks. For an instructor: cli, release,
grade. The folder `instructor` is a second import root with wrong answers; it is not part of this
package, and a learner's kernel never has it on its path.
"""

from graders import absent
from graders.check import check
from graders.hints import hint

__all__ = ["check", "hint"]

absent.explain()

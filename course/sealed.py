"""Quiz files as learners get them: their answers cannot be read in passing.

The course's repository has course/quizzes/NN.toml, in the clear, for whoever writes them. The archive for
learners has NN.quiz in its place. That keeps nobody out who wants in: a quiz is answered on the learner's own
machine, where nothing is secret. It keeps an answer from being seen by whoever looks for something else.
"""

from __future__ import annotations

import base64

SUFFIX = ".quiz"


def seal(text: str) -> bytes:
    """A quiz file's text, not to be read by eye.

    >>> unseal(seal("answer = 1"))
    'answer = 1'
    >>> b"answer" in seal("answer = 1")
    False
    """
    return base64.b85encode(text.encode()) + b"\n"


def unseal(data: bytes) -> str:
    """The text of a sealed quiz file. Raises: ValueError when it is none."""
    return base64.b85decode(data.strip()).decode()

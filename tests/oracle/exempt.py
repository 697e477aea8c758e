"""What has no recorded case, and why. Each list is checked for entries that no longer belong there."""

from __future__ import annotations

# Differentiable primitives that neither TensorFlow nor PyTorch can bear witness to.
NO_WITNESS: dict[str, str] = {}

# Public operations without a case of their own.
NOT_RECORDED: dict[str, str] = {}

"""Pictures that a submission shows: PNG, which nothing can run in, and no other kind."""

from __future__ import annotations

import base64
import binascii

MAX_IMAGE = 2 * 2**20
"""Bytes of a picture that is kept."""


def is_png(text: str) -> bool:
    """Is this base64 and nothing else, of a PNG image?"""
    try:
        image = base64.b64decode(text.replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(image) <= MAX_IMAGE and image.startswith(b"\x89PNG\r\n\x1a\n")

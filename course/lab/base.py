"""What every widget shares: its files in `static/`, and the picture that stays when it is gone.

A widget lives as long as its kernel. Each one therefore emits a second output, plain HTML, which
a reopened, printed or exported copy still shows; the live widget hides it (see `common.js`).
"""

from __future__ import annotations

import base64
import re
import uuid
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython import get_ipython
from IPython.display import display

STATIC = Path(__file__).with_name("static")

# JupyterLab prints "Error displaying widget: model not found" for a widget whose kernel has gone.
# Above one of our fallbacks that line says nothing: the fallback is what the reader should see.
_HIDE_DEAD_WIDGET = (
    "<style>.jp-OutputArea-child:has(~ .jp-OutputArea-child .txm-fallback)"
    " > .jupyter-widgets:not(:has(*)) { display: none }</style>"
)


def asset(name: str) -> str:
    """The text of a file in `static/`."""
    return (STATIC / name).read_text(encoding="utf-8")


def module(name: str) -> str:
    """One self-contained JavaScript module: the shared functions, then the widget's own."""
    return asset("common.js") + "\n" + asset(name)


def in_notebook() -> bool:
    """Whether a notebook kernel is there to show a widget to."""
    return getattr(get_ipython(), "kernel", None) is not None


def data_uri(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def rich_html(text: str) -> str:
    """`code`, **bold** and fenced blocks as HTML; everything else stays text (as in common.js)."""
    pieces = re.split(r"```(?:\w*\n)?", escape(text))
    for i, piece in enumerate(pieces):
        if i % 2:
            pieces[i] = f"<pre>{piece.removesuffix(chr(10))}</pre>"
        else:
            piece = re.sub(r"`([^`]+)`", r"<code>\1</code>", piece)
            pieces[i] = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", piece)
    return "".join(pieces)


def svg_figure(svg: str, alt: str, caption: str = "") -> str:
    """A drawing as an `<img>`: it survives the HTML sanitizer of an untrusted notebook."""
    return image_figure(data_uri("image/svg+xml", svg.encode()), alt, caption)


def image_figure(source: str, alt: str, caption: str) -> str:
    text = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    picture = f'<img src="{source}" alt="{escape(alt, quote=True)}" style="max-width: 100%">'
    return f'<figure style="margin: 4px 0">{picture}{text}</figure>'


class LabWidget(anywidget.AnyWidget):
    """An anywidget with a static twin. Subclasses say what that twin is in `_static`."""

    _css = asset("lab.css")
    _uid = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: object) -> None:
        super().__init__(_uid=uuid.uuid4().hex[:12], **traits)

    @traitlets.observe("comm")
    def _hear_clicks_while_a_cell_runs(self, change: dict[str, Any]) -> None:
        # ipykernel 7.4 hands what the page sends to the loop that last published on the comm. While a
        # cell draws a curve that is the busy one, and Stop would wait for the end. Nothing here waits
        # for a reply, so each message goes to the subshell that the page addressed.
        if hasattr(change["new"], "_reply_subshell_for"):
            change["new"]._reply_subshell_for = lambda _data, addressed: addressed

    def _static(self) -> dict[str, str]:
        """The twin as a MIME bundle: at least "text/html" and "text/plain"."""
        raise NotImplementedError

    def show_static(self) -> None:
        """Emit the twin as an output of its own; while this widget is alive it stays hidden."""
        bundle = dict(self._static())
        bundle["text/html"] = (
            f'<div class="txm-fallback" data-for="{self._uid}">{bundle["text/html"]}</div>'
            + _HIDE_DEAD_WIDGET
        )
        display(bundle, raw=True)

    def show_live(self) -> None:
        """Emit the widget alone, without words: the static twin has them, and once is enough."""
        bundle, metadata = super()._repr_mimebundle_() or ({}, {})
        del bundle["text/plain"]
        display(bundle, metadata=metadata, raw=True)

    def _ipython_display_(self) -> None:
        if in_notebook():
            self.show_live()
            self.show_static()
        else:
            print(self._static()["text/plain"])

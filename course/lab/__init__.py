"""The widgets of the lessons. Each is one class; each leaves a static picture behind.

`figure_style` is no widget: it makes Matplotlib's figures fit both themes.
"""

from course.lab.broadcast_align import BroadcastAlign
from course.lab.figures import figure_style
from course.lab.graph_view import GraphView
from course.lab.loss_curve import LossCurve
from course.lab.loss_surface import LossSurface
from course.lab.memory_row import MemoryRow
from course.lab.pass_view import PassView
from course.lab.progress import ProgressMap
from course.lab.quiz import Predict, Quiz
from course.lab.shape_boxes import ShapeBoxes
from course.lab.slope_view import SlopeView
from course.lab.tape_view import TapeView
from course.lab.trace_cache import TraceCache

__all__ = [
    "BroadcastAlign",
    "GraphView",
    "LossCurve",
    "LossSurface",
    "MemoryRow",
    "PassView",
    "Predict",
    "ProgressMap",
    "Quiz",
    "ShapeBoxes",
    "SlopeView",
    "TapeView",
    "TraceCache",
    "figure_style",
]

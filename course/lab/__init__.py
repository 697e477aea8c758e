"""The widgets of the lessons. Each is one class; each leaves a static picture behind."""

from course.lab.graph_view import GraphView
from course.lab.loss_curve import LossCurve
from course.lab.progress import ProgressMap
from course.lab.quiz import Predict, Quiz
from course.lab.shape_boxes import ShapeBoxes

__all__ = ["GraphView", "LossCurve", "Predict", "ProgressMap", "Quiz", "ShapeBoxes"]

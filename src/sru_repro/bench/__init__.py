"""Measures speed: whole models, the recurrence alone, cost per call, growth. Trains nothing, writes nothing."""

from .plan import PARTS, BenchPlan, budget_s
from .run import choice, measure
from .shapes import GROWTH, SHAPES, Shape

__all__ = ["GROWTH", "PARTS", "SHAPES", "BenchPlan", "Shape", "budget_s", "choice", "measure"]

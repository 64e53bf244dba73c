"""How good a generator is: cross-entropy, filled pixels and a Frechet distance, each beside baselines."""

from .estimate import Against, Estimate
from .evaluate import Contender, Measures, measure_task
from .interface import Case
from .pixels import CasePixels, fill_from_six_sides
from .results import Evaluation, Score, TaskResult
from .sheet import SheetRow, write_sheet

__all__ = [
    "Against",
    "Case",
    "CasePixels",
    "Contender",
    "Estimate",
    "Evaluation",
    "Measures",
    "Score",
    "SheetRow",
    "TaskResult",
    "fill_from_six_sides",
    "measure_task",
    "write_sheet",
]

"""`from mlff.ase import MLFFCalculator`: another name of `mlff.calculator.MLFF`."""
from .calculator import MLFF as MLFFCalculator

__all__ = ["MLFFCalculator"]

"""Underpin host agent: reads what the layer below containers looks like and never changes it."""

__version__ = "0.1.0"

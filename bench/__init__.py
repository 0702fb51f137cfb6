"""Comparative benchmark harness across sparse latent models."""

from pathlib import Path

__version__ = "0.1.0"

RESULTS = Path("results/runs")
"""Where runs are kept unless told otherwise."""

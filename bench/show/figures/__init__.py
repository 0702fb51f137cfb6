"""Figures for papers: one function a figure, plain arrays in, a matplotlib Figure out; `study` draws those of a run."""

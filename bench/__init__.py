"""Comparative benchmark harness across sparse latent models."""

__version__ = "0.1.0"

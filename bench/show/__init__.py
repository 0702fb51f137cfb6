"""Boards become text, tables, a page and figures, from what runs left on disk."""

"""A name, `package.module:Object` or `file.py:Object` becomes a checked plug-in."""

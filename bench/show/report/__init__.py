"""Records -> report.html: tables, figures and provenance as one file that needs nothing else.

No request leaves the page: styles, scripts, plotly.js and the numbers lie in the file, and a content policy forbids the
rest. What records and plug-ins call themselves is text everywhere, never markup.
"""

from bench.show.report.page import write
from bench.show.report.site import write_site

__all__ = ["write", "write_site"]

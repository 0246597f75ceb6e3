"""How the site is built: `make docs`, without network, with warnings as errors."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from metarl import __version__

project = "metarl"
author = "metarl developers"
project_copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "generators",
]
exclude_patterns = ["_build", "generators", "principles.md"]
# Docstrings and commands are shown as they are written: no curly quotes, no dashes.
smartquotes = False

myst_enable_extensions = ["deflist"]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
toc_object_entries = False
default_role = "code"
highlight_language = "none"

html_theme = "furo"
html_title = f"metarl {release}"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

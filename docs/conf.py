"""How Sphinx makes the site of the documentation; `make docs` calls it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# The reference imports the operators, and Airflow writes its configuration where it is first imported.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-home-")
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)

from airflow_provider_instantly import __version__  # noqa: E402

project = "airflow-provider-instantly"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence"]
# Links to headings, as they work on GitHub.
myst_heading_anchors = 3
# What docstrings write between single backticks.
default_role = "py:obj"
autodoc_default_options = {"member-order": "bysource"}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = f"{project} {release}"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False


def _link_pictures(_app: Sphinx, document: nodes.document) -> None:
    """Lead from a picture of Airflow's page, whose text is small beside the manual's, to itself in full size."""
    for picture in document.findall(nodes.image):
        if picture["uri"].endswith(".png"):
            # Sphinx links what has a width of its own.
            picture["width"] = "100%"


def setup(app: Sphinx) -> None:
    """Add what Sphinx and the theme do not do by themselves."""
    app.connect("doctree-read", _link_pictures)

"""How the documentation is built: `make docs`."""

from importlib import metadata
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

project = "asgd"
author = copyright = "The asgd authors"  # noqa: A001 - Sphinx calls it so
release = metadata.version("asgd")
html_title = f"asgd {release}"
html_theme = "furo"
html_theme_options = {
    "source_repository": "https://github.com/OWNER/asgd/",
    "source_branch": "main",
}
extensions = ["myst_parser", "sphinx_click", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
napoleon_google_docstring = False
autodoc_typehints = "none"  # the docstrings name them
# Words of numpydoc's types, the standard library, and fields that have no page here.
_WORDS = "optional|callable|array_like|float32|float64|object|datetime|Limits|Hello|Waiver"
nitpick_ignore_regex = [("py:class", _WORDS)]


def _math(display):
    def visit(self, node):
        # MathML is drawn by the browser itself: no script, no network. Without room above and
        # below, the theme would let tall formulas scroll.
        room = "0.7em" if display == "block" else "0"
        text = convert(node.astext(), display=display)
        self.body.append(text.replace("<math ", f'<math style="padding-block: {room}" ', 1))
        raise nodes.SkipNode

    return visit, None


def setup(app):
    """Write formulas as MathML; link to the kept reports where there are some."""
    if any(Path(__file__).parents[2].glob("tests/meta/evidence/ports/*.json")):
        app.tags.add("kept")
    for node, display in ((nodes.math, "inline"), (nodes.math_block, "block")):
        app.add_node(node, override=True, html=_math(display))

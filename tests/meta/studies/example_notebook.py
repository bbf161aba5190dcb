"""Run the example notebook of spec/docs/ and renew what it shows.

pip install nbclient ipykernel
python tests/meta/studies/example_notebook.py
"""

import platform
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[3] / "spec" / "docs" / "example.ipynb"


def executed() -> Any:
    """The notebook with what its cells show now; an error in a cell is raised."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(PATH, as_version=4)
    NotebookClient(notebook, timeout=300, record_timing=False).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "text/html" in data:  # the page names the machine
                data["text/html"] = data["text/html"].replace(platform.platform(), "Linux")
    notebook.metadata.pop("widgets", None)
    return notebook


def main() -> None:
    """Renew the notebook."""
    import nbformat

    nbformat.write(executed(), PATH)


if __name__ == "__main__":
    main()

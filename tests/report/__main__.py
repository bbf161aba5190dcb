"""`python -m asgd.tests.report`: print the JSON Schema of the report."""

import sys

from .as_json import schema_text

if __name__ == "__main__":
    sys.stdout.write(schema_text())

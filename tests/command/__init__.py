"""Entry point of the ``asgd`` command: it needs the extra ``report``, and says so without it."""

import sys


def main() -> None:
    """Run the command line; exit with its code."""
    try:
        import click  # noqa: F401, PLC0415 - present or not is what is asked
        import jinja2  # noqa: F401, PLC0415
        import rich  # noqa: F401, PLC0415
    except ImportError:
        print('the asgd command needs its extra: pip install "asgd[report]"', file=sys.stderr)  # noqa: T201
        sys.exit(2)
    from .cli import cli, split_program  # noqa: PLC0415 - only with the extra

    arguments, program = split_program(sys.argv[1:])
    cli.main(args=arguments, prog_name="asgd", obj=program)


if __name__ == "__main__":
    main()

"""Which of many similar cases the quick suite runs."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Leave all but a few cases of a test marked `sample` to `.ci/run`, as slow ones.

    The few are spread evenly, so that each kind in an ordered list keeps one.
    """
    cases = {}
    for item in items:
        mark = item.get_closest_marker("sample")
        if mark:
            cases.setdefault((item.path, item.originalname), (mark.args[0], []))[1].append(item)
    for count, similar in cases.values():
        kept = {len(similar) * k // count for k in range(count)}
        for i, item in enumerate(similar):
            if i not in kept:
                item.add_marker(pytest.mark.slow)

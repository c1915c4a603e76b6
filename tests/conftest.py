"""What concerns the order of all tests."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The guides, single tests of up to a minute, begin first: at the end one worker would wait for the other."""
    items.sort(key=lambda item: "test_docs.py" not in item.nodeid)

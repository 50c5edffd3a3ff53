"""What JSON can hold, for properties of what reads it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st


def json_values(
    leaves: st.SearchStrategy[Any] | None = None, keys: st.SearchStrategy[str] | None = None, *, floats: bool = True
) -> st.SearchStrategy[Any]:
    """
    Any value that JSON can hold.

    :param leaves: values that it is to hold now and then.
    :param keys: keys that its objects are to have now and then.
    :param floats: whether it may hold numbers with a fraction, among them those that do not equal themselves.
    """
    scalars: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.text()
    scalars = scalars | st.floats() if floats else scalars
    names = st.text(max_size=8) if keys is None else keys | st.text(max_size=8)
    return st.recursive(
        scalars if leaves is None else scalars | leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=8),
        max_leaves=20,
    )


ANY_JSON = json_values()

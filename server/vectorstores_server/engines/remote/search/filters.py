"""Filters as a service takes them, meaning the same."""

from vectorstores_tools.contract.filters import MEMBERSHIPS, Comparison, Compound, Filter, Operator


def simplified(filter: Filter | None) -> Filter | bool:
    """Take out empty compounds, which services read in their own ways: True matches all, False nothing."""
    if filter is None:
        return True
    if isinstance(filter, Comparison):
        return filter
    settles = filter.operator == "or"  # one True settles an `or`, one False an `and`
    parts = [simplified(part) for part in filter.filters]
    if settles in parts:
        return settles
    left = tuple(part for part in parts if not isinstance(part, bool))
    if len(left) < 2:
        return left[0] if left else not settles
    return Compound(filter.operator, left)


def without_membership(filter: Filter) -> Filter:
    """Say `in` as `or` of `eq`, and `nin` as `and` of `ne`."""
    if isinstance(filter, Compound):
        return Compound(filter.operator, tuple(without_membership(part) for part in filter.filters))
    if filter.operator not in MEMBERSHIPS or not isinstance(filter.value, tuple):
        return filter
    each: Operator = "eq" if filter.operator == "in" else "ne"
    parts = tuple(Comparison(each, filter.key, value) for value in filter.value)
    return parts[0] if len(parts) == 1 else Compound("or" if filter.operator == "in" else "and", parts)

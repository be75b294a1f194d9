import json
import sqlite3
from collections.abc import Generator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from support.examples import examples
from support.memory_catalog import open_memory
from vectorstores_server.engines.local.catalog.attributes import replace_attributes
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.filter_sql import select_attachments
from vectorstores_server.engines.local.catalog.search_view import matching
from vectorstores_tools.contract.errors import InvalidFilter
from vectorstores_tools.contract.filters import (
    ADDED_AT,
    FACT_KEYS,
    FILENAME,
    MAX_INTEGER,
    MAX_VALUES,
    MODIFIED_AT,
    PATH,
    TYPE,
    Comparison,
    Compound,
    Filter,
    Operator,
    file_type,
    matches,
    parse_filter,
)

FRESH_LOOPS = True

AGE = {"age": 40, "name": "ada", "on": True, "rate": 0.5}


def met(given: object, attributes: dict[str, Any] | None = None) -> bool:
    return matches(parse_filter(given), AGE if attributes is None else attributes)


def one(type: str, key: str, value: object) -> dict[str, object]:
    return {"type": type, "key": key, "value": value}


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (one("eq", "age", 40), True),
        (one("eq", "age", 40.0), True),
        (one("eq", "age", "40"), False),
        (one("eq", "on", True), True),
        (one("eq", "on", 1), False),
        (one("eq", "age", True), False),
        (one("ne", "age", "40"), True),
        (one("ne", "age", 40), False),
        (one("gt", "age", 39.5), True),
        (one("gt", "age", 40), False),
        (one("gte", "age", 40), True),
        (one("lt", "name", "b"), True),
        (one("lt", "name", 5), False),
        (one("lte", "rate", 0.5), True),
        (one("in", "age", [1, 40]), True),
        (one("in", "age", ["40"]), False),
        (one("in", "age", []), False),
        (one("nin", "age", [1, 2]), True),
        (one("nin", "age", [40]), False),
        (one("nin", "age", []), True),
    ],
)
def test_types_never_mix(filter: object, expected: bool):
    assert met(filter) is expected


@pytest.mark.parametrize("type", ["eq", "gt", "gte", "lt", "lte"])
def test_a_file_without_the_key_meets_no_comparison_but_ne_and_nin(type: str):
    assert not met(one(type, "absent", 1))
    assert not met(one("in", "absent", [1]))
    assert met(one("ne", "absent", 1))
    assert met(one("nin", "absent", [1]))


def test_an_empty_and_is_all_and_an_empty_or_is_nothing():
    assert met({"type": "and", "filters": []})
    assert not met({"type": "or", "filters": []})
    assert matches(None, None)


def test_compounds_nest():
    either = {"type": "or", "filters": [one("eq", "age", 1), one("eq", "name", "ada")]}
    assert met({"type": "and", "filters": [either, one("eq", "on", True)]})
    assert not met({"type": "and", "filters": [either, one("eq", "on", False)]})


def nested(depth: int) -> dict[str, Any]:
    filter: dict[str, Any] = one("eq", "a", 1)
    for _ in range(depth - 1):
        filter = {"type": "and", "filters": [filter]}
    return filter


def test_eight_levels_are_allowed_and_nine_are_not():
    assert parse_filter(nested(8)) is not None
    with pytest.raises(InvalidFilter, match="deeper than 8"):
        parse_filter(nested(9))


def test_two_hundred_parts_are_allowed_and_one_more_is_not():
    assert parse_filter({"type": "or", "filters": [one("eq", "a", 1)] * 199}) is not None
    with pytest.raises(InvalidFilter, match="more than 200 parts"):
        parse_filter({"type": "or", "filters": [one("eq", "a", 1)] * 200})


def test_ten_thousand_values_are_allowed_and_one_more_is_not():
    assert parse_filter(one("in", "a", list(range(MAX_VALUES)))) is not None
    with pytest.raises(InvalidFilter, match="more than 10000 values"):
        parse_filter({"type": "or", "filters": [one("in", "a", list(range(MAX_VALUES))), one("in", "a", [1])]})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"topic": "ai"}, one("eq", "topic", "ai")),
        ({"key": "topic", "value": "ai"}, one("eq", "topic", "ai")),
        ({"topic": ["ai", "ml"]}, one("in", "topic", ["ai", "ml"])),
        ({"year": {"$gte": 2020}}, one("gte", "year", 2020)),
        ({"year": {"$gt": 1, "$lt": 9}}, {"type": "and", "filters": [one("gt", "year", 1), one("lt", "year", 9)]}),
        ({"a": 1, "b": 2}, {"type": "and", "filters": [one("eq", "a", 1), one("eq", "b", 2)]}),
        ({"$and": [{"a": 1}, {"b": 2}]}, {"type": "and", "filters": [one("eq", "a", 1), one("eq", "b", 2)]}),
        ([{"a": 1}, {"b": 2}], {"type": "and", "filters": [one("eq", "a", 1), one("eq", "b", 2)]}),
        (one("==", "a", 1), one("eq", "a", 1)),
        ({"key": "a", "operator": ">=", "value": 1}, one("gte", "a", 1)),
        (one("eq", "a", ["x", "y"]), one("in", "a", ["x", "y"])),
        (one("ne", "a", ["x"]), one("nin", "a", ["x"])),
        (one("in", "a", "x"), one("in", "a", ["x"])),
    ],
)
def test_a_filter_in_a_wrong_form_is_answered_with_the_corrected_json(given: object, meant: object):
    with pytest.raises(InvalidFilter) as refused:
        parse_filter(given)
    assert f"filters={json.dumps(meant)}" in refused.value.next
    assert parse_filter(meant) is not None


@pytest.mark.parametrize(
    "given",
    [
        "topic = ai",
        7,
        one("eq", "", 1),
        one("eq", "k" * 65, 1),
        one("eq", "a", None),
        one("eq", "a", {"b": 1}),
        one("gt", "a", True),
        one("gt", "a", [1, 2]),
        one("in", "a", [None]),
        one("eq", "a", float("nan")),
        one("eq", "a", 2**63),
        one("eq", "a", "\ud800"),
        one("eq", "\ud800", 1),
        {"type": "and"},
        {"type": "and", "filters": "x"},
        {"type": ["and"], "filters": []},
        {"type": "and", "filters": [], "key": "a"},
        {**one("eq", "a", 1), "boost": 2},
    ],
)
def test_what_is_no_filter_is_refused_with_an_example(given: object):
    with pytest.raises(InvalidFilter) as refused:
        parse_filter(given)
    assert refused.value.status == 400
    assert refused.value.param == "filters"
    assert "filters={" in refused.value.next


KEYS = st.sampled_from(["a", "b", "c", "$type"])
INTEGERS = st.integers(-MAX_INTEGER, MAX_INTEGER)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
CLOSE = st.sampled_from([
    0, -0.0, 0.5, 1, 1.0, True, False, "", "1", "a", "ab", "b", "é", "\U0001f600", "\uffff", "\U0010ffff", "a\0b",
    2**53, 2**53 + 1, float(2**53), MAX_INTEGER, float(2**63),
])  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8"), max_size=3)
SCALARS = CLOSE | INTEGERS | FLOATS | st.booleans() | TEXTS
ORDERED = SCALARS.filter(lambda v: not isinstance(v, bool))
ORDERINGS: list[Operator] = ["gt", "gte", "lt", "lte"]
NAMES = st.sampled_from(
    [
        "a.md",
        "A.MD",
        "b.tar.gz",
        "Makefile",
        ".env",
        "x.",
        "..x",
        ".",
        "",
        "a.É",
        "\U0010ffff.\U0010ffff",
        "\ud7ff.py",
    ]
) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
"""Names of files; U+0000 is in none (tests/tools/test_nul.py)."""
MOMENTS = st.integers(0, 5)
ENDINGS = st.sampled_from(["md", "gz", "É", "m", "\U0010ffff", "\ud7ff"])


def comparisons_of(key: st.SearchStrategy[str], values: st.SearchStrategy[Any], of_file: bool) -> Any:
    ordered = values.filter(lambda v: not isinstance(v, bool))
    several = st.lists(values, max_size=4).map(tuple)
    where = st.just(of_file)
    return st.one_of(
        st.builds(Comparison, st.sampled_from(["eq", "ne"]), key, values, where),
        st.builds(Comparison, st.sampled_from(ORDERINGS), key, ordered, where),
        st.builds(Comparison, st.sampled_from(["in", "nin"]), key, several, where),
        st.builds(Comparison, st.just("prefix"), key, values.filter(lambda v: isinstance(v, str)), where),
    )


COMPARISONS = comparisons_of(KEYS, SCALARS, of_file=False) | comparisons_of(
    st.sampled_from(FACT_KEYS),
    MOMENTS | NAMES | ENDINGS | st.sampled_from(["src/api/", "src/a"]) | SCALARS,
    of_file=True,
)
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    COMPARISONS,
    lambda inner: st.builds(Compound, st.sampled_from(["and", "or"]), st.lists(inner, max_size=3).map(tuple)),
    max_leaves=8,
)
ATTRIBUTES = st.dictionaries(KEYS, SCALARS, max_size=3)


@pytest.fixture(scope="module")
def catalog(dialect: None) -> Generator[DB]:
    del dialect
    with closing(open_memory()) as db:
        db.execute(
            "INSERT INTO store (id, created_at, last_active_at, table_name) VALUES ('s', 0, 0, 't'), ('o', 0, 0, 'u')"
        )
        yield db


PATHS = st.none() | st.sampled_from(["src/api/a.py", "src/api", "src/apis/b", "src/"]) | NAMES
FILES = st.fixed_dictionaries(
    {"attributes": ATTRIBUTES, "filename": NAMES, "name": st.none() | NAMES, "added_at": MOMENTS, "path": PATHS,
     "modified_ns": st.none() | st.integers(0, 5 * 10**9)}
)  # fmt: skip


def facts(file: dict[str, Any]) -> dict[str, Any]:
    name = file["filename"] if file["name"] is None else file["name"]
    seconds = None if file["modified_ns"] is None else file["modified_ns"] // 10**9
    return {
        PATH: file["path"], FILENAME: name, TYPE: file_type(name), ADDED_AT: file["added_at"], MODIFIED_AT: seconds,
    }  # fmt: skip


@settings(max_examples=examples(400), deadline=None)
@given(held=st.lists(FILES, min_size=1, max_size=5), filter=FILTERS)
def test_sql_finds_exactly_what_matches(catalog: DB, held: list[dict[str, Any]], filter: Filter):
    # The contract refuses it; SQLite may have kept it before.
    assume(isinstance(catalog, sqlite3.Connection) or "\\x00" not in repr((held, filter)))
    for table in ("attribute", "attachment", "file"):
        catalog.execute(f"DELETE FROM {table}")
    for number, file in enumerate(held):
        catalog.execute(
            "INSERT INTO file (id, filename, purpose, bytes, sha256, created_at) VALUES (?, ?, 'p', 0, '', 9)",
            (f"f{number}", file["filename"]),
        )
        # The same file in another store, which no filter of this one may see.
        for store, id in (("s", number), ("o", 1000 + number)):
            catalog.execute(
                "INSERT INTO attachment (id, store_id, file_id, created_at, name, path, modified_ns, status,"
                " chunk_size, chunk_overlap) VALUES (?, ?, ?, ?, ?, ?, ?, 'completed', 800, 400)",
                (id, store, f"f{number}", file["added_at"], file["name"], file["path"], file["modified_ns"]),
            )
            replace_attributes(catalog, id, file["attributes"])
            if number % 3 == 0:  # attributes before and after the file is live
                catalog.execute("UPDATE attachment SET live_rev = ? WHERE id = ?", (10 + id, id))
                replace_attributes(catalog, id, file["attributes"])
            if number % 3 == 1:
                catalog.execute("UPDATE attachment SET live_rev = ? WHERE id = ?", (10 + id, id))
    meant = {n for n, file in enumerate(held) if matches(filter, file["attributes"], facts(file))}
    live = {10 + n for n in range(len(held)) if n % 3 != 2}
    wanted = {10 + n for n in meant} & live
    found = matching(catalog, "s", filter)
    assert (len(found), set(found)) == (len(wanted), wanted)
    query, values = select_attachments(filter, "s")
    listed = [id for (id,) in catalog.execute(query, values)]
    assert (len(listed), set(listed)) == (len(meant), meant), "a list shows files that are not live, too"


@pytest.mark.parametrize(
    ("filename", "type"),
    [("a.md", "md"), ("A.PDF", "pdf"), ("a.tar.gz", "gz"), ("Makefile", None), (".env", None), ("a.", None)],
)
def test_the_type_of_a_file_is_the_ending_of_its_name(filename: str, type: str | None):
    assert file_type(filename) == type


@pytest.mark.parametrize("written", ["pdf", ".pdf", ".PDF"])
def test_a_type_may_be_written_with_its_dot_and_in_capitals(written: str):
    pdf = {TYPE: "pdf"}
    assert matches(parse_filter(one("eq", "$type", written)), {}, pdf)
    assert matches(parse_filter(one("in", "$type", [written, 3])), {}, pdf)


def test_a_fact_goes_before_an_attribute_of_its_name_and_openais_grammar_knows_none():
    asked = one("eq", "$type", "own")
    assert not matches(parse_filter(asked), {"$type": "own"}, {TYPE: "md"})
    assert matches(parse_filter(asked, extended=False), {"$type": "own"}, {TYPE: "md"})
    assert matches(parse_filter(one("eq", "$other", "own")), {"$other": "own"}, {TYPE: "md"})


def test_a_prefix_is_what_a_string_begins_with():
    assert met(one("prefix", "name", "ad"))
    assert met(one("prefix", "name", ""))
    assert not met(one("prefix", "name", "da"))
    assert not met(one("prefix", "age", "4"))
    assert not met(one("prefix", "absent", ""))
    with pytest.raises(InvalidFilter, match="'prefix' needs 'value', a string"):
        parse_filter(one("prefix", "name", 4))
    with pytest.raises(InvalidFilter, match="Unknown filter type 'prefix'; there are eq, ne, gt"):
        parse_filter(one("prefix", "name", "ad"), extended=False)

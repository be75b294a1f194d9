from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from vectorstores_server.intake.name_forms import NameForms

LETTERS = "ab.-_*?[]"


@given(st.lists(st.text(LETTERS, max_size=6), max_size=5), st.text("ab.-_]", max_size=8))
def test_a_name_has_one_of_many_forms_as_fnmatch_says_of_each(forms: list[str], name: str) -> None:
    assert NameForms(forms).match(name) == any(fnmatchcase(name, form) for form in forms)

"""Names against many forms of the shell's (`*.lock`, `.env*`) at once, for a walk that asks it of every file (pure)."""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate

_WILD = re.compile(r"[*?\[]")


class NameForms:
    """Forms of names, each of which matches as `fnmatch.fnmatchcase` has it.

    Most forms are a word at the beginning or the end of a name, or a whole one: these are compared as words,
    and of the others those that end in a word are looked at more closely where a name does.
    """

    def __init__(self, forms: Iterable[str]) -> None:
        whole, begins, ends = set[str](), list[str](), list[str]()
        ended, others = dict[str, str](), list[str]()
        for form in forms:
            if not _WILD.search(form):
                whole.add(form)
            elif form.endswith("*") and not _WILD.search(form[:-1]):
                begins.append(form[:-1])
            elif form.startswith("*") and not _WILD.search(form[1:]):
                ends.append(form[1:])
            elif (tail := _WILD.split(form)[-1]) and "[" not in form:
                ended[form] = tail
            else:
                others.append(form)
        self._whole = frozenset(whole)
        self._begins, self._ends = tuple(begins), tuple(ends)
        self._tails, self._ended, self._others = tuple(set(ended.values())), _any_of(ended), _any_of(others)

    def match(self, name: str) -> bool:
        """Tell whether a name has one of the forms."""
        return (
            name in self._whole
            or name.startswith(self._begins)
            or name.endswith(self._ends)
            or (name.endswith(self._tails) and self._ended(name) is not None)
            or self._others(name) is not None
        )


def _any_of(forms: Iterable[str]) -> Callable[[str], object]:
    translated = "|".join(map(translate, forms))
    return re.compile(translated or r"(?!)").match

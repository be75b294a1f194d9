"""Importing LanceDB 0.40 without its client for remote catalogs: half of the import, and never used.

`import lancedb` imports `lance_namespace` for the names of its classes: 200 models of a REST service, which take more
than half of the processor time and 17 MB. While it is imported, empty classes stand for them. Where that no longer
works, LanceDB is imported as it is.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

UNUSED = ("lance_namespace", "lance_namespace_urllib3_client")


def load(name: str = "lancedb", unused: Sequence[str] = UNUSED) -> None:
    """Import a library; nothing happens where it is imported. Raises ImportError."""
    if name in sys.modules:
        return
    before = set(sys.modules)
    stand_in = _StandIn(unused)
    sys.meta_path.insert(0, stand_in)
    try:
        importlib.import_module(name)
    except (ImportError, AttributeError, NameError, TypeError):  # it does more with them than name them
        for loaded in set(sys.modules) - before:
            if _is_of(loaded, (name, *unused)):
                del sys.modules[loaded]
        sys.meta_path.remove(stand_in)
        stand_in.made.clear()
        importlib.import_module(name)
    finally:
        if stand_in in sys.meta_path:
            sys.meta_path.remove(stand_in)
        for made in stand_in.made:
            sys.modules.pop(made, None)  # code that does need it gets the real one


class _StandIn:
    """A finder and loader of modules that have an empty class of every name."""

    def __init__(self, unused: Sequence[str]) -> None:
        self._unused = unused
        self.made: list[str] = []

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Find a module, as `importlib.abc.MetaPathFinder` promises."""
        return ModuleSpec(name, self, is_package=True) if _is_of(name, self._unused) else None  # pyright: ignore[reportArgumentType]  # a loader by its methods

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Load the module, as `importlib.abc.Loader` promises."""
        self.made.append(spec.name)
        return _Names(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Load the module, as `importlib.abc.Loader` promises."""


class _Names(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (Exception,), {"__module__": self.__name__})  # some are raised, and caught
        setattr(self, name, made)
        return made


def _is_of(name: str, packages: Sequence[str]) -> bool:
    return name.partition(".")[0] in packages

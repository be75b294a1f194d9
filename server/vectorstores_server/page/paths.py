"""Paths of the page, and those of them that are open to a visitor who has not signed in."""

from urllib.parse import quote, urlsplit

ROOT = "/"
STORES = "/stores"
CALLS = "/calls"
SIGN_IN = "/sign-in"
SIGN_OUT = "/sign-out"
OWN = "/page"
"""Paths that no person opens: the scripts and styles, and the changes that the scripts ask for."""
ASSETS = f"{OWN}/assets"
API = f"{OWN}/v1"
"""/v1 once more, for the page's own scripts: it takes the cookie, which /v1 never does."""
OPENING = f"{OWN}/opening"
"""The path at which the owner gets a token that is good once."""
VIEWS = (STORES, CALLS)
"""The first steps of addresses that answer with HTML, besides the root and the sign-in form."""


def is_page(path: str) -> bool:
    """Tell whether a path is the page's."""
    return path in (ROOT, SIGN_IN, SIGN_OUT) or is_below(path, OWN) or is_view(path)


def is_view(path: str) -> bool:
    """Tell whether a path answers with HTML that only somebody signed in may see."""
    return path == ROOT or any(is_below(path, view) for view in VIEWS)


def is_open(path: str) -> bool:
    """Tell whether the path is the sign-in form, or something that the form needs."""
    return path == SIGN_IN or path.startswith(f"{ASSETS}/")


def is_below(path: str, top: str) -> bool:
    """Tell whether a path is `top` or lies below it."""
    return path == top or path.startswith(f"{top}/")


def way_in(target: str = ROOT) -> str:
    """Return the address of the sign-in form that leads on to `target`."""
    return SIGN_IN if target == ROOT else f"{SIGN_IN}?next={quote(target, safe='')}"


def after_sign_in(asked: str) -> str:
    """Return the address to open after signing in: the requested one if it is a view of this page, else the stores."""
    if not asked.startswith("/") or asked.startswith("//") or not asked.isprintable() or "\\" in asked:
        return ROOT
    try:
        parts = urlsplit(asked)
    except ValueError:
        return ROOT
    return asked if not parts.netloc and not parts.scheme and is_view(parts.path) else ROOT


def store(store_id: str) -> str:
    """Return the address of a store."""
    return f"{STORES}/{quote(store_id, safe='')}"


def file(store_id: str, file_id: str) -> str:
    """Return the address of a file in a store."""
    return f"{store(store_id)}/files/{quote(file_id, safe='')}"

"""The requests of a walk through every face of a server: /v1, the page, the tools, resources, prompt and completions.

`{S}` stands for a store, `{F}` for a file in it, `{B}` for its batch, `{U}` for an upload, `{N}` and `{M}` for the name
of a store and of a file. A place is filled with what the token sees, and one place at a time with what it does not.
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.bounded_world import Sight
from vectorstores_server.engines.local.catalog.ids import new_id

PLACES = {"S": "vs_", "F": "file-", "B": "vsfb_", "U": "upload_", "N": "Store zqx", "M": "zqx"}
FORM = {"files": {"file": ("new.txt", b"a new one")}, "data": {"purpose": "assistants"}}
PART_FORM = {"files": {"data": ("part", b"a part")}}


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: what is asked, and whether it leaves everything as it is when every place is visible."""

    asked: Any
    reads: bool = True
    form: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def places(self) -> list[str]:
        written = json.dumps(self.asked)
        return [place for place in PLACES if f"{{{place}}}" in written]

    def filled(self, values: Mapping[str, str]) -> Any:
        written = json.dumps(self.asked)
        for place, value in values.items():
            written = written.replace(f"{{{place}}}", value)
        return json.loads(written)


def changes(*asked: Any, **form: Any) -> Visit:
    return Visit(list(asked), reads=False, form=form)


def reads(*asked: Any) -> Visit:
    return Visit(list(asked))


V1: dict[tuple[str, str], list[Visit]] = {
    ("POST", "/v1/vector_stores"): [
        changes("", {"file_ids": ["{F}"]}), changes("", {"name": "{N}"}), changes("", {"metadata": {"team": "red"}}),
    ],
    ("GET", "/v1/vector_stores"): [reads("?limit=100"), reads("?after={S}"), reads("?before={S}")],
    ("GET", "/v1/vector_stores/{vector_store_id}"): [reads("/{S}")],
    ("POST", "/v1/vector_stores/{vector_store_id}"): [
        changes("/{S}", {"name": "new"}), changes("/{S}", {"metadata": {"team": "blue"}}),
    ],
    ("DELETE", "/v1/vector_stores/{vector_store_id}"): [changes("/{S}")],
    ("POST", "/v1/vector_stores/{vector_store_id}/search"): [
        reads("/{S}/search", {"query": "keeper lamp", "max_num_results": 50}),
        reads("/{S}/search", {"query": "keeper", "filters": {"type": "eq", "key": "topic", "value": "x"}}),
    ],
    ("POST", "/v1/vector_stores/{vector_store_id}/files"): [changes("/{S}/files", {"file_id": "{F}"})],
    ("GET", "/v1/vector_stores/{vector_store_id}/files"): [
        reads("/{S}/files"), reads("/{S}/files?after={F}"), reads("/{S}/files?before={F}"),
    ],
    ("GET", "/v1/vector_stores/{vector_store_id}/files/{file_id}"): [reads("/{S}/files/{F}"), reads("/{S}/files/{M}")],
    ("POST", "/v1/vector_stores/{vector_store_id}/files/{file_id}"): [
        changes("/{S}/files/{F}", {"attributes": {"a": 1}}),
    ],
    ("DELETE", "/v1/vector_stores/{vector_store_id}/files/{file_id}"): [changes("/{S}/files/{F}")],
    ("GET", "/v1/vector_stores/{vector_store_id}/files/{file_id}/content"): [reads("/{S}/files/{F}/content")],
    ("POST", "/v1/vector_stores/{vector_store_id}/file_batches"): [
        changes("/{S}/file_batches", {"file_ids": ["{F}"]}),
        changes("/{S}/file_batches", {"files": [{"file_id": "{F}"}]}),
    ],
    ("GET", "/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}"): [reads("/{S}/file_batches/{B}")],
    ("POST", "/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel"): [
        changes("/{S}/file_batches/{B}/cancel"),
    ],
    ("GET", "/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/files"): [
        reads("/{S}/file_batches/{B}/files"), reads("/{S}/file_batches/{B}/files?after={F}"),
    ],
    ("POST", "/v1/files"): [changes("", None, **FORM)],
    ("GET", "/v1/files"): [reads(""), reads("?after={F}"), reads("?limit=1"), reads("?purpose=assistants")],
    ("GET", "/v1/files/{file_id}"): [reads("/{F}"), reads("/{M}")],
    ("DELETE", "/v1/files/{file_id}"): [changes("/{F}")],
    ("GET", "/v1/files/{file_id}/content"): [reads("/{F}/content")],
    ("POST", "/v1/uploads"): [
        changes("", {"filename": "a.txt", "purpose": "assistants", "bytes": 3, "mime_type": "text/plain"}),
    ],
    ("POST", "/v1/uploads/{upload_id}/parts"): [changes("/{U}/parts", None, **PART_FORM)],
    ("POST", "/v1/uploads/{upload_id}/complete"): [changes("/{U}/complete", {"part_ids": ["part_x"]})],
    ("POST", "/v1/uploads/{upload_id}/cancel"): [changes("/{U}/cancel")],
}  # fmt: skip

PAGE: dict[tuple[str, str], list[Visit]] = {
    ("GET", "/"): [reads("/"), reads("/?name={N}"), reads("/?name={S}"), reads("/?after={S}"), reads("/?name=store")],
    ("GET", "/stores/{store_id}"): [
        reads("/stores/{S}"), reads("/stores/{S}?query=keeper"), reads("/stores/{S}?after={F}"),
        reads("/stores/{S}?name=zqx"), reads("/stores/{S}?status=failed"),
    ],
    ("GET", "/stores/{store_id}/hits.json"): [reads("/stores/{S}/hits.json?query=keeper&results=50")],
    ("GET", "/stores/{store_id}/hits.md"): [reads("/stores/{S}/hits.md?query=keeper&results=50")],
    ("GET", "/stores/{store_id}/files/{file_id}"): [reads("/stores/{S}/files/{F}")],
    ("GET", "/stores/{store_id}/files/{file_id}/picture"): [reads("/stores/{S}/files/{F}/picture")],
    ("GET", "/calls"): [reads("/calls")],
    ("GET", "/sign-in"): [reads("/sign-in")],
    ("POST", "/page/opening"): [changes("/page/opening")],
    ("POST", "/page/stores/{store_id}/files"): [changes("/page/stores/{S}/files?filename=a.txt", "a text")],
    ("GET", "/page/v1/..."): [
        reads("/page/v1/vector_stores/{S}"), reads("/page/v1/vector_stores"), reads("/page/v1/files/{F}"),
    ],
    ("GET", "/ready"): [reads("/ready")],
    ("GET", "/metrics"): [reads("/metrics")],
    ("GET", "/openapi.json"): [reads("/openapi.json")],
}  # fmt: skip
"""Routes of the page and of the operator."""
SESSION_ROUTES = {("POST", "/sign-in"), ("POST", "/sign-out")}
"""Routes that begin and end the session of the walk itself."""

AT = {"vector_store_id": "{S}"}
TOOLS: dict[str, list[Visit]] = {
    "list": [
        Visit({}), Visit({"of": "files"}), Visit(AT), Visit({**AT, "batch_id": "{B}"}), Visit({"after": "{S}"}),
        Visit({"before": "{S}"}), Visit({"of": "files", "after": "{F}"}), Visit({**AT, "after": "{F}"}),
        Visit({"vector_store_id": "{N}"}),
    ],
    "retrieve": [
        Visit(AT), Visit({**AT, "file_id": "{F}"}), Visit({"file_id": "{F}"}), Visit({**AT, "batch_id": "{B}"}),
        Visit({"vector_store_id": "{N}"}), Visit({"file_id": "{M}"}), Visit({**AT, "file_id": "{M}"}),
    ],
    "search": [
        Visit({"query": "keeper lamp"}), Visit({"query": "keeper lamp", **AT, "max_num_results": 50}),
        Visit({"query": "keeper", "vector_store_id": "{N}"}),
        Visit({"query": "keeper", **AT, "response_format": "detailed"}),
        Visit({"query": "keeper", **AT, "filters": {"topic": "nothing"}}),
    ],
    "read": [
        Visit({**AT, "file_id": "{F}"}), Visit({"file_id": "{F}"}), Visit({"file_id": "{M}"}),
        Visit({"uri": "vectorstore://{S}/files/{F}"}), Visit({"file_id": "{F}", "as": "image"}),
        Visit({**AT, "file_id": "{F}", "as": "image"}),
    ],
    "create_store": [Visit({"file_ids": ["{F}"]}, reads=False), Visit({"name": "{N}"}, reads=False)],
    "upload_file": [
        Visit({"file_id": "{F}", **AT}, reads=False), Visit({"text": "A new text.", **AT}, reads=False),
    ],
    "batch_attach": [
        Visit({**AT, "file_ids": ["{F}"]}, reads=False), Visit({**AT, "paths": ["{PATH}"]}, reads=False),
        Visit({**AT, "paths": ["{PATH}"], "mirror": "on"}, reads=False),
        Visit({**AT, "paths": ["{PATH}"], "mirror": "off"}, reads=False),
    ],
    "update": [
        Visit({**AT, "name": "new"}, reads=False), Visit({**AT, "file_id": "{F}", "attributes": {"a": 1}}, reads=False),
        Visit({**AT, "metadata": {"team": "blue"}}, reads=False),
    ],
    "cancel_batch": [Visit({**AT, "batch_id": "{B}"}, reads=False)],
    "delete": [
        Visit({"what": "store", **AT, "confirm": True}, reads=False), Visit({"what": "store", **AT}),
        Visit({"what": "file", "file_id": "{F}", "confirm": True}, reads=False),
        Visit({"what": "file", "file_id": "{F}"}), Visit({"what": "file_from_store", **AT, "file_id": "{F}"}, False),
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HiddenPlace:
    """A place filled with something hidden and, as its twin, with something that nobody ever made."""

    place: str
    hidden: Mapping[str, str]
    twin: Mapping[str, str]

    @property
    def pair(self) -> tuple[str, str]:
        return self.hidden[self.place], self.twin[self.place]


def visible(sight: Sight) -> list[dict[str, str]]:
    """Return fillings of all places with what is seen: each store with each of its files."""
    return [
        {"S": store.id, "F": file, "B": store.batch, "U": sight.uploads[0], "N": store.name, "M": names[file]}
        for names in [{file.id: file.filename for file in sight.files}]
        for store in sight.stores
        for file in store.files
    ]


def hidden(sight: Sight, places: Sequence[str]) -> Iterator[HiddenPlace]:
    """Yield fillings of which one place is hidden."""
    lying = {
        "S": [store.id for store in sight.hidden_stores],
        "F": [file.id for file in sight.hidden_files],
        "B": [store.batch for store in sight.hidden_stores],
        "U": sight.hidden_uploads,
        "N": [store.name for store in sight.hidden_stores],
        "M": [file.filename for file in sight.hidden_files],
    }
    base = visible(sight)[0]
    for place in places:
        assert lying[place], place
        for number, value in enumerate((lying[place][0], lying[place][-1])):
            # Of a hidden store its own file, too, which may be seen elsewhere.
            own = {"F": next(iter(sight.hidden_stores[-number].files))} if place == "S" else {}
            around = {**base, **own}
            yield HiddenPlace(place, {**around, place: value}, {**around, place: unheard_of(place, value)})


def unheard_of(place: str, like: str) -> str:
    """Return an id, or a name, that nobody ever gave, as long as another."""
    if place in "MN":
        letters = "".join(secrets.choice("abcdefghijk") for _ in range(3))
        return re.sub(r"(?<=zqx)\d{3}", letters, like)
    return new_id(PLACES[place])

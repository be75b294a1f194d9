"""The folders that stores follow, as the page shows them: a folder's name, never its place on the server's disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from vectorstores_tools.contract.mirrors import Mirror, MirrorRecords
from vectorstores_tools.contract.models import StoreSource


@dataclass(frozen=True, slots=True)
class FollowedFolder:
    """A folder and how it is followed; `note` says why it is not, `files` is None before anybody has looked."""

    name: str
    state: str
    note: str
    files: int | None
    walking: bool
    looked_at: int | None

    @classmethod
    def of(cls, followed: Mirror | StoreSource) -> "FollowedFolder":
        """Return the followed folder as it is shown, from a mirror that an engine keeps or a source of a store."""
        return cls(
            name=PurePath(followed.folder).name or followed.folder,
            state=followed.state,
            note=followed.note or "",
            files=followed.counts.get("found"),
            walking=followed.due if isinstance(followed, Mirror) else followed.walking,
            looked_at=followed.looked_at,
        )


async def by_store(records: MirrorRecords | None) -> Mapping[str, Sequence[FollowedFolder]]:
    """Return the folders of all stores by the store's id; none for an engine whose stores follow nothing."""
    found: dict[str, list[FollowedFolder]] = {}
    for mirror in await records.all() if records else ():
        found.setdefault(mirror.store_id, []).append(FollowedFolder.of(mirror))
    return found

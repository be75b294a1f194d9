"""Attaching from a path or URL: the same source with the same bytes is attached once, however often that is asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vectorstores_server.engines.local.catalog.attachments import find_attachment
from vectorstores_server.engines.local.catalog.attributes import replace_attributes
from vectorstores_server.engines.local.catalog.batches import add_to_batch, insert_batch
from vectorstores_server.engines.local.catalog.dialect import DB, Row
from vectorstores_server.engines.local.catalog.enqueue import differs, target_sizes
from vectorstores_server.engines.local.catalog.files import insert_file
from vectorstores_server.engines.local.catalog.ids import loads
from vectorstores_server.engines.local.catalog.mirrors import outermost
from vectorstores_server.engines.local.catalog.places import Origin, is_placed, place_of, put
from vectorstores_server.engines.local.catalog.stores import touch, usable
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.models import File
from vectorstores_tools.contract.requests import ChunkingStrategy, FileAttach, StaticChunking


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A source as the store has it. `idle`: there is nothing to do for it."""

    file_id: str
    idle: bool


@dataclass(frozen=True, slots=True)
class EnteredSource:
    """The result of taking in a source: the File that stands for it, and the batch so far.

    The File is new, or known and processed again, or known and left alone.
    """

    file_id: str
    batch_id: str | None
    new: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class NewSource:
    """A source whose bytes are on disk. `keep` gives them their name."""

    origin: Origin
    file: File
    keep: Callable[[], None]


def all_standing(db: DB, store_id: str, origins: Sequence[Origin], options: AttachOptions) -> list[KnownSource | None]:
    """Return the state of each source as `standing` does."""
    return [standing(db, store_id, origin, options) for origin in origins]


def standing(db: DB, store_id: str, origin: Origin, options: AttachOptions) -> KnownSource | None:
    """Return the state of the source's newest version, None where the store does not have these bytes of it."""
    row = _newest(db, store_id, origin)
    if row is None:
        return None
    place = place_of(origin, row, outermost(db, store_id, origin.source))
    return KnownSource(row["file_id"], _is_idle(row, options) and is_placed(row, place))


def reattach(
    db: DB, store_id: str, origin: Origin, options: AttachOptions, batch_id: str | None, now: int
) -> EnteredSource | None:
    """Attach a known source again where the options or a failure ask for it; None where it is not known any more."""
    row = _newest(db, store_id, origin)
    if row is None:
        return None
    usable(db, store_id, now)
    put(db, row["id"], place_of(origin, row, outermost(db, store_id, origin.source)))
    if not makes_work(row, options):
        if options.attributes is not None:
            replace_attributes(db, row["id"], options.attributes)
        return EnteredSource(row["file_id"], batch_id)
    batch_id = batch_id or insert_batch(db, store_id, now)
    add_to_batch(db, batch_id, store_id, _request(row["file_id"], options), now)
    return EnteredSource(row["file_id"], batch_id, again=True)


def enter_all(
    db: DB,
    store_id: str,
    sources: Sequence[NewSource],
    sync: Callable[[], None],
    options: AttachOptions,
    batch_id: str | None,
    now: int,
) -> list[EnteredSource]:
    """Enter new Files as `enter` does, all or none; `sync` is called when all have their names."""
    entered: list[EnteredSource] = []
    for source in sources:
        entry = enter(db, store_id, source.origin, source.file, source.keep, options, batch_id, now)
        batch_id = entry.batch_id
        entered.append(entry)
    sync()
    return entered


def enter(
    db: DB,
    store_id: str,
    origin: Origin,
    file: File,
    keep: Callable[[], None],
    options: AttachOptions,
    batch_id: str | None,
    now: int,
) -> EnteredSource:
    """Enter a new File and attach it as part of the batch, unless another process has done so meanwhile."""
    usable(db, store_id, now)
    known = reattach(db, store_id, origin, options, batch_id, now)
    if known is not None:
        return known
    keep()
    insert_file(db, file, origin.sha256)
    batch_id = batch_id or insert_batch(db, store_id, now)
    last = _last_version(db, store_id, origin)
    add_to_batch(db, batch_id, store_id, _request(file.id, _inheriting(last, options)), now, origin)
    if (row := find_attachment(db, store_id, file.id)) is not None:
        put(db, row["id"], place_of(origin, last, outermost(db, store_id, origin.source)))
        if last is not None and last["attributes_final"] and options.attributes is None:
            db.execute("UPDATE attachment SET attributes_final = 1 WHERE id = ?", (row["id"],))
    touch(db, store_id, now)
    return EnteredSource(file.id, batch_id, new=True)


def _newest(db: DB, store_id: str, origin: Origin) -> Row | None:
    """Return the newest attachment of the source when it holds these bytes.

    An older one does not count: the newer will replace it, so bytes that came back have to be attached again.
    """
    row = _last_version(db, store_id, origin)
    return row if row is not None and row["sha256"] == origin.sha256 else None


def _last_version(db: DB, store_id: str, origin: Origin) -> Row | None:
    return db.execute(
        "SELECT * FROM attachment WHERE store_id = ? AND source = ? ORDER BY id DESC LIMIT 1",
        (store_id, origin.source),
    ).fetchone()


def _inheriting(row: Row | None, options: AttachOptions) -> AttachOptions:
    """Return the options of a new version: those that the call does not give are the last version's."""
    if row is None:
        return options
    size, overlap = target_sizes(row)
    sizes = StaticChunking.model_construct(max_chunk_size_tokens=size, chunk_overlap_tokens=overlap)
    return replace(
        options,
        attributes=loads(row["attributes"]) if options.attributes is None else options.attributes,
        chunking_strategy=options.chunking_strategy or ChunkingStrategy(type="static", static=sizes),
    )


def _is_idle(row: Row, options: AttachOptions) -> bool:
    return options.attributes is None and not makes_work(row, options)


def makes_work(row: Row, options: AttachOptions) -> bool:
    """Tell whether attaching this once more has it processed again."""
    if row["status"] in ("failed", "cancelled"):
        return True
    return options.chunking_strategy is not None and differs(row, options.chunking_strategy.sizes)


def _request(file_id: str, options: AttachOptions) -> FileAttach:
    return FileAttach(file_id=file_id, attributes=options.attributes, chunking_strategy=options.chunking_strategy)

"""Objects that an engine returns, in the shapes and names of OpenAI's API.

Status and code are open strings, only ids are required, and keys that are not known are kept: a remote may have more.
"""

from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from vectorstores_tools.contract.characters import short_notes

T = TypeVar("T")


def _or_absent(value: object, read: ValidatorFunctionWrapHandler) -> Any:
    """Return the value, None where it has another shape: a remote may mean something else by a key of that name."""
    try:
        return read(value)
    except ValidationError:
        return None


def _is_absent(value: object) -> bool:
    return value is None


Extra = Annotated[T | None, WrapValidator(_or_absent), Field(exclude_if=_is_absent)]
"""A key that OpenAI's objects do not have: it is left out where an engine has no value for it."""

FileNotes: TypeAlias = Annotated[list[str], AfterValidator(short_notes)]
"""Notes on a file, kept within their limits."""


class Answer(BaseModel):
    """The base of what an engine returns: unknown keys are kept."""

    model_config = ConfigDict(extra="allow")


class FileCounts(Answer):
    """The number of files in each status."""

    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    total: int = 0


class LastError(Answer):
    """The reason why a file failed. code: unsupported_file, invalid_file or server_error."""

    code: str = "server_error"
    message: str = ""


class StoreSource(Answer):
    """A folder that a store follows. state: mirrored, paused, not allowed or unreadable; `note` says why.

    `watched` is events, or polled where the system gives none; `counts` are those of the last walk, or of one that is
    under way. `looked_at` is None before the first one has ended.
    """

    folder: str
    state: str = "mirrored"
    note: str | None = None
    watched: str | None = None
    looked_at: int | None = None
    walking: bool = False
    counts: dict[str, int] = {}


class VectorStore(Answer):
    """A store. status: in_progress, completed or expired. Times are Unix seconds.

    `sources` are the folders that it follows. `notes` are sentences for the person who has just made it, and on the
    progress of its upgrade to a new version; None from an engine without notes.
    """

    id: str
    object: str = "vector_store"
    created_at: int = 0
    name: str | None = None
    description: str | None = None
    usage_bytes: int = 0
    file_counts: FileCounts = FileCounts()
    status: str = "completed"
    expires_after: dict[str, Any] | None = None
    expires_at: int | None = None
    last_active_at: int | None = None
    metadata: dict[str, Any] | None = None
    notes: Extra[list[str]] = None
    sources: Extra[list[StoreSource]] = None


class PassageProgress(Answer):
    """The number of a long file's passages that are in the index so far, and of those that there will be.

    `unit` is pages while pages that are pictures are read: how many of them have been.
    """

    done: int = 0
    of: int = 0
    unit: Extra[str] = None

    @property
    def words(self) -> str:
        """The same in words."""
        return f"{self.done:,} of {self.of:,} {'pages read' if self.unit == 'pages' else 'passages'}"


class VectorStoreFile(Answer):
    """A File in a store; its id is the File's. status: in_progress, completed, failed or cancelled.

    `filename` is None where the engine does not say it with the file; `progress` is there while a long file is built.
    `source` is the absolute path or the URL that it came from; `path` is relative to the folder that was named, or to
    the outermost mirror that holds it. Both are None for what was uploaded otherwise.
    `notes` name parts of the file that its text lacks or may have wrong. `found_attributes` are the keys of
    `attributes` that nobody gave: they were found in the document.
    """

    id: str
    object: str = "vector_store.file"
    usage_bytes: int = 0
    created_at: int = 0
    vector_store_id: str = ""
    status: str = "in_progress"
    last_error: LastError | None = None
    chunking_strategy: dict[str, Any] | None = None
    attributes: dict[str, Any] | None = None
    filename: Extra[str] = None
    progress: Extra[PassageProgress] = None
    source: Extra[str] = None
    path: Extra[str] = None
    notes: Extra[FileNotes] = None
    found_attributes: Extra[list[str]] = None

    @property
    def standing(self) -> str:
        """The status, with the progress where there is some."""
        return f"{self.status}, {self.progress.words}" if self.progress and self.progress.of else self.status


class NotedFile(Answer):
    """A file that has notes."""

    file_id: str
    filename: str = ""
    notes: FileNotes = []


NOTED_SHOWN = 5


class NotedFiles(Answer):
    """Files that have notes: how many, and the first five."""

    total: int
    files: Annotated[list[NotedFile], AfterValidator(lambda files: files[:NOTED_SHOWN])]


class FileBatch(Answer):
    """Files attached together. status: in_progress, completed, failed or cancelled.

    `notes` are sentences about the batch itself; `noted_files`, once it has ended, its files that have notes.
    """

    id: str
    object: str = "vector_store.files_batch"
    created_at: int = 0
    vector_store_id: str = ""
    status: str = "in_progress"
    file_counts: FileCounts = FileCounts()
    notes: Extra[list[str]] = None
    noted_files: Extra[NotedFiles] = None


class File(Answer):
    """An uploaded File; `bytes` is its size."""

    id: str
    object: str = "file"
    bytes: int = 0
    created_at: int = 0
    expires_at: int | None = None
    filename: str = ""
    purpose: str = "assistants"
    status: str = "processed"
    status_details: str | None = None


class Upload(Answer):
    """A File that arrives in parts."""

    id: str
    object: str = "upload"
    bytes: int = 0
    created_at: int = 0
    expires_at: int = 0
    filename: str = ""
    purpose: str = "assistants"
    status: str = "pending"
    file: File | None = None


class UploadPart(Answer):
    """One part of an upload."""

    id: str
    object: str = "upload.part"
    created_at: int = 0
    upload_id: str = ""


class Deleted(Answer):
    """The answer to a deletion."""

    id: str
    object: str
    deleted: bool = True


class Page(Answer, Generic[T]):
    """One page of a list; first_id and last_id are None when it is empty."""

    object: str = "list"
    data: list[T] = []
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class TextContent(Answer):
    """A piece of text."""

    type: str = "text"
    text: str = ""


class Copy(Answer):
    """Another place of a hit's text."""

    file_id: str
    filename: str = ""
    path: Extra[str] = None
    vector_store_id: str | None = None
    chars: tuple[int, int] | None = None
    text_id: Extra[str] = None


COPIES_SHOWN = 5


class Copies(Answer):
    """The other places of a hit's text: their number, and the five that were found best."""

    total: int = 0
    files: Annotated[list[Copy], AfterValidator(lambda files: files[:COPIES_SHOWN])] = []


class SearchHit(Answer):
    """One result: the chunk's text, and where it stands (None = this engine does not know).

    `chars` is the chunk's [start, end) in the file's parsed text, which `text_id` tells from older and later ones;
    `matches` are the passages in it that matched, best first, `match_scores` their scores; `lines` and `page` count
    from 1. `vector_score` and `text_score` are the two parts of the score, `vector_weight` the share of the first;
    `cosine` is that of the best passage, in the terms of MiniLM's. `words_found` and `words_missing` are those of the
    queries, folded, where they were asked for. `also_in` has the other places of the same text, where the request asked
    for copies to be one hit. `added_at` is the time in Unix seconds at which the file came into its store.
    """

    file_id: str
    filename: str = ""
    score: float = 0.0
    attributes: dict[str, Any] | None = None
    content: list[TextContent] = []
    vector_store_id: str | None = None
    page: int | None = None
    heading_path: list[str] | None = None
    lines: tuple[int, int] | None = None
    chars: tuple[int, int] | None = None
    matches: list[tuple[int, int]] | None = None
    match_scores: list[float] | None = None
    vector_score: float | None = None
    text_score: float | None = None
    vector_weight: float | None = None
    cosine: float | None = None
    words_found: list[str] | None = None
    words_missing: list[str] | None = None
    source: Extra[str] = None
    path: Extra[str] = None
    added_at: Extra[int] = None
    text_id: Extra[str] = None
    also_in: Extra[Copies] = None

    @property
    def rank(self) -> tuple[float, int]:
        """The key that sorts hits of several searches: by falling score as it is shown, equal ones newest first.

        Digits behind the fourth may differ between a search in memory and one on the disk.
        """
        return -round(self.score, 4), -(self.added_at or 0)

    @property
    def text(self) -> str:
        """The chunk's text, or its pieces, a line each."""
        return "\n".join(part.text for part in self.content)


class NotSearched(Answer):
    """Files of the store that a search could not see."""

    in_progress: int = 0
    failed: int = 0


class HeldKey(Answer):
    """The values that a store's files have under a key of a filter: some of them, the most frequent first.

    `kinds` are boolean, number, string; empty where no file has the key, and then `instead` names some that they have.
    """

    key: str
    kinds: list[str] = []
    values: list[str | int | float | bool] = []
    instead: list[str] = []


class SearchPage(Answer):
    """The answer to a search, best first. What is not in the contract says why hits are missing.

    `files` = how many files were searchable after the filter; `below_threshold` = hits that score_threshold removed,
    `best_below` the best of their scores; `notes` are sentences for the reader; `held` has the values under the keys
    of a filter that matched no file.
    """

    object: str = "vector_store.search_results.page"
    search_query: list[str] = []
    data: list[SearchHit] = []
    has_more: bool = False
    next_page: str | None = None
    not_searched: NotSearched | None = None
    store_files: int | None = None
    files: int | None = None
    below_threshold: int = 0
    best_below: float | None = None
    notes: list[str] = []
    held: list[HeldKey] = []


class TextSlice(Answer):
    """A range [start, end) of a file's parsed text, in characters of it; `pages` is 0 where there are none.

    `notes` are those on the file.
    `lines`, from 1, hold its first and last character, `heading_path` is that of its first (None = not known).
    Where the file that was asked for has been replaced, this is of the one that replaced it, named by `superseded_by`:
    the same words where they stand in it, else its beginning (`same_words` is false). `text_id` is the text that the
    range counts in. `outdated`: that is the older one which was asked for. One that is not kept any more is answered
    with the beginning of the newest, and `same_words` is false.
    """

    file_id: str
    filename: str = ""
    text: str = ""
    start: int = 0
    end: int = 0
    total: int = 0
    page: int | None = None
    pages: int = 0
    source: Extra[str] = None
    path: Extra[str] = None
    notes: Extra[FileNotes] = None
    superseded_by: Extra[str] = None
    same_words: Extra[bool] = None
    text_id: Extra[str] = None
    outdated: Extra[bool] = None
    lines: Extra[tuple[int, int]] = None
    heading_path: Extra[list[str]] = None

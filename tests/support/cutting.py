"""A whole document cut at once, as tests want it; the product cuts in steps."""

from vectorstores_server.engines.local.chunking.passages import Passage, PassageLimits, cut_stepwise
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.parsing.document import Document


def cut(document: Document, counter: TokenCounter, limits: PassageLimits) -> list[Passage]:
    """Return all passages of the document."""
    return [passage for step in cut_stepwise(document, counter, limits) for passage in step]

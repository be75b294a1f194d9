from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from vectorstores_server.engines.local.chunking.chunks import Chunk, home, layout
from vectorstores_server.engines.local.chunking.passages import Passage

sizes_of_passages = st.lists(st.integers(1, 100), max_size=80)
chunk_sizes = st.integers(100, 800).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size // 2)))


def passages(sizes: list[int]) -> list[Passage]:
    return [Passage(i, i * 10, i * 10 + 9, size, None, ()) for i, size in enumerate(sizes)]


@given(sizes_of_passages, chunk_sizes)
@settings(deadline=None)
def test_chunks_are_full_and_overlap_no_more_than_asked(sizes: list[int], chunking: tuple[int, int]):
    size, overlap = chunking
    chunks = layout(passages(sizes), size, overlap)
    assert sorted({i for c in chunks for i in range(c.first, c.last + 1)}) == list(range(len(sizes)))
    for chunk in chunks:
        assert sum(sizes[chunk.first : chunk.last + 1]) <= size
        assert chunk.last + 1 == len(sizes) or sum(sizes[chunk.first : chunk.last + 2]) > size
    for before, after in pairwise(chunks):
        assert before.first < after.first <= before.last + 1
        assert before.last < after.last
        assert sum(sizes[after.first : before.last + 1]) <= overlap


@given(sizes_of_passages, chunk_sizes)
@settings(deadline=None)
def test_a_passage_is_at_home_in_a_chunk_that_holds_it_and_nowhere_more_centrally(
    sizes: list[int], chunking: tuple[int, int]
):
    cut = passages(sizes)
    chunks = layout(cut, *chunking)
    homes = home(cut, chunks)

    def off_centre(passage: int, chunk: Chunk) -> int:
        before = sum(sizes[chunk.first : passage])
        return abs(before - sum(sizes[passage + 1 : chunk.last + 1]))

    for i, h in enumerate(homes):
        assert chunks[h].first <= i <= chunks[h].last
        assert all(off_centre(i, chunks[h]) <= off_centre(i, c) for c in chunks if c.first <= i <= c.last)


def test_no_passages_no_chunks():
    assert layout([], 800, 400) == []
    assert home([], []) == []


def test_without_overlap_chunks_follow_each_other():
    assert layout(passages([50] * 5), 100, 0) == [Chunk(0, 1), Chunk(2, 3), Chunk(4, 4)]


def test_a_passage_that_is_larger_than_a_chunk_is_a_chunk_of_its_own():
    assert layout(passages([50, 300, 50]), 100, 50) == [Chunk(0, 0), Chunk(1, 1), Chunk(2, 2)]

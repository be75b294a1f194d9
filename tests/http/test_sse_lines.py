"""A stream of events holds no character that a client may take for a line end, and means the same."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from vectorstores_server.http.sse_lines import EscapedLineEnds

LINE_ENDS = ("\x85", "\u2028", "\u2029")
texts = st.text(st.sampled_from([*LINE_ENDS, "a", "\u2027", "\u0084", "é", "漢", "🐝", "\\", '"', "\n"]))


async def answered(content_type: bytes, pieces: list[bytes]) -> bytes:
    """What a client gets of a reply in these pieces."""
    got: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]})
        for number, piece in enumerate(pieces, 1):
            await send({"type": "http.response.body", "body": piece, "more_body": number < len(pieces)})

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        got.append(message.get("body", b""))

    await EscapedLineEnds(app)({"type": "http"}, receive, send)
    return b"".join(got)


@given(texts, st.lists(st.integers(0, 80), max_size=6))
async def test_an_event_is_one_line_however_it_was_cut_and_its_json_means_the_same(text: str, cuts: list[int]) -> None:
    event = f"event: message\r\ndata: {json.dumps({'text': text}, ensure_ascii=False)}\r\n\r\n".encode()
    places = [0, *sorted(min(cut, len(event)) for cut in cuts), len(event)]
    pieces = [event[first:last] for first, last in pairwise(places)]
    rows = (await answered(b"text/event-stream; charset=utf-8", pieces)).decode().splitlines()
    assert rows[0] == "event: message"
    assert json.loads(rows[1].removeprefix("data: ")) == {"text": text}
    assert rows[2:] == [""]


@given(texts)
async def test_another_reply_passes_byte_for_byte(text: str) -> None:
    assert await answered(b"application/json", [text.encode()]) == text.encode()

"""stdio never leaves a call unanswered: what cannot be read is answered with its id, where it has one."""

import io
import json
from pathlib import Path

import anyio
import pytest
from mcp.types import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, JSONRPCError

from support.served import served
from vectorstores_server.protocol.stdio_lines import LONGEST, RawLine, id_of, read_line, readable

CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}


@pytest.mark.parametrize(
    ("line", "code", "id"),
    [
        (b"not json", PARSE_ERROR, None),
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/list",}', PARSE_ERROR, 7),
        (b'{"jsonrpc":"2.0","id":"a\\"b","method":', PARSE_ERROR, 'a"b'),
        (b'{"params":{"id":3},"method":"x",,"id":8}', PARSE_ERROR, 8),
        (b"[]", INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":7,"method":5}', INVALID_REQUEST, 7),
        (b'{"jsonrpc":"2.0","id":7,"method":"a","params":[1]}', INVALID_REQUEST, 7),
        (b'{"id":7,"method":"a"}', INVALID_REQUEST, 7),
        (b'{"jsonrpc":"2.0","id":null,"method":"a"}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"a"}', INVALID_REQUEST, None),
        (b"[" * 100_000, PARSE_ERROR, None),
    ],
)
def test_what_is_no_message_is_answered(line: bytes, code: int, id: object) -> None:
    answer = readable(RawLine(line))
    assert isinstance(answer, JSONRPCError)
    assert (answer.error.code, answer.id) == (code, id)
    assert f'"id":{json.dumps(id)}' in answer.model_dump_json(by_alias=True, exclude_unset=True)


@pytest.mark.parametrize("line", [b"", b" \n", b"\xef\xbb\xbf", b'{"jsonrpc":"2.0","result":{}}'])
def test_what_nobody_waits_for_is_not_answered(line: bytes) -> None:
    assert readable(RawLine(line)) is None


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\xef\xbb\xbf  ", b" "])
def test_a_byte_order_mark_is_skipped(before: bytes) -> None:
    assert readable(RawLine(before + json.dumps(CALL).encode() + b"\r\n")) == json.dumps(CALL)


def test_half_a_pair_is_replaced_and_a_whole_one_stays() -> None:
    line = b'{"jsonrpc":"2.0","id":7,"method":"a","params":{"q":"x \\ud83d y \\ud83d\\ude00 \\\\ud83d"}}'
    text = readable(RawLine(line))
    assert isinstance(text, str)
    assert json.loads(text)["params"]["q"] == "x \ufffd y \U0001f600 \\ud83d"


def test_an_answer_that_cannot_be_read_is_a_failed_one() -> None:
    text = readable(RawLine(b'{"jsonrpc":"2.0","id":1,"result":5}'))
    assert isinstance(text, str)
    assert json.loads(text)["error"]["message"] == "The answer cannot be read."


@pytest.mark.parametrize(
    "parts",
    [
        (b'{"jsonrpc":"2.0","id":7,"params":{"id":3,"text":"', b'"}}'),
        (b'{"jsonrpc":"2.0","params":{"id":3,"text":"', b'","id":4},"id":7}'),
        (b'{"params":{"id":3,"text":"', b'"},"id":7,"jsonrpc":"2.0","method":"tools/call"}'),
    ],
)
def test_a_line_that_is_too_long_is_read_past_and_answered_with_its_id(parts: tuple[bytes, bytes]) -> None:
    head, tail = parts
    stream = io.BytesIO(head + b"x" * LONGEST + tail + b"\n" + json.dumps(CALL).encode())
    line = read_line(stream)
    assert line is not None
    assert line.too_long
    assert len(line.head) + len(line.tail) < 10_000
    answer = readable(line)
    assert isinstance(answer, JSONRPCError)
    assert (answer.error.code, answer.id) == (PARSE_ERROR, 7)
    following = read_line(stream)
    assert following is not None
    assert readable(following) == json.dumps(CALL)
    assert read_line(stream) is None


def test_an_id_inside_the_parameters_is_not_that_of_the_call() -> None:
    assert id_of('{"params": {"id": 3, "a": [{"id": 4}], "text": "\\"id\\": 5 {') is None


async def test_a_server_answers_every_line(tmp_path: Path) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
    begin = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).encode()
    half = rb'{"query":"party \ud83d"}'
    async with served(tmp_path, embedder="none") as server:
        with anyio.fail_after(60):
            await server.send_line(b"\xef\xbb\xbf" + begin)
            assert json.loads(await server.line())["id"] == 1
            await server.notify("notifications/initialized")
            await server.send_line(b"no json")
            assert json.loads(await server.line())["error"]["code"] == PARSE_ERROR
            call = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search","arguments":' + half
            await server.send_line(call + b"}}")
            assert json.loads(await server.line())["id"] == 7
            await server.send_line(call + b'"' + b"x" * LONGEST + b"}}")
            assert json.loads(await server.line())["id"] == 7
            for method, params in (
                ("prompts/get", {"name": "nothing"}),
                (
                    "completion/complete",
                    {"ref": {"type": "ref/prompt", "name": "nothing"}, "argument": {"name": "store", "value": ""}},
                ),
            ):
                asked = await server.post(method, **params)
                answer = json.loads(await server.line())
                assert (answer["id"], answer["error"]["code"]) == (asked, INVALID_PARAMS)
    log = server.stderr.read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert "the line is not JSON" in log

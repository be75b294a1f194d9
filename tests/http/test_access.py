"""Who may come in, decided before a port is opened."""

import pytest

from vectorstores_server.http.auth import AnyVerifier, Caller, StaticTokens, answered_hosts, check_bind
from vectorstores_tools.contract.bounds import StoreBounds
from vectorstores_tools.contract.errors import InvalidRequest

LOCAL = {"127.0.0.1", "localhost", "[::1]"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_this_machine_needs_neither_token_nor_name(host: str) -> None:
    check_bind(host, [], [])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.2", "vs.example", "localhost.evil"])
def test_others_get_in_with_a_token_and_under_a_name_only(host: str) -> None:
    with pytest.raises(InvalidRequest, match=r"VECTOR_STORES_TOKENS.* and .*--allowed-host.*serve on 127\.0\.0\.1"):
        check_bind(host, [], [])
    with pytest.raises(InvalidRequest, match="--allowed-host") as without_name:
        check_bind(host, ["token"], [])
    assert "VECTOR_STORES_TOKENS" not in str(without_name.value)
    with pytest.raises(InvalidRequest, match="VECTOR_STORES_TOKENS") as without_token:
        check_bind(host, [], ["vs.example"])
    assert "--allowed-host" not in str(without_token.value)
    check_bind(host, ["token"], ["vs.example"])
    check_bind(host, [], ["vs.example"], oauth_issuer="https://issuer.example")


def test_names_are_answered_in_any_case_and_addresses_in_brackets() -> None:
    assert answered_hosts([]) == LOCAL
    assert answered_hosts(["VS.example", "10.0.0.1:80", "fd00::1"]) == LOCAL | {
        "vs.example",
        "10.0.0.1:80",
        "[fd00::1]",
    }


@pytest.mark.parametrize("name", ["*", "https://vs.example", "vs.example/mcp", "a b", ""])
def test_what_no_client_sends_as_host_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(InvalidRequest, match="not a host name"):
        answered_hosts([name])


@pytest.mark.parametrize("token", ["", "ro:", "meta:team=blue ro:", "t\u00f6ken", "line\nbreak"])
def test_a_token_that_cannot_be_sent_is_refused_at_the_start_without_being_shown(token: str) -> None:
    with pytest.raises(InvalidRequest, match="Token 2 cannot be sent") as refused:
        StaticTokens(["good", token])
    assert len(token) < 4 or token not in str(refused.value)


@pytest.mark.parametrize(
    "written",
    [
        "word secret", "stores:vs_1 secret", "store: secret", "store:vs/1 secret", "meta:team secret",
        "meta:=blue secret",
        "meta:team= secret", "meta:team=%zz secret", "meta:team=%ff secret", "meta:team=%00 secret",
        f"meta:{'k' * 65}=v secret", f"meta:k={'v' * 513} secret", "meta:team=blue meta:team=red secret", "RO: secret",
    ],
)  # fmt: skip
def test_a_bound_that_cannot_be_read_is_refused_at_the_start_without_being_shown(written: str) -> None:
    with pytest.raises(InvalidRequest, match=r"Token 2 has a bound that cannot be read: .*\. Write ro:") as refused:
        StaticTokens(["good", written])
    assert [word for word in written.split() if len(word) > 6 and word in str(refused.value)] == []


@pytest.mark.parametrize("written", ["store:vs_1", "meta:team=blue", "ro:store:vs_1", "store:vs_1:secret"])
def test_a_bound_without_a_token_is_no_token_that_sees_everything(written: str) -> None:
    with pytest.raises(InvalidRequest, match="Token 1 ends with a bound, where the token should stand") as refused:
        StaticTokens([written])
    assert "secret" not in str(refused.value)


async def test_bounds_stand_before_a_token_in_any_order() -> None:
    blue = StoreBounds(metadata=(("team", "blue"),))
    some = StoreBounds(frozenset({"vs_1", "vs_2"}), (("a b", "c,d"), ("team", "blue")))
    written = {
        "meta:team=blue one": Caller("token-1", bounds=blue),
        "meta:team=blue ro:two": Caller("token-2", read_only=True, bounds=blue),
        "ro: meta:team=blue\tthree": Caller("token-3", read_only=True, bounds=blue),
        "store:vs_2  meta:a%20b=c%2Cd store:vs_1 meta:team=blue four": Caller("token-4", bounds=some),
        "five": Caller("token-5"),
    }
    tokens = StaticTokens(list(written))
    found = [await tokens.caller(line.split()[-1].removeprefix("ro:")) for line in written]
    assert found == list(written.values())
    assert [await tokens.caller(line) for line in list(written)[:4]] == [None] * 4


def test_equal_bounds_have_one_key_however_they_are_written() -> None:
    ways = ["store:vs_2 meta:b=%3D meta:a=x store:vs_1 t", "meta:a=x store:vs_1 store:vs_2 store:vs_1 meta:b== u"]
    first, second = StaticTokens(ways).lines
    assert first.bounds is not None
    assert second.bounds is not None
    assert first.bounds.key == second.bounds.key == "store:vs_1 store:vs_2 meta:a=x meta:b=%3D"


def test_a_token_is_for_one_client_and_one_right() -> None:
    with pytest.raises(InvalidRequest, match="Token 2 is set twice"):
        StaticTokens(["same", "ro:same"])


async def test_tokens_are_told_apart_by_their_number() -> None:
    tokens = AnyVerifier([StaticTokens(["one", "ro:two"])])
    assert await tokens.caller("one") == Caller("token-1")
    assert await tokens.caller("two") == Caller("token-2", read_only=True)
    assert await tokens.caller("ro:two") is None

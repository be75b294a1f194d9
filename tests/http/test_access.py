"""Who may come in, decided before a port is opened."""

import pytest

from vectorstores_server.http.auth import AnyVerifier, Caller, StaticTokens, answered_hosts, check_bind
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


@pytest.mark.parametrize("token", ["", "ro:", "with space", "t\u00f6ken", "line\nbreak"])
def test_a_token_that_cannot_be_sent_is_refused_at_the_start_without_being_shown(token: str) -> None:
    with pytest.raises(InvalidRequest, match="Token 2 cannot be sent") as refused:
        StaticTokens(["good", token])
    assert len(token) < 4 or token not in str(refused.value)


def test_a_token_is_for_one_client_and_one_right() -> None:
    with pytest.raises(InvalidRequest, match="Token 2 is set twice"):
        StaticTokens(["same", "ro:same"])


async def test_tokens_are_told_apart_by_their_number() -> None:
    tokens = AnyVerifier([StaticTokens(["one", "ro:two"])])
    assert await tokens.caller("one") == Caller("token-1")
    assert await tokens.caller("two") == Caller("token-2", read_only=True)
    assert await tokens.caller("ro:two") is None

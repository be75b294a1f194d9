import logging
from typing import Any

import pytest

from vectorstores_server.engines.remote.factory import chosen_dialect, open_remote
from vectorstores_server.engines.remote.http.address import Auth, RemoteChoice, address_of, read_headers
from vectorstores_server.settings import read_settings
from vectorstores_tools.contract.errors import InvalidRequest

KEY = "planted-0123456789abcdef"


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ("bearer", "Authorization", f"Bearer {KEY}"),
        ("azure-api-key", "api-key", KEY),
        ("yandex-api-key", "Authorization", f"Api-Key {KEY}"),
    ],
)
def test_each_way_to_show_a_key_has_its_header(auth: Auth, header: str, value: str) -> None:
    address = address_of(RemoteChoice("https://api.example.com/v1", KEY, auth=auth))
    assert address.headers == {header: value, "X-Vector-Stores-Extended": "1"}


def test_without_a_key_there_is_no_authorisation() -> None:
    assert "Authorization" not in address_of(RemoteChoice("http://127.0.0.1:8321/v1")).headers


def test_a_project_and_headers_of_the_operator_are_sent_and_the_operators_win() -> None:
    headers = read_headers("OpenAI-Organization: org-1, authorization: Custom abcdefgh")
    address = address_of(RemoteChoice("https://api.example.com/v1", KEY, "folder1", headers))
    assert address.headers == {
        "OpenAI-Project": "folder1",
        "OpenAI-Organization": "org-1",
        "authorization": "Custom abcdefgh",
        "X-Vector-Stores-Extended": "1",
    }
    assert {KEY, "Custom abcdefgh"} <= address.secrets


def test_the_version_of_azures_api_is_a_parameter() -> None:
    address = address_of(RemoteChoice("https://res.openai.azure.com/openai/v1/?api-version=preview"))
    assert (address.base_url, address.params) == (
        "https://res.openai.azure.com/openai/v1",
        {"api-version": "preview"},
    )


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.example.com/v1",
        "ftp://api.example.com/v1",
        "https:///v1",
        "https://[::1/v1",
        "https://api.example.com:port/v1",
        f"https://me:{KEY}@api.example.com/v1",
        f"https://api.example.com/v1?key={KEY}",
        f"https://api.example.com/v1#{KEY}",
    ],
)
def test_a_wrong_address_is_told_by_its_setting_and_not_shown(base_url: str) -> None:
    with pytest.raises(InvalidRequest, match="REMOTE_BASE_URL") as raised:
        address_of(RemoteChoice(base_url))
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "choice"),
    [
        ("REMOTE_API_KEY", {"api_key": f"{KEY}\r\nX-Evil: 1"}),
        ("REMOTE_API_KEY", {"api_key": f"{KEY}é"}),
        ("REMOTE_PROJECT", {"project": f"{KEY}\n"}),
        ("REMOTE_HEADERS", {"headers": {"X-A": f"{KEY}\n"}}),
        ("REMOTE_HEADERS", {"headers": {f"X {KEY}": "1"}}),
        ("REMOTE_HEADERS", {"headers": {"Host": KEY}}),
    ],
)
def test_what_cannot_stand_in_a_header_is_refused_before_a_library_shows_it(
    setting: str, choice: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest, match=setting) as raised:
        address_of(RemoteChoice("https://api.example.com/v1", **choice))
    assert KEY not in str(raised.value)


def test_an_empty_key_is_refused_before_the_service_refuses_it() -> None:
    with pytest.raises(InvalidRequest, match=r"VECTOR_STORES_REMOTE_API_KEY_FILE\) is empty"):
        address_of(RemoteChoice("https://api.example.com/v1", ""))


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_key_of_the_settings_is_none(empty: str) -> None:
    given = {"backend": "remote", "remote_base_url": "https://api.example.com/v1", "remote_api_key": empty}
    assert read_settings(given).remote.api_key is None


def test_headers_without_a_colon_are_refused_unseen() -> None:
    with pytest.raises(InvalidRequest, match="REMOTE_HEADERS") as raised:
        read_headers(f"X-A: 1, {KEY}")
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("base_url", "dialect"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://res.openai.azure.com/openai/v1", "azure"),
        ("https://ai.api.cloud.yandex.net/v1", "yandex"),
        ("http://127.0.0.1:8321/v1", "ogx"),
        ("http://127.0.0.1:8321/v1/openai/v1", "ogx"),
        ("http://proxy.internal:4000/v1", "litellm"),
        ("http://127.0.0.1:8000/v1", "openai"),
    ],
)
def test_the_address_tells_the_dialect_and_the_operator_may_tell_another(base_url: str, dialect: str) -> None:
    assert chosen_dialect(RemoteChoice(base_url)).name == dialect
    assert chosen_dialect(RemoteChoice(base_url, dialect="ogx")).name == "ogx"


def test_an_unknown_dialect_is_an_error_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="auto, openai, azure, ogx, yandex, litellm"):
        chosen_dialect(RemoteChoice("https://api.example.com/v1", dialect="aws"))


async def test_a_key_that_would_travel_unencrypted_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await open_remote(RemoteChoice("http://127.0.0.1:8000/v1", KEY)).aclose()
        assert not caplog.records
        await open_remote(RemoteChoice("http://api.example.com/v1", KEY)).aclose()
    assert "unencrypted" in caplog.text
    assert KEY not in caplog.text


def test_nothing_secret_shows_in_a_repr() -> None:
    choice = RemoteChoice("https://api.example.com/v1", KEY, headers={"X-Token": KEY})
    assert KEY not in repr(choice)
    assert KEY not in repr(address_of(choice))

"""/v1 as it is served: behind the guard, what is refused there reaches the SDK as its own errors, too."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from support.local import opened
from support.serving import House, house
from support.v1_client import STYLES, Sdk
from vectorstores_server.http.auth import StaticTokens
from vectorstores_server.http.policy import Policy

POLICY = Policy(verifier=StaticTokens(("writing-token", "ro:reading-token")), max_body=100_000, max_upload=1_000_000)
LARGE = b"x" * 3_000_000


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[House]:
    async with opened(tmp_path / "data") as engine, house(engine, tmp_path, POLICY) as served:
        yield served


@pytest.fixture(params=STYLES)
async def sdk(request: pytest.FixtureRequest, served: House) -> AsyncGenerator[Sdk]:
    options: dict[str, Any] = {"api_key": "writing-token", "base_url": f"{served.url}/v1", "max_retries": 0}
    async with AsyncExitStack() as stack:
        if request.param == "sync":
            yield Sdk(stack.enter_context(openai.OpenAI(**options)), served.engine, served.url)
        else:
            yield Sdk(await stack.enter_async_context(openai.AsyncOpenAI(**options)), served.engine, served.url)


def body_of(error: openai.APIStatusError) -> dict[str, Any]:
    """The inside of the envelope."""
    said: Any = error.body
    assert set(said) == {"message", "type", "param", "code"}
    return said


async def test_a_key_that_is_not_known_is_an_authentication_error(sdk: Sdk) -> None:
    stranger = replace(sdk, client=sdk.client.with_options(api_key="wrong"))
    with pytest.raises(openai.AuthenticationError) as error:
        await stranger.do(stranger.client.vector_stores.list)
    assert (error.value.code, error.value.param) == ("invalid_api_key", None)
    assert body_of(error.value)["message"].startswith("Incorrect API key provided.")


async def test_a_reading_key_lists_and_searches_and_changes_nothing(sdk: Sdk) -> None:
    store = await sdk.store(name="Bees")
    reader = replace(sdk, client=sdk.client.with_options(api_key="reading-token"))
    stores = reader.client.vector_stores
    assert [s.id for s in await reader.all(stores.list)] == [store]
    assert await reader.all(stores.search, store, query="honey") == []
    for method, given in ((stores.create, ()), (stores.delete, (store,)), (stores.update, (store,))):
        with pytest.raises(openai.PermissionDeniedError) as error:
            await reader.do(method, *given)
        assert body_of(error.value)["type"] == "invalid_request_error"


async def test_a_file_that_is_too_large_is_a_413_in_the_envelope(sdk: Sdk) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        await sdk.do(sdk.client.files.create, file=("large.txt", LARGE), purpose="assistants")
    assert error.value.status_code == 413
    assert body_of(error.value)["code"] == "too_large"
    assert await sdk.all(sdk.client.files.list) == []


async def test_a_body_that_is_too_large_is_a_413_in_the_envelope(sdk: Sdk) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        await sdk.do(sdk.client.vector_stores.create, name="x" * 200_000)
    assert error.value.status_code == 413


async def test_the_description_is_served_to_those_who_may_come_in(served: House) -> None:
    async with httpx.AsyncClient(base_url=served.url) as client:
        assert (await client.get("/openapi.json")).status_code == 401
        described = await client.get("/openapi.json", headers={"authorization": "Bearer reading-token"})
        assert described.json()["info"]["title"] == "vector-stores-mcp"

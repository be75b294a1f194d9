"""The page without scripts: what it shows, what it lets in, and what it never lets through."""

import json
import re
import sys
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser

from support import hostile
from support.oauth_issuer import AUDIENCE, ISSUER, Issuer
from support.pages import HERE, change_token, filled, first, page_of, parsed, signed_in
from support.served import served
from vectorstores_server.http.jwks import IssuerKeys
from vectorstores_server.http.oauth import JwtVerifier
from vectorstores_server.page import paths
from vectorstores_tools.contract.characters import clean
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.requests import PageRequest, StoreCreate, StoreFilesRequest

TIDES = ("tides.md", "# Tides\n\nThe moon moves the tides twice a day.\n\n## Wind\n\nWind moves the sea as well.\n")
SCRIPT = '<script>alert(1)</script><img src=x onerror=alert(2)>"\'><a href="javascript:alert(3)">click</a>'


async def test_the_stores_are_listed_with_what_they_hold(engine: Engine) -> None:
    store = await filled(engine, "Sea", TIDES)
    async with page_of(engine) as client:
        page = parsed(await client.get("/"))
        await engine.create_store(StoreCreate(name="Nothing"))
        states = [badge.text() for badge in parsed(await client.get("/")).css(".card .badge")]
    assert states == ["empty", "ready"]
    [card] = page.css(".card")
    assert first(card, "h2 a").attributes["href"] == f"/stores/{store}"
    assert first(card, "h2").text(strip=True) == "Sea"
    assert "1" in first(card, "dd").text()


async def test_nothing_looks_like_the_place_to_make_a_store_but_its_button(local_engine: Engine) -> None:
    async with page_of(local_engine) as client:
        page = parsed(await client.get("/"))
        assert page.css("main form:not(dialog form)") == []
        assert first(page, "[data-opens=create-store]").text() == "New store"


async def test_a_search_shows_the_passage_marked_its_citation_and_its_place(engine: Engine) -> None:
    store = await filled(engine, "Sea", TIDES, topic="water")
    async with page_of(engine) as client:
        page = parsed(await client.get(f"/stores/{store}", params={"query": "what moves the tides?"}))
        [hit] = page.css(".hit")
        assert "The moon moves the tides" in first(hit, ".passage").text()
        assert re.fullmatch(r"0\.\d\d", first(hit, ".score strong").text())
        assert first(hit, ".uri").text().startswith(f"vectorstore://{store}/files/")
        place = first(hit, "h3 a").attributes["href"]
        assert place is not None
        shown = parsed(await client.get(place))
    assert "The moon moves the tides twice a day." in first(shown, ".lines").text()
    if engine.capabilities.citations and not engine.capabilities.remote:
        assert "moon moves" in first(hit, ".passage mark").text()
        assert "tides" in [word.text() for word in hit.css(".passage mark b")]
        assert "line" in first(hit, ".citation").text()
        assert shown.css(".lines mark")
        assert first(shown, ".lines .n").attributes["data-n"] == "1"
        assert len(hit.css(".bar .wording")) == 1


async def test_the_place_of_a_text_that_is_gone_marks_nothing_and_says_so(engine: Engine) -> None:
    store = await filled(engine, "Sea", TIDES)
    file = (await engine.list_store_files(store, StoreFilesRequest())).data[0].id
    async with page_of(engine) as client:
        place = {"start": 9, "end": 20, "text": "0" * 8}
        shown = parsed(await client.get(f"/stores/{store}/files/{file}", params=place))
        assert "made again since this address was given" in first(shown, ".note").text()
        assert shown.css(".lines mark") == []
        assert "The moon moves the tides twice a day." in first(shown, ".lines").text()
        same = parsed(await client.get(f"/stores/{store}/files/{file}", params={"start": 9, "end": 20}))
        assert [note.text() for note in same.css(".note")] == []
        assert same.css(".lines mark")


async def test_a_click_on_an_attribute_narrows_and_a_click_on_the_filter_widens(engine: Engine) -> None:
    store = await filled(engine, "Sea", TIDES, topic='w"<&', year=2020)
    address = f"/stores/{store}?query=tides"
    async with page_of(engine) as client:
        for asked in (2, 1, 0):
            page = parsed(await client.get(address))
            active = [chip.text() for chip in page.css(".chips.active .chip")]
            assert len(active) == 2 - asked
            assert page.css(".hit")
            chips = [chip.attributes["href"] for chip in page.css(".hit .chip")]
            assert len(chips) == 2
            address = chips[asked - 1] or ""
        for left in (1, 0):
            address = page.css(".chips.active .chip")[0].attributes["href"] or ""
            page = parsed(await client.get(address))
            assert len(page.css(".chips.active .chip")) == left


async def test_the_list_of_files_is_narrowed_by_a_click_too(local_engine: Engine) -> None:
    store = await filled(local_engine, "Sea", TIDES, topic="water")
    other = json.dumps({"type": "eq", "key": "topic", "value": "fire"})
    async with page_of(local_engine) as client:
        page = parsed(await client.get(f"/stores/{store}"))
        [chip] = page.css("tbody .chip")
        assert len(parsed(await client.get(chip.attributes["href"] or "")).css("tbody tr")) == 1
        assert not parsed(await client.get(f"/stores/{store}", params={"filters": other})).css("tbody tr")


async def test_files_are_found_by_how_their_name_begins_within_what_is_filtered_already(local_engine: Engine) -> None:
    names = ["Tides.md", "tides of May.md", "TIDES.txt", "The tides.md", "50%.md", "50 x.md"]
    store = await filled(local_engine, "Sea", *((name, f"# {name}\n\nWater.") for name in names), topic="sea")

    async with page_of(local_engine) as client:

        async def found(**query: str) -> set[str]:
            shown = parsed(await client.get(f"/stores/{store}", params=query))
            return {link.text(strip=True) for link in shown.css("tbody th a bdi") if link.text(strip=True) in names}

        assert await found(name="tides") == set(names[:3])
        assert await found(name="50%") == {"50%.md"}
        assert await found(name="nothing") == set()
        assert await found(name="tides", status="failed") == set()
        assert await found(name="t", filters='{"type":"eq","key":"topic","value":"sea"}') == set(names[:4])
        assert await found(name="t", filters='{"type":"eq","key":"topic","value":"sky"}') == set()
        form = first(parsed(await client.get(f"/stores/{store}?name=tides&status=completed")), "form.narrow")
        assert first(form, "input[name=status]").attributes["value"] == "completed"


async def test_no_hit_says_why_and_a_wrong_filter_says_what_is_wrong(engine: Engine) -> None:
    store = await filled(engine, "Sea", TIDES)
    other = json.dumps({"type": "eq", "key": "topic", "value": "moon"})
    async with page_of(engine) as client:
        nothing = parsed(await client.get(f"/stores/{store}", params={"query": "tides", "filters": other}))
        assert "Why:" in first(nothing, ".results").text()
        for wrong in ("{", "[1]", '{"type":"same","key":"a","value":1}'):
            page = parsed(await client.get(f"/stores/{store}", params={"query": "tides", "filters": wrong}))
            assert first(page, ".results .problem").text()
            assert first(page, "textarea").text() == wrong


async def test_hits_leave_as_json_and_as_markdown(engine: Engine) -> None:
    store = await filled(engine, "Sea *of* `notes`", ("a```b.md", "````\n# The moon\n````\nmoves <b>tides</b>\n"))
    async with page_of(engine) as client:
        page = parsed(await client.get(f"/stores/{store}", params={"query": "tides"}))
        replies = [await client.get(link.attributes["href"] or "") for link in page.css("a[download]")]
        assert all(reply.headers["content-disposition"].startswith("attachment") for reply in replies)
        [json] = [reply for reply in replies if "hits.json" in str(reply.url)]
        [hit] = json.json()["data"]
        assert "tides" in hit["text"]
        markdown = [reply.text for reply in replies if reply is not json]
        assert markdown
        for text in markdown:
            fence = re.search(r"^(`{5,})text\n", text, re.MULTILINE)
            assert fence, text
            assert text.rstrip().endswith(fence[1])
            assert r"\*of\*" in text


async def test_what_a_document_says_stays_text_wherever_it_is_shown(engine: Engine) -> None:
    name = hostile.taken_name(200)
    text = hostile.TEXT + SCRIPT
    store = await filled(engine, name + SCRIPT, (f"{SCRIPT[:60].replace('/', '')}.txt", text), topic=SCRIPT)
    async with page_of(engine) as client:
        found = parsed(await client.get(f"/stores/{store}", params={"query": "keeper lamp"}))
        place = first(found, ".hit h3 a").attributes["href"] or ""
        for address in ("/", f"/stores/{store}", f"/stores/{store}?query=keeper+lamp", place, f"/?name={SCRIPT}"):
            reply = await client.get(address)
            page = parsed(reply)
            assert [(script.attributes.get("src") or "").partition("?")[0] for script in page.css("script")] == [
                "/page/assets/page.js",
            ]
            nodes = page.css("*")
            assert nodes
            for node in nodes:
                assert not [key for key in node.attributes if key.startswith("on") or key == "style"], node.html
                target = node.attributes.get("href") or node.attributes.get("action") or "/"
                assert target.startswith(("/", "#")), target
                assert not target.startswith("//")
            assert not [img for img in page.css("img") if not (img.attributes.get("src") or "").startswith("/")]
            assert clean(reply.text) == reply.text


VIEWS = ("/", "/stores/vs_nothing", "/sign-in", "/stores/vs_nothing/files/file-nothing")


@pytest.mark.parametrize("address", VIEWS)
async def test_every_view_has_a_policy_without_unsafe_parts(engine: Engine, address: str) -> None:
    async with page_of(engine, tokens=address == "/sign-in") as client:
        reply = await client.get(address)
    policy = reply.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"https?://", policy)
    assert "http://" not in reply.text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in reply.text


async def test_an_unknown_store_is_a_page_that_says_so(engine: Engine) -> None:
    async with page_of(engine) as client:
        reply = await client.get("/stores/vs_<script>")
    assert reply.status_code in (400, 404)
    assert "<script>" not in reply.text.split("</head>")[1]
    assert 'href="/"' in reply.text


OUTSIDE = [
    "/", "/stores/vs_1", "/stores/vs_1?query=x", "/stores/vs_1/files/file-1", "/stores/vs_1/hits.json",
    "/page/v1/vector_stores", "/stores/vs_1/files/file-1/picture", "/page/stores/vs_1/files", "/v1/vector_stores",
    "/mcp",
]  # fmt: skip


async def test_without_a_token_only_the_way_in_is_open(local_engine: Engine) -> None:
    async with page_of(local_engine, tokens=True) as client:
        for address in OUTSIDE:
            reply = await client.get(address)
            assert reply.status_code in (303, 401), address
            assert "Sea" not in reply.text
        form = parsed(await client.get("/sign-in"))
        needed = [
            node.attributes.get("src") or node.attributes.get("href") or "" for node in form.css("script,link,img")
        ]
        assert needed
        for address in needed:
            assert (await client.get(address)).status_code == 200, address


async def test_signing_in_keeps_the_token_in_a_cookie_that_no_script_and_no_other_site_sees(
    local_engine: Engine,
) -> None:
    store = await filled(local_engine, "Sea", TIDES)
    async with page_of(local_engine, tokens=True) as client:
        asked = await client.get(f"/stores/{store}?query=moon")
        assert asked.headers["location"] == f"/sign-in?next=%2Fstores%2F{store}%3Fquery%3Dmoon"
        form = parsed(await client.get(asked.headers["location"]))
        target = first(form, "input[name=next]").attributes["value"]
        reply = await client.post("/sign-in", data={"token": "writing-token", "next": target}, headers={"origin": HERE})
        assert (reply.status_code, reply.headers["location"]) == (303, f"/stores/{store}?query=moon")
        cookie = reply.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "writing-token" not in cookie
        assert parsed(await client.get(reply.headers["location"])).css(".hit")


async def test_a_token_of_an_issuer_signs_in_and_may_as_much_as_elsewhere(local_engine: Engine) -> None:
    issuer = Issuer()
    verifier = JwtVerifier(IssuerKeys(ISSUER, issuer.transport, lambda: 0.0), AUDIENCE)
    async with page_of(local_engine, verifier=verifier) as client:
        assert (await client.get("/")).status_code == 303
        await signed_in(client, issuer.token(scope="vector_stores:read"))
        assert not parsed(await client.get("/")).css("[data-opens]")
        await signed_in(client, issuer.token())
        assert parsed(await client.get("/")).css("[data-opens]")
        assert (await signed_in(client, issuer.token(aud="https://another.example"))).status_code == 401


async def test_over_https_the_cookie_is_for_https_alone(local_engine: Engine) -> None:
    async with page_of(local_engine, tokens=True) as client:
        reply = await client.post(
            "/sign-in", data={"token": "writing-token"}, headers={"origin": HERE.replace("http:", "https:")}
        )
    assert "; Secure" in reply.headers["set-cookie"]


async def test_the_cookie_is_good_for_the_page_and_for_nothing_else(local_engine: Engine) -> None:
    async with page_of(local_engine, tokens=True) as client:
        await signed_in(client, "writing-token")
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/page/v1/vector_stores")).status_code == 200
        for address in ("/v1/vector_stores", "/v1/openai/v1/vector_stores", "/mcp", "/sse", "/ready", "/metrics"):
            assert (await client.get(address)).status_code == 401, address


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "/v1/files", "/sign-in"]
)
async def test_signing_in_leads_nowhere_but_to_a_view_of_the_page(local_engine: Engine, target: str) -> None:
    async with page_of(local_engine, tokens=True) as client:
        reply = await client.post("/sign-in", data={"token": "writing-token", "next": target}, headers={"origin": HERE})
    assert reply.headers["location"] == "/"
    assert paths.after_sign_in(target) == "/"


async def test_guesses_are_slowed_down_and_the_right_token_is_not_taken_meanwhile(local_engine: Engine) -> None:
    async with page_of(local_engine, tokens=True) as client:
        replies = [await signed_in(client, f"guess-{number}") for number in range(8)]
        late = await signed_in(client, "writing-token")
    statuses = [reply.status_code for reply in replies]
    assert statuses[:5] == [401] * 5
    assert 429 in statuses
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) >= 1


async def test_who_only_reads_sees_no_button_that_changes_and_can_change_nothing(local_engine: Engine) -> None:
    store = await filled(local_engine, "Sea", TIDES)
    async with page_of(local_engine, tokens=True) as client:
        await signed_in(client, "reading-token")
        for address in ("/", f"/stores/{store}", f"/stores/{store}?query=moon"):
            page = parsed(await client.get(address))
            assert not page.css("dialog, [data-opens], [data-upload]"), address
        token = change_token((await client.get("/")).text)
        for method, address in CHANGES:
            reply = await client.request(
                method, address.format(store=store), headers={"origin": HERE, "x-change-token": token}
            )
            assert reply.status_code == 403, address
        assert (
            await client.post("/sign-out", data={"change_token": token}, headers={"origin": HERE})
        ).status_code == 303


CHANGES = [
    ("POST", "/page/v1/vector_stores"),
    ("DELETE", "/page/v1/vector_stores/{store}"),
    ("POST", "/page/v1/vector_stores/{store}"),
    ("POST", "/page/v1/files"),
    ("POST", "/page/stores/{store}/files?filename=a.txt"),
]


FORGED = [
    {},
    {"x-change-token": "0" * 64},
    {"x-change-token": "right", "origin": "http://localhost:3000"},
    {"x-change-token": "right", "sec-fetch-site": "same-site"},
    {"x-change-token": "right", "sec-fetch-site": "cross-site"},
]


@pytest.mark.parametrize("tokens", [False, True], ids=["open", "tokens"])
async def test_no_change_without_the_word_of_the_session_or_from_another_origin(
    local_engine: Engine, tokens: bool
) -> None:
    store = await filled(local_engine, "Sea")
    async with page_of(local_engine, tokens=tokens) as client:
        await signed_in(client, "writing-token")
        right = change_token((await client.get("/")).text)
        for headers in FORGED:
            sent = {name: right if value == "right" else value for name, value in headers.items()}
            for method, address in CHANGES:
                reply = await client.request(method, address.format(store=store), headers=sent, content=b"")
                assert reply.status_code == 403, (address, headers)
    assert [left.id for left in (await local_engine.list_stores(PageRequest())).data] == [store]


async def test_the_word_of_one_session_is_none_of_another(local_engine: Engine) -> None:
    async with page_of(local_engine) as client:
        word = change_token((await client.get("/")).text)
        client.cookies.clear()
        await client.get("/")
        headers = {"origin": HERE, "x-change-token": word}
        reply = await client.post("/page/v1/vector_stores", json={"name": "x"}, headers=headers)
    assert reply.status_code == 403


async def test_with_its_word_a_session_makes_renames_uploads_and_deletes(engine: Engine) -> None:
    async with page_of(engine) as client:
        headers = {"origin": HERE, "x-change-token": change_token((await client.get("/")).text)}
        made = await client.post("/page/v1/vector_stores", json={"name": "new"}, headers=headers)
        store = made.json()["id"]
        query = {"filename": "a.txt", "path": "notes/a.txt"}
        sent = await client.post(f"/page/stores/{store}/files", params=query, content=b"Hello.", headers=headers)
        assert sent.status_code == 200, sent.text
        attached = await engine.retrieve_store_file(store, sent.json()["id"])
        assert attached.attributes == {"path": "notes/a.txt"}
        await client.post(f"/page/v1/vector_stores/{store}", json={"name": "newer"}, headers=headers)
        assert "newer" in (await client.get(f"/stores/{store}")).text
        assert (await client.delete(f"/page/v1/vector_stores/{store}", headers=headers)).status_code == 200
        assert not parsed(await client.get("/")).css(".card")


async def test_an_upload_into_nothing_leaves_no_file_behind(local_engine: Engine) -> None:
    from vectorstores_tools.contract.requests import FilesRequest

    async with page_of(local_engine) as client:
        headers = {"origin": HERE, "x-change-token": change_token((await client.get("/")).text)}
        for address in ("/page/stores/vs_nothing/files?filename=a.txt", "/page/stores/vs_nothing/files?filename="):
            reply = await client.post(address, content=b"Hello.", headers=headers)
            assert reply.status_code in (400, 404)
            assert reply.json()["error"]["message"]
    assert (await local_engine.list_files(FilesRequest())).data == []


async def test_a_read_only_server_shows_no_button_that_changes(local_engine: Engine) -> None:
    async with page_of(local_engine, read_only=True) as client:
        assert not parsed(await client.get("/")).css("dialog, [data-opens]")


async def test_other_origins_are_told_nothing_by_the_page(local_engine: Engine) -> None:
    async with page_of(local_engine) as client:
        for address in ("/", "/page/v1/vector_stores"):
            reply = await client.get(address, headers={"origin": "http://localhost:3000"})
            assert "access-control-allow-origin" not in reply.headers


async def test_a_list_is_walked_in_both_directions(local_engine: Engine) -> None:
    names = [f"store {number}" for number in range(120)]
    for name in names:
        await local_engine.create_store(StoreCreate(name=name))
    seen: list[str] = []
    async with page_of(local_engine) as client:
        address, last = "/", LexborHTMLParser("")
        while address:
            page = parsed(await client.get(address))
            seen += [card.text(strip=True) for card in page.css(".card h2")]
            [older] = page.css(".pages a[rel=next]") or [None]
            address = (older.attributes["href"] or "") if older else ""
            last = page
        assert sorted(seen) == sorted(names)
        back = first(last, ".pages a[rel=prev]").attributes["href"]
        assert len(parsed(await client.get(back or "")).css(".card")) == 50
        found = parsed(await client.get("/", params={"name": "STORE 11"}))
    assert {card.text(strip=True) for card in found.css(".card h2")} == {name for name in names if "store 11" in name}


async def test_an_asset_that_has_not_changed_is_not_sent_again(local_engine: Engine) -> None:
    async with page_of(local_engine) as client:
        sent = await client.get("/page/assets/page.css")
        again = await client.get("/page/assets/page.css", headers={"if-none-match": sent.headers["etag"]})
        assert (sent.status_code, again.status_code, again.content) == (200, 304, b"")
        address = first(parsed(await client.get("/")), "link[rel=stylesheet]").attributes["href"] or ""
        assert "immutable" in (await client.get(address)).headers["cache-control"]
        assert (await client.get(f"{address}0")).headers["cache-control"] == "no-cache"
        for outside in ("/page/assets/../views.py", "/page/assets/%2e%2e/views.py", "/page/assets/"):
            assert (await client.get(httpx.URL(outside))).status_code == 404


async def test_a_page_that_was_seen_before_asks_for_no_asset_again(local_engine: Engine) -> None:
    async with page_of(local_engine) as client:
        page = parsed(await client.get("/"))
        named = [node.attributes.get("src") or node.attributes.get("href") or "" for node in page.css("script, link")]
        waiting, seen, kept = list(named), set[str](), set[str]()
        while waiting:
            address = waiting.pop()
            seen.add(address)
            reply = await client.get(address)
            kept |= {address} if "immutable" in reply.headers["cache-control"] else set()
            imported = {urljoin(address, name) for name in re.findall(r'from "(.+?)"', reply.text)}
            waiting += imported - seen
    assert {"/page/assets/page.js", "/page/assets/requests.js", "/page/assets/page.css", "/page/assets/icon.svg"} <= {
        address.partition("?")[0] for address in seen
    }
    assert kept == seen


async def test_stdio_imports_nothing_of_the_page(tmp_path: Path) -> None:
    command = (sys.executable, "-X", "importtime", "-m", "vectorstores_server")
    async with served(tmp_path, command=command, embedder="none") as server:
        await server.handshake()
        await server.ask("tools/list")
        await server.call("create_store", name="notes")
        await server.hang_up()
        await server.process.wait()
    imported = {row.rsplit("|", 1)[-1].strip() for row in server.stderr.read_text().splitlines() if "|" in row}
    assert "vectorstores_server.protocol.stdio" in imported
    unwanted = ("vectorstores_server.page", "vectorstores_server.http", "jinja2", "starlette.templating")
    assert [name for name in imported if name.startswith(unwanted)] == []


async def test_copies_are_one_hit_with_a_way_to_each_file(engine: Engine) -> None:
    store = await filled(engine, "Sea", ("a.md", "The moon moves the tides."), ("b.md", "The moon moves the tides."))
    async with page_of(engine) as client:
        page = parsed(await client.get(f"/stores/{store}", params={"query": "tides"}))
        [hit] = page.css(".hit")
        [other] = hit.css(".also-in a")
        assert {other.text(), first(hit, "h3").text()} == {"a.md", "b.md"}
        assert (await client.get(other.attributes["href"] or "")).status_code == 200
        [json, markdown] = [await client.get(link.attributes["href"] or "") for link in page.css("a[download]")]
    [exported] = json.json()["data"]
    assert exported["also_in"]["total"] == 1
    assert f"also in {other.text()}".replace(".", r"\.") in markdown.text

"""The server: a whole session over HTTP, and everything that it refuses."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs pip install 'mgv[web]'")

from sqlalchemy import select
from starlette.testclient import TestClient

from mgv.eval.study import Settings, schema
from mgv.eval.study.settings import Limits, Questions
from mgv.eval.study.store import Store
from mgv.eval.study.votes import read_votes
from mgv.eval.study.web.app import PAGE_FILES, make_app
from mgv.eval.study.web.guard import RateLimiter

ADMIN = "a-long-admin-token"
HOST = "http://127.0.0.1:8000"
ENTER = {"x-mgv-csrf": "enter"}


def client_of(store: Store, **options: object) -> TestClient:
    return TestClient(make_app(store, ADMIN, **options), base_url=HOST)


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    with client_of(store) as opened:
        yield opened


def enter(client: TestClient) -> dict:
    state = client.post("/api/enter", json={}, headers=ENTER).json()
    client.headers["x-mgv-csrf"] = state["csrf"]
    return state


def begin(client: TestClient) -> dict:
    enter(client)
    return client.post("/api/begin", json={"width_device_pixels": 1920, "refresh_hz": 60.1}).json()


def vote(client: TestClient, key: str, side: str = "left", **facts: object) -> object:
    return client.post("/api/vote", json={"question": key, "side": side, "facts": facts})


def num_votes(store: Store) -> int:
    with store.reading() as connection:
        return len(read_votes(connection))


def test_a_whole_session(client: TestClient, store: Store) -> None:
    assert client.get("/api/state").json()["phase"] == "welcome"
    state = begin(client)
    while state["phase"] == "question":
        question = state["question"]
        for side in ("left", "right"):
            media = client.get(f"/media/{question[side]}")
            assert media.headers["content-type"] == "video/mp4"
            assert media.content[4:8] == b"ftyp"
        state = vote(client, question["key"], "right", desync_ms=8.5, plays=1).json()
    assert state["phase"] == "done"
    assert num_votes(store) == 13
    with store.reading() as connection:
        assert read_votes(connection)[0].facts == {"desync_ms": 8.5, "plays": 1}


@pytest.mark.parametrize("path", sorted(PAGE_FILES))
def test_the_page_and_its_headers(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert not any(word in response.text for word in ("http://", "https://", "style=", 'onclick="'))


def test_the_cookie_is_not_for_scripts_nor_for_other_sites(store: Store) -> None:
    for https in (False, True):
        with client_of(store, https=https) as client:
            cookie = client.post("/api/enter", json={}, headers=ENTER).headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert ("secure" in cookie) == https


def test_a_session_is_resumed_by_its_cookie(client: TestClient) -> None:
    question = begin(client)["question"]
    assert client.get("/api/state").json()["question"] == question
    assert client.post("/api/enter", json={}, headers=ENTER).json()["question"] == question


def test_a_vote_sent_twice_counts_once(client: TestClient, store: Store) -> None:
    question = begin(client)["question"]
    first, again = vote(client, question["key"]).json(), vote(client, question["key"], "right").json()
    assert (first["counted"], again["counted"]) == (True, False)
    assert num_votes(store) == 1


def test_without_the_pages_token_nothing_changes(client: TestClient, store: Store) -> None:
    question = begin(client)["question"]
    for token in ("", "enter", "0" * 64):
        client.headers["x-mgv-csrf"] = token
        assert vote(client, question["key"]).status_code == 403
        assert client.post("/api/forget", json={}).status_code == 403
    assert num_votes(store) == 0


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_other_origins_are_refused(client: TestClient, headers: dict[str, str]) -> None:
    question = begin(client)["question"]
    body = {"question": question["key"], "side": "left"}
    assert client.post("/api/vote", json=body, headers=headers).status_code == 403
    assert client.post("/api/enter", json={}, headers={**ENTER, **headers}).status_code == 403
    assert client.post("/api/vote", json=body, headers={"origin": HOST}).status_code == 200


def test_entering_needs_a_header_that_other_pages_can_not_send(client: TestClient) -> None:
    assert client.post("/api/enter", json={}).status_code == 403


def test_other_host_names_are_refused(store: Store) -> None:
    with client_of(store) as client:
        assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    with client_of(store, hosts=("study.example",)) as client:
        assert client.get("/", headers={"host": "study.example"}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/media/study.db",
        "/media/..%2f..%2fetc%2fpasswd",
        "/media/../../../etc/passwd",
        "/../pyproject.toml",
        "/study.js%00.png",
        "/page/index.html",
        "/media/" + "0" * 32,
    ],
)
def test_no_path_reaches_a_file(client: TestClient, path: str) -> None:
    begin(client)
    assert client.get(path).status_code == 404


def test_media_are_for_raters(client: TestClient, store: Store) -> None:
    with store.reading() as connection:
        key = connection.execute(select(schema.stimulus.c.key)).scalars().first()
    assert client.get(f"/media/{key}").status_code == 401
    begin(client)
    assert client.get(f"/media/{key}").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"a": NaN}', 400),
        (b"[" * 5000, 400),
        (b'{"x": "' + b"a" * 20_000 + b'"}', 413),
        (b"{}", 422),
        (b'{"question": "q", "side": "up"}', 422),
        (b'{"question": 5, "side": "left"}', 422),
        (b'{"question": "q", "side": "left", "facts": {"name": 1}}', 422),
        (b'{"question": "q", "side": "left", "facts": {"desync_ms": "1"}}', 422),
        (b'{"question": "q", "side": "left", "facts": {"desync_ms": 1e300}}', 422),
        (b'{"question": "q", "side": "left", "facts": {"plays": true}}', 422),
        (b'{"question": "q", "side": "left"}', 404),
        (b'{"question": "\\ud800", "side": "left"}', 422),
        (b'{"question": "\\u0000", "side": "left"}', 422),
        (b'{"question": "q", "side": "\\ud800"}', 422),
        (b'{"question": "q", "side": "left", "facts": {"\\ud800": 1}}', 422),
    ],
)
def test_bad_votes_are_refused(client: TestClient, body: bytes, status: int) -> None:
    begin(client)
    response = client.post("/api/vote", content=body)
    assert response.status_code == status
    assert response.json()["error"]


def test_a_rater_sees_and_deletes_what_is_kept(client: TestClient, store: Store) -> None:
    vote(client, begin(client)["question"]["key"])
    mine = client.get("/api/mine").json()
    assert len(mine["votes"]) == 1
    assert mine["screen"] == {"width_device_pixels": 1920, "refresh_hz": 60.1}
    assert client.post("/api/forget", json={}).json() == {"phase": "forgotten", "votes": 1}
    assert client.get("/api/state").json()["phase"] == "welcome"
    assert num_votes(store) == 0


def test_requests_are_limited(store: Store) -> None:
    store.facts = replace(store.facts, settings=Settings(limits=Limits(requests_per_second=0.01, burst=3)))
    with client_of(store) as client:
        answers = [client.get("/api/state") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"


def test_new_raters_are_limited(store: Store) -> None:
    store.facts = replace(store.facts, settings=Settings(limits=Limits(new_raters_per_minute=2)))
    statuses = []
    with client_of(store) as client:
        for _ in range(3):
            client.cookies.clear()
            statuses.append(client.post("/api/enter", json={}, headers=ENTER).status_code)
    assert statuses == [200, 200, 429]


def test_a_rate_limiter_gives_tokens_back() -> None:
    now = 0.0
    limiter = RateLimiter(2.0, 2, lambda: now)
    assert [limiter.wait_seconds("x") for _ in range(3)] == [0, 0, 0.5]
    assert limiter.wait_seconds("y") == 0
    now = 0.5
    assert not limiter.is_out("x")
    assert limiter.wait_seconds("x") == 0
    assert limiter.is_out("x")


def basic(password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_admin_pages_need_the_token(client: TestClient) -> None:
    rater = begin(client)["rater"]
    for path in ("/admin", "/admin/results.json", f"/admin/raters/{rater}"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=basic("wrong")).status_code == 401
        assert client.get(path, headers=basic(ADMIN)).status_code == 200
        assert client.get(path, headers=bearer(ADMIN)).status_code == 200
    page = client.get("/admin", headers=basic(ADMIN))
    assert "script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_guessing_the_token_is_limited(client: TestClient) -> None:
    statuses = [client.get("/admin", headers=bearer(f"guess{n}")).status_code for n in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert client.get("/admin", headers=bearer(ADMIN)).status_code == 429


def test_admins_delete_raters_only_by_bearer_token(client: TestClient, store: Store) -> None:
    state = begin(client)
    vote(client, state["question"]["key"])
    path = f"/admin/raters/{state['rater']}"
    assert client.delete(path, headers=basic(ADMIN)).status_code == 401
    assert num_votes(store) == 1
    assert client.delete(path, headers=bearer(ADMIN)).json() == {"votes": 1}
    assert client.delete(path, headers=bearer(ADMIN)).status_code == 404
    assert vote(client, state["question"]["key"]).status_code in (401, 403)
    assert num_votes(store) == 0


def test_the_reference_is_given_only_where_the_study_allows_it(store: Store) -> None:
    questions = Questions(allow_reference=True, training=0, min_seconds=0)
    store.facts = replace(store.facts, settings=Settings(questions=questions))
    with client_of(store) as client:
        question = begin(client)["question"]
        assert client.get(f"/media/{question['reference']}").status_code == 200


def test_the_page_is_in_the_package_data() -> None:
    import tomllib

    root = Path(__file__).resolve().parents[3]
    listed = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert listed["mgv.eval.study.web"] == ["page/*"]
    assert {path.name for path in (root / "eval/study/web/page").iterdir()} == {
        name for name, _ in PAGE_FILES.values()
    }

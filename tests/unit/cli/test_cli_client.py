"""The admin client: every answer becomes one clear error with its exit code, and the token is never shown."""

from __future__ import annotations

import socket
import threading

import pytest

from exeat.cli.client import AdminClient, segment
from exeat.config.endpoints import Listener
from exeat.errors import UnavailableError
from exeat.model.secret import Secret

TOKEN = "TOKEN-SENTINEL"


@pytest.mark.parametrize(
    ("status", "code"), [(400, 2), (401, 4), (403, 5), (404, 1), (409, 1), (413, 1), (422, 2), (500, 1), (503, 6)]
)
def test_each_problem_has_its_message_hint_and_exit_code(site, stub, exeat, status, code):
    problem = {"detail": "what went wrong", "hint": "what to do", "errors": [{"field": "ttl", "message": "too long"}]}
    stub.answers["GET", "/v1/missions/m_1"] = (status, problem)
    result, out, err = exeat("mission", "show", "m_1", "--json")
    assert (result, out) == (code, "")
    assert "what went wrong" in err
    assert "ttl: too long" in err
    assert ("what to do" in err) is (status != 503)
    assert TOKEN not in err


def test_a_refused_connection_asks_whether_the_proxy_runs(folder, exeat):
    (folder / "admin.token").write_text(TOKEN)
    (folder / "admin.token").chmod(0o600)
    code, out, err = exeat("mission", "list")
    assert (code, out) == (6, "")
    assert "is exeat serve running?" in err


def test_a_missing_token_asks_whether_the_proxy_ever_ran(folder, exeat):
    code, _, err = exeat("mission", "list")
    assert code == 6
    assert "admin.token" in err


def test_a_token_others_can_read_is_refused_with_the_fix(site, stub, exeat):
    (site / "admin.token").chmod(0o644)
    code, _, err = exeat("mission", "list")
    assert code == 2
    assert "chmod 600" in err
    assert not stub.asked


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, b""), (302, {"location": "x"}), (500, b"x"), (404, b"[]")])
def test_a_stranger_on_the_port_is_not_believed(site, stub, exeat, answer):
    stub.answers["GET", "/v1/missions?limit=50"] = answer
    code, out, err = exeat("mission", "list", "--json")
    assert (code, out) == (6, "")
    assert "isn't Exeat's admin API" in err


@pytest.mark.parametrize(
    "answer", [b"", b"\xff\xfe\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", b"HTTP/1.1 200 " + b"x" * 70_000]
)
def test_a_broken_answer_is_unavailable_and_shows_no_token(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        client = AdminClient(Listener("http", "127.0.0.1", server.getsockname()[1]), Secret(TOKEN), timeout=5)
        with pytest.raises(UnavailableError) as caught:
            client.get("/v1/status")
        thread.join(5)
    assert TOKEN not in str(caught.value)


def test_silence_ends_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = AdminClient(Listener("http", "127.0.0.1", server.getsockname()[1]), Secret(TOKEN), timeout=0.1)
        with pytest.raises(UnavailableError, match=r"0\.1 s"):
            client.get("/v1/status")


def test_a_token_with_a_line_break_is_refused_without_being_shown():
    client = AdminClient(Listener("http", "127.0.0.1", 1), Secret("TOKEN\r\nX: SENTINEL"), timeout=1)
    with pytest.raises(UnavailableError) as caught:
        client.get("/v1/status")
    assert "SENTINEL" not in str(caught.value)


def test_the_token_goes_out_as_a_bearer_and_ids_stay_one_segment(site, stub, exeat):
    exeat("mission", "show", "../status?x=/")
    assert stub.asked[0][1] == "/v1/missions/..%2Fstatus%3Fx%3D%2F"
    assert stub.asked[0][3] == f"Bearer {TOKEN}"
    assert segment("a/b") == "a%2Fb"

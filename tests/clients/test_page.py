"""The page of the admin listener in a real Chromium: live decisions, hostile texts that do nothing, a kill to its end."""

from __future__ import annotations

import os
import re
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from node_world import HERE, Ran, need, node_packages

from rig.origin import Origin
from rig.proxy import Exeat
from rig.wire import ask, tunnel

PURPOSE = "<img src=x onerror=document.title='owned'> & \"'><script>document.title='owned'</script>"
PATH = "/v1/payouts/\"'><img/src=x/onerror=alert(1)><script>alert(1)</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Node, and the operator's script beside its packages."""
    need("chromium")
    folder = tmp_path_factory.mktemp("operator")
    for file in (HERE / "node").glob("*.mjs"):
        shutil.copy(file, folder)
    modules = folder / "node_modules"
    modules.symlink_to(node_packages() / "node_modules")
    return modules / "node-24" / "bin" / "node", folder / "page.mjs"


def test_an_operator_watches_and_revokes(exeat: Exeat, page: tuple[Path, Path], origin: Origin, tmp_path: Path) -> None:
    mission = exeat.open(purpose=PURPOSE)
    over = threading.Event()
    with tunnel(exeat, mission) as stream, tunnel(exeat, mission):
        stream.send("GET /drip HTTP/1.1\r\nHost: api.example.test\r\n\r\n")
        connection = origin.wait_for().connection

        def work() -> None:
            while not over.wait(0.3):
                with suppress(OSError):  # it is revoked meanwhile
                    ask(exeat, mission, "GET", PATH)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        node, script = page
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        shots = os.environ.get("EXEAT_SCREENSHOTS", "")
        ran = Ran.of(
            [str(node), script.name, "operate", f"{exeat.admin_url}/", exeat.token(), mission["mission"], shots],
            script.parent, environ, 60,
        )  # fmt: skip
        over.set()
        worker.join(5)
        assert ran.code == 0, ran.text[-4000:]
        assert not stream.response().complete
    seen: dict[str, Any] = ran.said["result"]
    assert "no valid admin token" in seen["refused"]
    assert PURPOSE in seen["row"]
    assert "invoice-bot" in seen["row"]
    assert "<script>alert(1)</script>" in seen["decisions"]
    assert (seen["title"], seen["dialogs"], seen["strangers"], seen["stored"]) == ("Exeat", 0, 0, 0)
    assert seen["complaints"] == []
    assert seen["elsewhere"] == []
    assert seen["kept"], "the dialog's first button has to leave the mission alone"
    assert seen["focus"] == "revoked"
    assert seen["dark"]
    assert seen["width"] <= 400, "the page is wider than a narrow window"
    figures = seen["figures"].split("\n")
    assert f"{mission['mission']} is revoked" in figures
    assert int(figures[figures.index("Connections cut") + 1]) >= 2
    assert any(line.endswith(" as seen from here") for line in figures)
    assert connection.closed_at is not None
    [record] = [
        each for each in exeat.audit_records("mission", mission=mission["mission"]) if each["event"] == "revoke"
    ]
    assert record["reason"] == "a drill <b>"


def test_the_page_says_nothing_without_a_token_and_its_policy_is_strict(exeat: Exeat) -> None:
    for path in ("/", "/page.js", "/page.css", "/icon.svg"):
        answer = exeat.admin("GET", path, token=None)
        assert answer.status == 200
        policy = answer.headers["content-security-policy"].split("; ")
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in str(policy)
        assert exeat.token() not in str(answer.body)
    html = exeat.admin("GET", "/", token=None).body
    assert "<style" not in html
    assert " style=" not in html
    assert not re.search(r"\son\w+=", html), "an inline handler"
    assert html.count("<script") == 1

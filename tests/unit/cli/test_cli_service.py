"""exeat service: import a description, run the samples, list the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import orjson

DESCRIPTION = {
    "openapi": "3.0.3",
    "info": {"title": "Forge \x1b[31m"},
    "servers": [{"url": "https://api.forge.test"}],
    "paths": {"/a/{id}": {"get": {"operationId": "a/get", "summary": "Gets\x1b[2J an a"}}, "/a": {"post": {}}},
}


def describe(folder, **paths):
    (folder / "forge.json").write_text(json.dumps(DESCRIPTION | {"paths": DESCRIPTION["paths"] | paths}))


def test_an_import_without_a_file_prints_the_service(folder, exeat):
    describe(folder)
    code, out, err = exeat("service", "import", "forge.json")
    assert code == 0
    assert 'name = "forge"' in out
    assert "\x1b" not in out
    assert err.strip() == "2 operations printed"


def test_an_import_updates_a_file_and_shows_what_changed(folder, exeat):
    describe(folder)
    assert exeat("service", "import", "forge.json", "--out", "forge.toml")[0] == 0
    describe(folder, **{"/b": {"delete": {"operationId": "b/wipe"}}})
    before = (folder / "forge.toml").read_text()
    code, _, err = exeat("service", "import", "forge.json", "--out", "forge.toml", "--dry-run")
    assert code == 0
    assert "+ DELETE /b  b/wipe, DELETE" in err
    assert (folder / "forge.toml").read_text() == before
    code, out, _ = exeat("service", "import", "forge.json", "--out", "forge.toml", "--json")
    assert [change["kind"] for change in orjson.loads(out)["changes"]] == ["added"]
    assert "b/wipe" in (folder / "forge.toml").read_text()
    assert list(folder.glob(".*.new")) == []


def test_what_cannot_be_read_or_written_is_said(folder, exeat):
    assert exeat("service", "import", "none.json")[0] == 2
    (folder / "y.json").write_text("openapi: 3.1.0")
    code, _, err = exeat("service", "import", "y.json")
    assert code == 2
    assert "convert YAML to JSON" in err
    describe(folder)
    assert exeat("service", "import", "forge.json", "--out", "missing/forge.toml")[0] == 2
    (folder / "bad.toml").write_text("operation = 3")
    assert exeat("service", "import", "forge.json", "--out", "bad.toml")[0] == 2


def test_an_imported_file_is_used_by_the_configuration(folder, exeat):
    describe(folder)
    exeat("service", "import", "forge.json", "--out", "forge.toml")
    site = folder / "exeat.toml"
    site.write_text(site.read_text() + '[[service]]\nname = "forge"\nfile = "forge.toml"\nsensitivity = "high"\n')
    code, out, _ = exeat("service", "show", "forge", "--json")
    assert code == 0
    shown = orjson.loads(out)
    assert (shown["hosts"], shown["sensitivity"]) == (["api.forge.test"], "high")
    assert [each["action"] for each in shown["operations"]] == ["forge:a/get", "forge:a/post"]
    (folder / "forge.toml").unlink()
    code, out, err = exeat("config", "check")
    assert code == 2
    assert "forge.toml: error: can't be read" in out + err


def test_samples_that_hold_and_samples_that_do_not(folder, exeat):
    site = folder / "exeat.toml"
    sample = '[[service.example]]\nrequest = "POST /v1/refunds"\naction = "refunds/create"\n[[service.example]]\nrequest = "GET /v1/refunds"\nrefused = "operation_unknown"\n'
    text = site.read_text()
    site.write_text(text.replace("[[mission_template]]", sample + "[[mission_template]]"))
    code, out, err = exeat("service", "test")
    assert code == 0, out + err
    assert "2 examples, 0 wrong" in err
    site.write_text(
        text.replace("[[mission_template]]", sample.replace("refunds/create", "x") + "[[mission_template]]")
    )
    code, out, _ = exeat("service", "test", "example", "--json")
    assert code == 1
    assert orjson.loads(out)["failed"] == 1
    assert exeat("service", "test", "exampel")[0] == 1


def test_the_built_in_samples_hold_and_need_no_configuration(folder, exeat):
    (folder / "exeat.toml").unlink()
    code, out, _ = exeat("service", "test", "--builtin")
    assert code == 0
    assert "WRONG" not in out
    assert exeat("service", "list", "--builtin")[0] == 0


def test_a_service_file_is_tested_on_its_own(folder, exeat):
    (folder / "s.toml").write_text(
        'name = "s"\nhosts = ["s.example.test"]\n'
        '[[example]]\nrequest = "WEBSOCKET /ws"\naction = "listen"\n'
        '[[example]]\nrequest = "GET https://s.example.test/ws"\nrefused = "operation_unknown"\n'
        '[[operation]]\nmatch = "WEBSOCKET /ws"\naction = "listen"\ngroup = "read"\n'
    )
    code, out, err = exeat("service", "test", "s.toml")
    assert code == 0, out + err
    (folder / "s.toml").write_text('name = "s"\nhost = "x"\n')
    assert exeat("service", "test", "s.toml")[0] == 2


def test_the_documentation_lists_the_built_in_services_as_they_are(exeat):
    """Run: exeat service list --markdown, and put it between the markers of docs/services.md."""
    text = (Path(__file__).parents[3] / "docs" / "services.md").read_text()
    written = text.partition("<!-- built-in services -->\n")[2].partition("\n<!-- end -->")[0]
    code, out, _ = exeat("service", "list", "--markdown")
    assert code == 0
    assert written.strip() == out.strip()


def test_lint_shows_what_is_dangerous_and_exits_with_one(folder, exeat):
    describe(folder, **{"/things/{id}/permissions": {"post": {}}})
    exeat("service", "import", "forge.json", "--out", "forge.toml")
    code, out, _ = exeat("service", "lint", "forge.toml", "--json")
    found = orjson.loads(out)
    assert (code, found["services"]) == (1, ["forge"])
    assert {"no-example", "admin-sensitivity"} <= {each["rule"] for each in found["findings"]}
    code, out, err = exeat("service", "lint", "stripe", "--builtin")
    assert (code, out, err.strip()) == (0, "", "1 services, 0 findings")
    assert exeat("service", "lint", "nope", "--builtin")[0] != 0

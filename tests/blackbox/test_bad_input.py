"""Wrong inputs are refused at the start, all of them at once, with file, line and the fix."""

from __future__ import annotations

import re
import socket

import pytest


@pytest.fixture
def broken(make_exeat, origin):
    """An installation that hasn't started; the test breaks it and sees what serve says."""
    return make_exeat(origin)


def _serve(exeat, **environ):
    process = exeat.spawn(**environ)
    code = process.wait(20)
    text = exeat.log_text()
    assert "Traceback" not in text
    return code, text


def test_configuration_errors_are_all_told_with_their_lines(broken):
    text = broken.file.read_text().replace('group = "write"', 'group = "wriet"', 1)
    text = text.replace('"mission_template"', '"mission_template"').replace("[audit]", "[audit]\npathh = 1")
    broken.file.write_text(text)
    code, said = _serve(broken)
    assert code == 2
    lines = text.splitlines()
    for needle in ('group = "wriet"', "pathh = 1"):
        number = next(n for n, line in enumerate(lines, 1) if needle in line)
        assert re.search(rf"exeat\.toml:{number}\b", said), (needle, said)
    assert "did you mean" in said.lower() or "path" in said


@pytest.mark.parametrize("text", ["[proxy\n", "version = 2\n", "[[service]]\n", "\x00", '[policy]\npath = "nowhere"\n'])
def test_a_hopeless_file_is_refused(broken, text):
    broken.file.write_text(text)
    code, said = _serve(broken)
    assert code in {2, 3}
    assert said.strip()


def test_no_configuration_names_the_verb_that_makes_one(broken):
    broken.file.unlink()
    code, said = _serve(broken)
    assert code == 2
    assert "init" in said


@pytest.mark.parametrize("policy", [
    "permit (principal, action, resource)\n", '@id("x")\npermit (principal, action, resource) when { resource.nme };\n',
    '@id("x")\nforbid (principal, action == Action::"example:nonsense", resource);\n', "permit(principal, action, resource);\n",
])  # fmt: skip
def test_policy_errors_name_the_file_and_line_and_exit_3(broken, policy):
    (broken.folder / "policies" / "site.cedar").write_text(policy)
    code, said = _serve(broken)
    assert code == 3, said
    assert re.search(r"site\.cedar:\d+", said), said
    checked = broken.cli("policy", "check")
    assert checked.returncode == 3
    assert "site.cedar" in checked.stdout + checked.stderr


@pytest.mark.parametrize("name", ["admin.token", "state/ca.pem", "exeat.db"])
@pytest.mark.row("M11")
def test_a_secret_file_that_others_can_read_is_refused(broken, name):
    """M11."""
    broken.start()
    broken.stop()
    files = (
        [broken.folder / name] if (broken.folder / name).exists() else list((broken.folder / "state").rglob("*key*"))
    )
    assert files
    target = files[0]
    if name == "state/ca.pem":  # the certificate is public; its key isn't
        target = next(
            file
            for file in (broken.folder / "state").rglob("*")
            if file.is_file() and b"PRIVATE KEY" in file.read_bytes()
        )
    target.chmod(0o644)
    code, said = _serve(broken)
    assert code == 2
    assert target.name in said
    assert "chmod" in said


def test_a_used_port_is_refused(broken):
    with socket.create_server(("127.0.0.1", broken.port)):
        code, said = _serve(broken)
    assert code == 2
    assert str(broken.port) in said


def test_a_key_log_is_refused(broken, tmp_path):
    """A key log would write every TLS secret to a file."""
    code, said = _serve(broken, SSLKEYLOGFILE=str(tmp_path / "keys"))
    assert code == 2
    assert "SSLKEYLOGFILE" in said


def test_a_missing_shared_secret_is_named_never_shown(broken):
    del broken.config.environ["EXAMPLE_KEY"]
    code, said = _serve(broken)
    assert code == 2
    assert "EXAMPLE_KEY" in said


def test_listening_off_loopback_in_clear_is_refused(broken):
    text = broken.file.read_text()
    broken.file.write_text(text.replace(f"http://127.0.0.1:{broken.port}", f"http://0.0.0.0:{broken.port}"))
    code, said = _serve(broken)
    assert code == 2
    assert "proxy.listen" in said


def test_check_finds_what_serve_would_find(broken):
    assert broken.cli("config", "check").returncode == 0
    broken.file.write_text(
        broken.file.read_text().replace('["*"]', "[]") + '\n[[agent]]\nname = "Bad Name"\nenvironment = "prod"\n'
    )
    done = broken.cli("config", "check")
    assert done.returncode == 2
    assert "exeat.toml:" in done.stdout + done.stderr


def test_what_it_creates_is_private(broken):
    broken.start()
    for file in (broken.folder / "state").rglob("*"):
        if file.is_file() and b"PRIVATE KEY" in file.read_bytes():
            assert file.stat().st_mode & 0o077 == 0, file
    for name in ("admin.token", "exeat.db"):
        assert (broken.folder / name).stat().st_mode & 0o077 == 0
    assert broken.stop() == 0

"""The configuration is checked as a whole: every finding names its place and a fix, and no value is ever quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from exeat.config.loading import load
from exeat.errors import ConfigurationError

SMALLEST = """\
[proxy]
listen = ["http://127.0.0.1:8080"]
[upstream]
resolve = { "api.example.test:443" = "127.0.0.1:9443" }
[[destination]]
host = "api.example.test"
port = 443
owner = "payments"
reason = "refund API"
expires = 2027-06-30
[[agent]]
name = "invoice-bot"
environment = "prod"
[[service]]
name = "example"
hosts = ["api.example.test"]
credential = { in = "header", name = "Authorization", scheme = "Bearer" }
shared = { source = "env:EXAMPLE_KEY", retire_by = 2027-03-31 }
issuer = { kind = "jwt", audience = "https://api.example.test", ttl = "60s" }
[[service.operation]]
match = "POST /v1/refunds"
action = "refunds/create"
group = "write"
[[mission_template]]
name = "refunds"
destinations = ["api.example.test:443"]
operations = ["example:read", "example:refunds/create"]
ttl = "30m"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "exeat.toml"
    path.write_text(SMALLEST)
    return path


def problems(file: Path, text: str | None = None, environ: dict[str, str] | None = None) -> list[tuple[int, str, str]]:
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(file, environ or {})
    return [(finding.line, finding.field, f"{finding.message} ({finding.fix})") for finding in caught.value.findings]


def test_the_smallest_useful_file_loads_and_paths_start_at_its_folder(file):
    loaded = load(file, {})
    assert loaded.settings.mission_template[0].ttl == 1800
    assert loaded.file == file
    assert loaded.path(loaded.settings.audit.path) == file.parent / "audit"
    assert loaded.path(Path("/var/lib/x")) == Path("/var/lib/x")


def test_the_file_is_the_argument_else_the_variable_else_the_working_folder(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load(None, {}).file == file
    other = tmp_path / "other.toml"
    other.write_text("")
    assert load(None, {"EXEAT_CONFIG": str(other)}).file == other
    assert load(file, {"EXEAT_CONFIG": str(other)}).file == file


@pytest.mark.parametrize("environ", [{}, {"EXEAT_CONFIG": "gone.toml"}])
def test_a_missing_file_says_how_to_make_one(tmp_path, monkeypatch, environ):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="exeat init"):
        load(None, environ)


def test_syntax_errors_have_line_and_column(file):
    file.write_text("[proxy]\nlisten = [1,\n  x]\n")
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    assert (caught.value.findings[0].line, caught.value.findings[0].column) == (3, 3)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x = " + b"[" * 5000])
def test_unreadable_content_is_a_finding(file, content):
    file.write_bytes(content)
    with pytest.raises(ConfigurationError):
        load(file, {})


def test_all_problems_are_found_at_once_in_order_of_lines(file):
    found = problems(
        file,
        '[proxy]\nlimits = { idel = "3m" }\n[[agent]]\nname = "Bot"\n[[service]]\nname = "x"\n'
        'credential = { in = "heder" }\n[[service.operation]]\nmatch = "GET /"\naction = "a"\ngroup = "raed"\n',
    )
    assert [(line, field) for line, field, _ in found] == [
        (2, "proxy.limits.idel"),
        (3, "agent[0].environment"),
        (4, "agent[0].name"),
        (7, "service[0].credential.in"),
        (11, "service[0].operation[0].group"),
    ]
    assert "did you mean 'idle'" in found[0][2]
    assert "add environment" in found[1][2]


def test_a_secret_in_the_wrong_place_is_not_quoted(file):
    text = SMALLEST.replace("env:EXAMPLE_KEY", "sk_live_sentinel").replace(
        '"http://127', '"http://a:sk_live_sentinel@127'
    )
    assert "sentinel" not in str(problems(file, text))
    text = SMALLEST.replace('"http://127', '"http://a:sk_live_sentinel@127')
    assert "sentinel" not in str(problems(file, text))
    assert "sentinel" not in str(problems(file, SMALLEST, {"EXEAT_SERVICE__0__SHARED": "sentinel"}))


@pytest.mark.guard("listener-in-clear")
@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ('name = "refunds"\ndest', 'agents = ["invoice-bott"]\nname = "refunds"\ndest', "mission_template[0].agents[0]", "invoice-bot'?"),
        ('["api.example.test:443"]', '["api.example.test:444"]', "mission_template[0].destinations[0]", "no [[destination]] allows"),
        ('["api.example.test:443"]', '["*:443"]', "mission_template[0].destinations[0]", "no [[destination]] allows"),
        ('["api.example.test:443"]', '["api.example.test"]', "mission_template[0].destinations[0]", "port"),
        ("30m", "30h", "mission_template[0].ttl", "longest_life"),
        ("30m", "0s", "mission_template[0].ttl", "longer"),
        ("[[destination]]", '[[destination]]\nhost = "10.0.0.1"\nowner = "x"\nreason = "x"\nexpires = 2027-06-30\n[[destination]]', "destination[0].host", "addresses"),
        ("http://127.0.0.1:8080", "socks5://10.0.0.1:8080", "proxy.listen[0]", "in the clear"),
        ("http://127.0.0.1:8080", "reverse://10.0.0.1:8080", "proxy.listen[0]", "in the clear"),
        ("http://127.0.0.1:8080", "transparent://127.0.0.1:8080", "proxy.listen[0]", "can't be shown a pass"),
        ("http://127.0.0.1:8080", "https://0.0.0.0:8080", "proxy.listen[0]", "no name"),
        ("[upstream]", '[[listener]]\nurl = "http://127.0.0.1:8082"\ncertificate = "c.pem"\nkey = "k.pem"\n[upstream]', "listener[0].certificate", "without TLS"),
        ("[upstream]", '[[listener]]\nurl = "https://127.0.0.1:8082"\ncertificate = "c.pem"\n[upstream]', "listener[0].certificate", "its key"),
        ("[upstream]", '[[listener]]\nurl = "https://127.0.0.1:8082"\nevidence = ["svid"]\n[upstream]', "listener[0].client_ca", "svid"),
        ("[upstream]", '[[listener]]\nurl = "http://127.0.0.1:8082"\nevidence = ["listener"]\n[upstream]', "listener[0].agent", "says which"),
        ("[upstream]", '[[listener]]\nurl = "http://127.0.0.1:8082"\nagent = "prod/nobody"\n[upstream]', "listener[0].agent", "no agent"),
        ("[upstream]", '[[listener]]\nurl = "http://127.0.0.1:8082"\nmission = "nothing"\n[upstream]', "listener[0].mission", "no mission template"),
        ("[upstream]", '[[listener]]\nurl = "http://127.0.0.1:8082"\ndomain = "x.test"\n[upstream]', "listener[0].domain", "reverse"),
        ("[upstream]", '[[listener]]\nurl = "transparent://127.0.0.1:8082"\nevidence = ["listener"]\nagent = "prod/invoice-bot"\ndns = "nowhere"\n[upstream]', "listener[0].dns", "port"),
        ("http://127.0.0.1:8080", "http://0.0.0.0:8080", "proxy.listen[0]", "in the clear"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081", "proxy.listen[0]", "already"),
        ("http://127.0.0.1:8080", "http://127.0.0.1", "proxy.listen[0]", "port"),
        ("http://127.0.0.1:8080", "http://proxy.example.test:1", "proxy.listen[0]", "IP address"),
        ("http://127.0.0.1:8080", "http://1.2.3:1", "proxy.listen[0]", "IP address"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/x", "proxy.listen[0]", "nothing more"),
        ('["http://127.0.0.1:8080"]', "[]", "proxy.listen", "no agent"),
        ("[upstream]", '[admin]\nlisten = "http://10.0.0.1:1"\n[upstream]', "admin.listen", "in the clear"),
        ("[upstream]", '[store]\nurl = "mysql://x"\n[upstream]', "store.url", "or 'postgresql://"),
        ('"127.0.0.1:9443"', '"localhost:9443"', 'upstream.resolve."api.example.test:443"', "address and a port"),
        ('"127.0.0.1:9443"', '"127.0.0.1"', 'upstream.resolve."api.example.test:443"', "address and a port"),
        ('"api.example.test:443" =', '"*.example.test:443" =', 'upstream.resolve."*.example.test:443"', "without '*'"),
        ("[[service.operation]]", '[[service]]\nname = "example"\n[[service.operation]]', "service[1].name", "another"),
        ("[[service]]", '[[agent]]\nname = "invoice-bot"\nenvironment = "prod"\n[[service]]', "agent[1].name", "another"),
        ("[[service.operation]]", '[[service.resource]]\ntype = "R"\nid = "x"\nenvironment = "prdo"\n[[service.operation]]',
         "service[0].resource[0].environment", "did you mean 'prod'"),
        ('hosts = ["api', 'environment = "staging"\nhosts = ["api', "service[0].environment", "no agent lives"),
        ("[[mission_template]]", '[[mission_template]]\nname = "refunds"\ndestinations = []\noperations = []\n[[mission_template]]',
         "mission_template[1].name", "another"),
    ],
)  # fmt: skip
def test_contradictions_are_findings(file, old, new, field, words):
    assert old in SMALLEST
    found = problems(file, SMALLEST.replace(old, new, 1))
    assert [name for _, name, _ in found] == [field]
    assert words in found[0][2]
    assert found[0][0] > 0


def test_a_stored_key_issuer_needs_a_shared_credential(file):
    text = SMALLEST.replace('"jwt"', '"stored_key"').replace("shared =", "# shared =")
    assert problems(file, text)[0][1] == "service[0].issuer.kind"


def test_two_agents_of_one_name_may_live_in_two_environments(file):
    file.write_text(
        SMALLEST.replace("[[service]]", '[[agent]]\nname = "invoice-bot"\nenvironment = "staging"\n[[service]]')
    )
    assert len(load(file, {}).settings.agent) == 2


def test_a_table_that_a_variable_alone_made_is_blamed_on_the_variable(file):
    with pytest.raises(ConfigurationError) as caught:
        load(file, {"EXEAT_IDENTITY__TRUST_DOMANE": "x", "EXEAT_PROXY__LIMITS__IDLE": "x"})
    assert [finding.file for finding in caught.value.findings] == [
        "$EXEAT_IDENTITY__TRUST_DOMANE",
        "$EXEAT_PROXY__LIMITS__IDLE",
    ]
    with pytest.raises(ConfigurationError) as caught:
        load(file, {"EXEAT_CEILINGS__X__Y": "x"})
    assert caught.value.findings[0].file == "$EXEAT_CEILINGS__X__Y"

"""EXEAT_… variables replace single values; a wrong one is named, an unknown one is told, none is quoted."""

from __future__ import annotations

import pytest

from exeat.config.overrides import override


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("EXEAT_PROXY__LISTEN", "http://127.0.0.1:1, http://127.0.0.1:2", ("proxy", "listen"), ["http://127.0.0.1:1", "http://127.0.0.1:2"]),
        ("EXEAT_PROXY__LISTEN", '["http://[::1]:1"]', ("proxy", "listen"), ["http://[::1]:1"]),
        ("EXEAT_STORE__URL", "sqlite:///x.db", ("store", "url"), "sqlite:///x.db"),
        ("EXEAT_PROXY__LIMITS__IDLE", "3m", ("proxy", "limits", "idle"), "3m"),
        ("EXEAT_POLICY__PATH", "", ("policy", "path"), None),
        ("EXEAT_UPSTREAM__RESOLVE", "a.test:1=127.0.0.1:2,b.test:3=127.0.0.1:4", ("upstream", "resolve"), {"a.test:1": "127.0.0.1:2", "b.test:3": "127.0.0.1:4"}),
        ("EXEAT_UPSTREAM__RESOLVE", '{"a.test:1": "127.0.0.1:2"}', ("upstream", "resolve"), {"a.test:1": "127.0.0.1:2"}),
        ("EXEAT_AGENT", '[{"name": "b", "environment": "prod"}]', ("agent",), [{"name": "b", "environment": "prod"}]),
        ("EXEAT_SERVICE__0__SHARED__SOURCE", "env:OTHER", ("service", 0, "shared", "source"), "env:OTHER"),
        ("EXEAT_SERVICE__0__HOSTS__0", "b.test", ("service", 0, "hosts", 0), "b.test"),
        ("EXEAT_SERVICE__0__CREDENTIAL", '{"in": "query"}', ("service", 0, "credential"), {"in": "query"}),
    ],
)  # fmt: skip
def test_values_are_read_as_their_field_takes_them(variable, text, path, value):
    file = {"service": [{"name": "x", "hosts": ["a.test"]}]}
    result = override(file, {variable: text})
    assert not result.findings
    assert not result.warnings
    found = result.values
    for part in path:
        found = found[part]
    assert found == value
    assert result.origins == {path: variable}
    assert file == {"service": [{"name": "x", "hosts": ["a.test"]}]}


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("EXEAT_AGENT", "sentinel"),
        ("EXEAT_UPSTREAM__RESOLVE", "sentinel"),
        ("EXEAT_UPSTREAM__RESOLVE", "{sentinel"),
        ("EXEAT_PROXY__LISTEN", '{"sentinel": 1}'),
        ("EXEAT_SERVICE__7__NAME", "sentinel"),
        ("EXEAT_SERVICE__0", '{"name": "sentinel"}'),
        ("EXEAT_SERVICE__0__SHARED__SOURCE", "sentinel"),
        ("EXEAT_STORE__PATH__0", ""),
        ("EXEAT_ADMIN__TOKEN_FILE", ""),
    ],
)
def test_a_wrong_variable_is_a_finding_that_names_it_without_its_value(variable, text):
    result = override({"store": {"path": "x"}}, {variable: text})
    assert [finding.file for finding in result.findings] == [f"${variable}"]
    assert "sentinel" not in str(result.findings)


def test_an_unknown_section_is_a_warning_with_a_suggestion():
    result = override({}, {"EXEAT_PROXI__LISTEN": "x", "PATH": "/bin"})
    assert not result.findings
    assert [(warning.file, warning.fix) for warning in result.warnings] == [
        ("$EXEAT_PROXI__LISTEN", "did you mean EXEAT_PROXY?")
    ]


def test_variables_with_a_meaning_of_their_own_are_no_overrides():
    environ = dict.fromkeys(["EXEAT_CONFIG", "EXEAT_NO_INPUT", "EXEAT_MISSION", "EXEAT_NO_PROGRESS"], "1")
    result = override({}, environ)
    assert (result.values, result.findings, result.warnings) == ({}, (), ())

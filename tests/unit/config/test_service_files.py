"""A service may stand in a file of its own; what its table says wins, and every mistake in the file is said."""

from __future__ import annotations

import pytest

from exeat.config.loading import load
from exeat.config.service_files import include
from exeat.errors import ConfigurationError

FILE = 'name = "acme"\nhosts = ["a.example.test"]\n[[operation]]\nmatch = "GET /x"\naction = "x"\ngroup = "read"\n'


def configured(tmp_path, table, **files):
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    site = tmp_path / "exeat.toml"
    site.write_text(f"[[service]]\n{table}\n")
    return load(site, {})


def test_a_file_lies_under_its_table(tmp_path):
    table = 'name = "forge"\nfile = "acme.toml"\nsensitivity = "high"'
    (service,) = configured(tmp_path, table, acme=FILE).settings.service
    assert (service.name, service.hosts, service.sensitivity) == ("forge", ("a.example.test",), "high")
    assert [each.action for each in service.operation] == ["x"]


def test_a_file_may_name_the_service(tmp_path):
    assert configured(tmp_path, 'file = "acme.toml"', acme=FILE).settings.service[0].name == "acme"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xff\xfe", "isn't UTF-8"),
        ("name = ", "isn't a service file"),
        ('name = "x"\nfile = "acme.toml"', "names another file"),
        ('name = "x"\nhost = "a"', "host"),
        (FILE.replace("read", "reed"), "group"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, message):
    with pytest.raises(ConfigurationError, match=message):
        configured(tmp_path, 'name = "acme"\nfile = "acme.toml"', acme=text)


@pytest.mark.parametrize("file", ["none.toml", ".", "exeat.toml"])
def test_a_file_that_is_no_service_is_refused(tmp_path, file):
    with pytest.raises(ConfigurationError):
        configured(tmp_path, f'name = "acme"\nfile = "{file}"')


@pytest.mark.parametrize("values", [{}, {"service": 3}, {"service": [3]}, {"service": [{"file": 3}]}])
def test_what_is_no_table_is_left_to_the_settings(tmp_path, values):
    assert include(values, tmp_path) == (values, [])

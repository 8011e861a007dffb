"""A host means one service and captures one set of values, or the templates are refused at load."""

from __future__ import annotations

import re

import pytest
from catalogue_kit import build, example
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import ConfigurationError
from exeat.services.catalogue import built_in, built_in_names
from exeat.services.hosts import HostTemplates, captures_of_host, is_template, overlap, parse_host, sample

S3 = ["s3.amazonaws.com", "s3.{region}.amazonaws.com", "{bucket...}.s3.{region}.amazonaws.com", "{bucket...}.s3.amazonaws.com",
      "{bucket...}.s3.dualstack.{region}.amazonaws.com"]  # fmt: skip


@pytest.mark.parametrize(("host", "captured"), [
    ("s3.us-east-1.amazonaws.com", {"region": "us-east-1"}), ("acme.s3.us-gov-west-1.amazonaws.com", {"bucket": "acme", "region": "us-gov-west-1"}),
    ("logs.acme.com.s3.eu-central-1.amazonaws.com", {"bucket": "logs.acme.com", "region": "eu-central-1"}), ("a.s3.amazonaws.com", {"bucket": "a"}),
    ("s3.eu-west-1.s3.eu-west-2.amazonaws.com", {"bucket": "s3.eu-west-1", "region": "eu-west-2"}), ("s3.s3.amazonaws.com", {"bucket": "s3"}),
    ("a.s3.dualstack.us-east-1.amazonaws.com", {"bucket": "a", "region": "us-east-1"}), ("s3.amazonaws.com", {}),
])  # fmt: skip
def test_a_host_is_taken_apart_from_its_end(host, captured):
    index = build(example(name="s3", hosts=S3))
    compiled, found = index.find(host, 443)
    assert compiled is not None
    assert found == captured
    assert index.find(host, 444) == (None, {})


@pytest.mark.parametrize("host", [
    "s3.us-east-1.amazonaws.com.evil.test", "s3.us-east.amazonaws.com", "s3.s3.us.amazonaws.com", "us-east-1.amazonaws.com", "amazonaws.com",
    "acme.s3-us-east-1.amazonaws.com", "s3.a.us-east-1.amazonaws.com", "acme.s3.us-east-1.amazonaws.com.cn", "s3.us-east-1x.amazonaws.com",
])  # fmt: skip
def test_a_host_that_fits_nothing_is_no_host_of_the_service(host):
    assert build(example(name="s3", hosts=S3)).find(host, 443) == (None, {})


@pytest.mark.parametrize("text", ["{a}.com", "a.{region}.com", "{region}", "a.{b...}.example.com", "x-{a}.example.com", "{A}.example.com", "{a}.{a}.example.com",
    "{a}..example.com", "*.{a}.example.com", "{a.example.com", "a}.example.com", "{a}.Example.com", "{a}.example.com.", "{a....}.example.com"])  # fmt: skip
def test_what_is_no_template_is_refused_at_load(text):
    with pytest.raises(ValueError, match=r"label|named"):
        parse_host(text)
    with pytest.raises(ConfigurationError):
        build(example(hosts=[text]))


@pytest.mark.guard("host-templates-overlap")
@pytest.mark.parametrize(("one", "other", "same"), [
    ("{a}.x.example.com", "{b}.x.example.com", True), ("{a}.x.example.com", "y.{b}.example.com", True), ("{a...}.example.com", "{b}.x.example.com", True),
    ("{a...}.s3.example.com", "{b...}.s3.{region}.example.com", False), ("{region}.x.example.com", "{b}.x.example.com", True),
    ("x.{region}.example.com", "x.s3.{r}.example.com", False), ("{a...}.x.example.com", "x.{b}.example.com", True),
])  # fmt: skip
def test_two_templates_that_one_host_could_fit_are_refused(one, other, same):
    assert overlap(parse_host(one), parse_host(other)) is overlap(parse_host(other), parse_host(one)) is same
    for tables in (
        [example(hosts=[one, other])],
        [example(hosts=[one]), example(name="other", namespace="Other", hosts=[other])],
    ):
        if same:
            with pytest.raises(ConfigurationError, match="could"):
                build(*tables)
        else:
            assert build(*tables)


_HOSTS = st.lists(st.sampled_from(["s3", "us-east-1", "a", "b", "dualstack", "eu-west-2"]), min_size=1, max_size=6)
_TEMPLATES = st.lists(st.sampled_from(["s3", "a", "{x}", "{region}", "dualstack"]), max_size=3, unique_by=str)


@given(st.lists(st.tuples(st.booleans(), _TEMPLATES), min_size=1, max_size=5), _HOSTS)
def test_the_trie_finds_what_a_pattern_for_each_template_finds(written, labels):
    """Differential: one regular expression for each template; where the trie loads, at most one of them fits."""
    texts = [".".join([*(["{rest...}"] if rest else []), *parts, "example.com"]) for rest, parts in written]
    texts = [text for text in texts if is_template(text)]
    host = ".".join([*labels, "example.com"])
    patterns = [
        re.escape(text).replace(r"\{rest\.\.\.\}", r"[a-z0-9.-]+").replace(r"\{x\}", r"[a-z0-9-]+")
        .replace(r"\{region\}", r"[a-z]+(?:-[a-z]+)+-[0-9]+") for text in texts
    ]  # fmt: skip
    fitting = [text for text, pattern in zip(texts, patterns, strict=True) if re.fullmatch(pattern, host)]
    try:
        found = HostTemplates([(parse_host(text), text) for text in texts]).find(host)
    except ValueError:
        return
    assert [found[0]] * (found is not None) == fitting if found else fitting == []
    if found:
        assert found[1].keys() == captures_of_host(found[0])
        name = found[0]
        for capture, value in found[1].items():
            name = name.replace(f"{{{capture}...}}", value).replace(f"{{{capture}}}", value)
        assert name == host


def test_built_in_services_share_no_host_and_each_has_a_sample():
    tables = [table for name in built_in_names() if (table := built_in(name)) and table.hosts]
    for table in tables:
        for host in table.hosts:
            if is_template(host):
                assert build(table.model_dump(exclude_unset=True, by_alias=True)).for_host(sample(host), 443)

"""Each built-in service is sound, says what its samples mean, and fits beside all the others."""

from __future__ import annotations

import pytest

from exeat.cli.examples import try_examples
from exeat.config.tables.service import ServiceTable
from exeat.model.service import Group
from exeat.policy.bundle import SchemaNames, load_bundle
from exeat.services.catalogue import build_catalogue, built_in, built_in_names

NAMES = built_in_names()
EXPECTED = {
    "anthropic", "aws-dynamodb", "aws-ec2", "aws-lambda", "aws-s3", "aws-secretsmanager", "aws-sqs", "aws-sts", "bigquery",
    "confluence", "datadog", "gemini", "github", "github-git", "github-raw", "github-uploads", "gitlab", "gmail",
    "google-calendar", "google-drive", "hubspot", "huggingface", "jira", "kubernetes", "linear", "mcp", "microsoft-graph",
    "notion", "npm", "openai", "openrouter", "pagerduty", "pypi", "salesforce", "sendgrid", "sentry", "servicenow", "slack",
    "stripe", "twilio", "zendesk",
}  # fmt: skip


def table(name: str) -> ServiceTable:
    found = built_in(name)
    assert found is not None
    return found if found.hosts else found.model_copy(update={"hosts": (f"{name}.example.test",)})


def test_the_catalogue_is_what_the_documentation_promises():
    assert set(NAMES) >= EXPECTED


@pytest.mark.parametrize("name", NAMES)
def test_a_service_is_named_as_its_file_and_has_six_samples_with_a_refusal_among_them(name):
    described = table(name)
    assert described.name == name
    assert len(described.example) >= 6
    assert any(example.refused for example in described.example)
    assert any(example.action for example in described.example)


@pytest.mark.guard("override-in-query")
@pytest.mark.guard("body-holds-more")
@pytest.mark.parametrize("name", NAMES)
def test_every_sample_means_what_the_file_says(name):
    described = table(name)
    wrong = [tried for tried in try_examples(described, build_catalogue([described])) if not tried.holds]
    assert wrong == []


def test_all_of_them_load_together_with_a_schema_that_policies_can_use(tmp_path):
    index = build_catalogue([table(name) for name in NAMES])
    (tmp_path / "x.cedar").write_text(
        '@id("a") permit (principal, action in Action::"github:read", resource in GitHub::Org::"acme");\n'
        '@id("b") permit (principal, action == Action::"openai:chat/completions", resource == OpenAI::Model::"gpt-5");\n'
        '@id("c") forbid (principal, action == Action::"mcp:tools/call", resource == MCP::Tool::"shell");\n'
    )
    names = SchemaNames(frozenset({"prod", "any"}), frozenset(), frozenset())
    assert load_bundle(tmp_path, index.services, names).warnings is not None
    for group in Group:
        assert index.expand(f"github:{group}")


def test_what_a_graphql_query_acts_on_cannot_be_told_so_it_is_no_plain_read():
    graphql = [each for each in table("github").operation if each.reader == "graphql"]
    assert graphql
    assert {each.group for each in graphql} == {"admin"}


def test_every_github_operation_below_a_repository_acts_on_that_repository():
    for operation in table("github").operation:
        if operation.match.partition(" ")[2].startswith("/repos/"):
            assert operation.resource == "Repo", operation.match


def test_a_service_like_a_built_in_one_has_a_name_and_namespace_of_its_own():
    index = build_catalogue(
        [
            ServiceTable.model_validate({"name": name, "like": "mcp", "hosts": [f"{name}.example.test"]})
            for name in ("search-tools", "crm-tools")
        ]
    )
    assert [service.namespace for service in index.services] == ["SearchTools", "CrmTools"]
    assert index.expand("crm-tools:tools/call") == {"crm-tools:tools/call"}


def test_a_site_that_replaces_the_operations_is_not_held_to_samples_of_the_old_ones():
    from exeat.services.catalogue import merge

    own = ServiceTable.model_validate(
        {"name": "github", "operation": [{"match": "GET /x", "action": "x", "group": "read"}]}
    )
    assert merge(own).example == ()
    assert merge(ServiceTable(name="github")).example != ()


def test_an_unknown_model_service_is_named():
    from exeat.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match="no built-in service is called 'nope'"):
        build_catalogue([ServiceTable.model_validate({"name": "x", "like": "nope", "hosts": ["x.example.test"]})])

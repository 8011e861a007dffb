"""Each mistake in a policy is found, at its place, with something to do about it."""

from __future__ import annotations

import pytest

FORBID = '@id("x") forbid (principal, action, resource) when {{ {} }};'
PERMIT = '@id("x") permit (principal, action, resource) when {{ {} }};'

ERRORS = [
    ("permit (principal, action, resource) when { principal.readOnly };", "no @id", "1:0"),
    ('@id("") permit (principal, action, resource);', "@id says nothing", "1:0"),
    ('@id("x") @reason forbid (principal, action, resource);', "@reason says nothing", "1:0"),
    ('@id("a b") forbid (principal, action, resource);', "not a plain name", "1:0"),
    ('@id("x") @approvel("a") forbid (principal, action, resource);', "unknown annotation @approvel", "1:0"),
    ('@id("x") @reason("denied") forbid (principal, action, resource);', "no reason", "1:0"),
    ('@id("x") @reason("internal_error") forbid (principal, action, resource);', "no reason", "1:0"),
    ('@id("x") @approval("A b") forbid (principal, action, resource);', "no name for an approver", "1:0"),
    ('@id("x") @approval("a") permit (principal, action, resource);', "@approval on a permit", "1:0"),
    ('@id("x") permit (principal == ?principal, action, resource);', "templates", "1:1"),
    ('@id("x") permit (principal, action, resource)', "has no end", "1:1"),
    ('\n\n  @id("x") permit (principal action, resource);', "unexpected token", "3:30"),
    ('@id("x") permit (principal, action);', "missing the `resource`", "1:1"),
    ('@id("x")\nforbid (principal, action, resource)\nwhen { context.host = "x" };', "not a valid operator", "3:21"),
    ('@id("x") forbid (principal, action, resource) when { "abc };', "invalid token", "1:54"),
    (FORBID.format("1 + 1 == 2"), "+ can overflow", "1:56"),
    (FORBID.format("-context.host.x == 2"), "can overflow", "1:54"),
    (
        FORBID.format('datetime("2027-01-01").offset(duration("1d")) == datetime("2027-01-01")'),
        "offset can overflow",
        "1:77",
    ),
    (
        FORBID.format('Exeat::Service::"forge".environment == resource.environment'),
        "looked up on something else",
        "1:78",
    ),
    (FORBID.format('Exeat::Session::"a".hasTag("x")'), "looked up on something else", "1:0"),
    (FORBID.format('resource.environment in [Exeat::Environment::"prod"]'), "left of 'in'", "1:75"),
    (FORBID.format("context.credential is Exeat::Credential"), "left of 'is'", "1:73"),
    (FORBID.format('resource == Forge::Repo::"Acme/x"'), "compared in lower case", "1:79"),
    ('@id("x") forbid (principal, action, resource == Forge::Repo::"Acme/x");', "compared in lower case", "1:62"),
    ('@id("x") forbid (principal, action, resource in Forge::Org::"acme ");', "never matches", "1:61"),
    ('@id("x") forbid (principal, action, resource in Exeat::Service::"forgge");', "no service is called", "1:65"),
    (FORBID.format("false"), "this forbid can never apply", "1:0"),
    (FORBID.format("resource has nme"), "this forbid can never apply", "1:0"),
    (
        '@id("x") forbid (principal, action == Action::"http:read", resource == Forge::Repo::"a/b");',
        "unable to find an applicable",
        "1:0",
    ),
    (FORBID.format("resource.nme == 1"), "`nme`", "1:63"),
    ('@id("x") forbid (principal in Exeat::Group::"buidl", action, resource);', "buidl", "1:31"),
    ('@id("x") forbid (principal, action == Action::"forge:issues/lst", resource);', "unrecognized action", "1:39"),
    ('@id("x") forbid (principal, action, resource is Forge::Rpo);', "unrecognized entity type", "1:0"),
    (FORBID.format('context.credential == "foreign"'), "types", "1:0"),
    (FORBID.format('context.credential == Exeat::Credential::"Foreign"'), "Foreign", "1:76"),
    (FORBID.format('principal.getTag("t") == "x"'), "tag", "1:0"),
    (FORBID.format('resource.environment == Exeat::Environment::"prd"'), "prd", "1:78"),
    (FORBID.format('context.approvals.contains(Exeat::Approver::"nobody")'), "nobody", "1:81"),
]


@pytest.mark.parametrize(("text", "message", "place"), ERRORS, ids=[row[1] + f" #{i}" for i, row in enumerate(ERRORS)])
def test_a_mistake_is_an_error_at_its_place(findings, text, message, place):
    """What Cedar lets pass, or names without a place, is refused with file, line and column."""
    found = [finding for finding in findings(text) if message in finding.message and not finding.warning]
    assert found, findings(text)
    assert found[0].file.endswith("x.cedar")
    line, column = map(int, place.split(":"))
    assert found[0].line == line
    if column:
        assert found[0].column == column


WARNINGS = [
    (PERMIT.format("false"), "can never apply"),
    ('@id("x") permit (principal, action, resource);', "permits everything"),
    (PERMIT.format('context.host like "*.example"'), "wider than it looks"),
    (PERMIT.format("1 + 1 == 2"), "can overflow"),
    ('@id("x") @approval("a") forbid (principal, action, resource) when { principal.readOnly };', "never looks at"),
    ('@id("x") @advice("a") permit (principal, action, resource) when { principal.readOnly };', "never shown"),
    ('@id("x") forbid (principal in Exeat::Mission::"m1", action, resource);', "will be gone soon"),
]


@pytest.mark.parametrize(("text", "message"), WARNINGS, ids=[row[1] for row in WARNINGS])
def test_what_is_only_doubtful_is_a_warning(findings, text, message):
    """A permit that is too wide or idle can be loaded, and is spoken of."""
    found = findings(text)
    assert any(message in finding.message for finding in found), found
    assert all(finding.warning for finding in found), found


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ('@id("x") @approvel("a") forbid (principal, action, resource);', "did you mean approval?"),
        ('@id("x") forbid (principal in Exeat::Group::"buidl", action, resource);', "did you mean build?"),
        (
            '@id("x") forbid (principal, action == Action::"forge:issues/lst", resource);',
            'did you mean Action::"forge:issues/list"?',
        ),
        ('@id("x") forbid (principal, action, resource in Exeat::Service::"forgge");', "did you mean forge?"),
        (FORBID.format('resource == Forge::Repo::"Acme/x"'), 'write "acme/x"'),
    ],
)
def test_a_misspelling_is_answered_with_the_word_meant(findings, text, fix):
    """The fix names what was probably meant."""
    assert fix in [finding.fix for finding in findings(text)]


def test_one_misspelling_is_not_fifty_findings(findings):
    """An attribute that no resource has is an error for every action; a few of them say enough."""
    assert len(findings(FORBID.format("resource.nme == 1"))) <= 4


@pytest.mark.parametrize(
    "text",
    [
        '@id("x") @title("a; b // c") forbid (principal, action, resource) when { principal.readOnly }; // tail ; "',
        '@id("x")\n// a "comment; with\n@description("\\"; quoted")\nforbid (principal, action, resource) when { principal.readOnly } // end\n;',
        '@id("x") forbid (principal, action in [Action::"forge:*", Action::"http:*"], resource) when { principal.readOnly };',
        '@id("x") permit (principal in Exeat::Group::"build", action in Action::"forge:read", resource in Forge::Org::"acme");',
        '@id("x") permit (principal is Exeat::Session in Exeat::Agent::"bot", action == Action::"forge:user/get", resource == Exeat::Service::"forge");',
        '@id("x") permit (principal, action == Action::"forge:unlisted/read", resource) when { principal in Exeat::MissionTemplate::"refunds" };',
        '@id("x") forbid (principal, action, resource) unless { principal.hasTag("ticket") && principal.getTag("ticket") == "T" };',
        '@id("x") forbid (principal, action, resource) when { ["PUT"].contains(context.method) && context.host like "*.example" };',
    ],
)
def test_a_sound_policy_has_no_finding(findings, text):
    """Comments, strings with semicolons and every ordinary form pass without a word."""
    assert findings(text) == []

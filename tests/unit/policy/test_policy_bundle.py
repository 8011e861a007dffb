"""A bundle is used whole or refused whole, and says everything that is wrong."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from policy_kit import GRANT

from exeat.decision.verdict import Allowed, Context, Denied
from exeat.errors import PolicyError
from exeat.model.decision import CredentialState
from exeat.model.identity import Agent, Session
from exeat.model.issuing import Grade
from exeat.model.mission import Mission
from exeat.model.service import EntityUid, Resource, Sensitivity, Service
from exeat.policy import canary
from exeat.policy.bundle import REQUIRED, SchemaNames, folder_signature, load_bundle
from exeat.policy.check import check

STARTER = Path(__file__).parents[3] / "policies"


def test_without_a_folder_the_built_in_policies_and_grant_are_used(forge, names):
    """A site with no policy of its own is default-deny, and its missions can do what they were opened for."""
    bundle = load_bundle(None, [forge], names)
    assert {policy.id for policy in bundle.policies} == {*REQUIRED, "mission-operations"}
    assert bundle.version == bundle.engine.version
    mission = Mission("m", "prod", ("bot",), (), (), 0.0, 1.0)
    who = bundle.engine.open(Session("m", Agent("bot", "prod", "t")), mission, frozenset({"http:read"}))
    context = Context(CredentialState.NONE, Grade.NONE, frozenset(), "GET", "a.example")
    host = Resource(EntityUid("Exeat::Host", "a.example"), (), "any", Sensitivity.NORMAL)
    assert bundle.engine.judge(who, "http:read", host, context) == Allowed(("grant.cedar:9 mission-operations",))
    assert isinstance(bundle.engine.judge(who, "http:write", host, context), Denied)
    user = Resource(EntityUid("Exeat::Service", "forge"), (), "any", Sensitivity.NORMAL)
    assert isinstance(bundle.engine.judge(who, "forge:unlisted/read", user, context), Denied)


def test_no_service_and_no_name_is_enough():
    """The smallest installation has a valid bundle."""
    assert load_bundle(None, [], SchemaNames()).policies


def test_the_starter_policies_load_without_a_word(forge, names):
    """What a new site gets has neither errors nor warnings."""
    assert check(STARTER, [forge], names) == ()
    assert check(STARTER, [], SchemaNames()) == ()


@pytest.mark.parametrize("name", ["grant.cedar", "sensitive.cedar"])
def test_the_starter_policies_are_in_the_package_too(name):
    """An installed package can write the same starter files."""
    packaged = Path(canary.__file__).parent / "builtin" / name
    assert packaged.read_bytes() == (STARTER / name).read_bytes()


def test_approvers_are_taken_from_the_policies(forge, names):
    """An approver that a policy's annotation names is one that its condition can name."""
    assert 'enum ["security-team", "service-owner"]' in load_bundle(STARTER, [forge], names).schema_text


def test_equal_folders_have_equal_versions(folder, forge, names, tmp_path_factory):
    """The version depends on what is in the files, not on where or when."""
    other = tmp_path_factory.mktemp("other")
    shutil.copy(folder / "00-grant.cedar", other)
    version = load_bundle(folder, [forge], names).version
    assert load_bundle(other, [forge], names).version == version
    assert load_bundle(other, [], names).version != version


def test_policies_say_where_they_stand(folder, forge, names):
    """Files in the order of their names, lines from 1, text as written."""
    (folder / "b.cedar").write_text(
        '// c\n\n@id("b") @owner("me")\nforbid (principal, action, resource) when { principal.readOnly };'
    )
    infos = load_bundle(folder, [forge], names).policies
    assert [info.file for info in infos] == ["base.cedar"] * 6 + ["00-grant.cedar", "b.cedar"]
    last = infos[-1]
    assert (last.label, last.effect, last.annotations["owner"]) == ("b.cedar:3 b", "forbid", "me")
    assert last.text.startswith('@id("b")')


def test_a_missing_folder_is_refused_with_the_fix(tmp_path, forge, names):
    """A configured folder has to be there."""
    with pytest.raises(PolicyError) as caught:
        load_bundle(tmp_path / "nowhere", [forge], names)
    assert "exeat init" in caught.value.findings[0].fix


def test_a_folder_that_permits_nothing_is_refused_with_the_permit(tmp_path, forge, names):
    """An empty folder would deny everything without anybody knowing why; the fix is there to copy."""
    with pytest.raises(PolicyError) as caught:
        load_bundle(tmp_path, [forge], names)
    assert "mission-operations" in caught.value.findings[0].fix


def test_a_site_may_replace_a_built_in_policy_and_is_told(folder, forge, names):
    """The site's own forbid takes the place of the built-in one, with a warning."""
    (folder / "x.cedar").write_text(
        '@id("read-only-mission") forbid (principal, action in Action::"write", resource) when { principal.readOnly };'
    )
    bundle = load_bundle(folder, [forge], names)
    assert [info.file for info in bundle.policies if info.id == "read-only-mission"] == ["x.cedar"]
    assert [finding.message for finding in bundle.warnings] == ["replaces the built-in policy"]


def test_a_built_in_forbid_can_not_become_a_permit(findings):
    """Replacing a forbid by a permit is an error."""
    found = findings('@id("read-only-mission") permit (principal, action in Action::"read", resource);')
    assert any("by a permit" in finding.message and not finding.warning for finding in found)


def test_the_same_id_in_two_files_is_refused(findings):
    """One @id names one policy."""
    assert any("taken by" in finding.message for finding in findings(GRANT))


def test_every_finding_is_raised_at_once(folder, forge, names):
    """The error carries all errors of all files, with places, and no warnings."""
    (folder / "a.cedar").write_text("permit (principal, action, resource) whn { true };\n")
    (folder / "b.cedar").write_text('@id("b") permit (principal, action, resource) when { resource.nme == 1 };\n')
    with pytest.raises(PolicyError) as caught:
        load_bundle(folder, [forge], names)
    places = {(Path(finding.file).name, finding.line) for finding in caught.value.findings}
    assert places == {("a.cedar", 1), ("b.cedar", 1)}
    assert not any(finding.warning for finding in caught.value.findings)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("inner/x.cedar", b"", "is not read"),
        ("more.cedarschema", b"", "is not read"),
        ("x.cedar", b"\xff\xfe", "not UTF-8"),
        ("x.cedar", b"\xef\xbb\xbf" + GRANT.encode(), "invalid token"),
    ],
)
def test_a_file_that_would_be_lost_is_refused(folder, findings, name, content, message):
    """Nothing in the folder that looks like policy is passed over."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    assert any(message in finding.message and not finding.warning for finding in findings())


def test_hidden_and_empty_files_are_warned_about(folder, findings):
    """An editor's backup is not a policy, and a file without one is worth a word."""
    (folder / ".old.cedar").write_text("nonsense")
    (folder / "empty.cedar").write_text("// nothing\n")
    assert [finding.warning for finding in findings()] == [True, True]


def test_a_dangling_link_is_refused(folder, findings):
    """A policy file that can't be read is not skipped."""
    (folder / "gone.cedar").symlink_to(folder / "nowhere")
    assert any("can't be read" in finding.message for finding in findings())


def test_the_signature_changes_with_every_change(folder):
    """Content, names, additions and removals are noticed, and so is the folder's own end."""
    seen = [folder_signature(None), folder_signature(folder)]
    (folder / "x.cedar").write_text("1")
    seen.append(folder_signature(folder))
    status = (folder / "x.cedar").stat()
    (folder / "x.cedar").write_text("2")
    os.utime(folder / "x.cedar", ns=(status.st_atime_ns, status.st_mtime_ns))
    seen.append(folder_signature(folder))
    (folder / "x.cedar").rename(folder / "y.cedar")
    seen.append(folder_signature(folder))
    assert folder_signature(folder) == seen[-1]
    shutil.rmtree(folder)
    seen.append(folder_signature(folder))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("lost", [*REQUIRED])
def test_a_lost_built_in_policy_is_noticed(monkeypatch, forge, names, lost):
    """A package whose built-in forbids are incomplete gives no bundle."""
    from exeat.policy import bundle as module

    real = module.read_builtin

    def lossy(name):
        parsed = real(name)
        parsed.policies = [policy for policy in parsed.policies if policy.info.id != lost]
        return parsed

    monkeypatch.setattr(module, "read_builtin", lossy)
    with pytest.raises(PolicyError, match=lost):
        load_bundle(None, [forge], names)


def test_a_canary_that_gets_a_wrong_answer_refuses_the_bundle(monkeypatch, forge, names):
    """An engine that stopped seeing an action's groups is noticed before anything is judged by it."""
    from exeat.decision.entities import ActionType

    def forgetful(self):
        record = f'{{"uid":{{"type":"Action","id":"{self.id}"}},"attrs":{{}},"parents":[]}}'
        object.__setattr__(self, "record", record)

    monkeypatch.setattr(ActionType, "__post_init__", forgetful)
    with pytest.raises(PolicyError, match="does not stop it"):
        load_bundle(None, [forge], names)


def test_a_built_in_policy_that_lost_its_meaning_is_noticed(monkeypatch, tmp_path, forge, names):
    """Each built-in forbid has to deny its own example and nothing else."""
    from exeat.policy import parse as module

    for name in ("base.cedar", "grant.cedar"):
        text = (module._BUILTIN / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace('Credential::"foreign"', 'Credential::"retired"'))
    monkeypatch.setattr(module, "_BUILTIN", tmp_path)
    with pytest.raises(PolicyError, match="foreign-credential does not deny"):
        load_bundle(None, [forge], names)


def test_a_service_that_can_not_be_in_a_schema_is_a_finding(names):
    """A bad service makes a finding that names it, never an exception of another kind."""
    found = check(None, [Service("bad", "Exeat", ("a",), resources=())], names)
    assert found == ()
    from exeat.model.service import ResourceType

    found = check(None, [Service("bad", "Exeat", ("a",), resources=(ResourceType("X", "{x}"),))], names)
    assert found[0].field == "service.bad"

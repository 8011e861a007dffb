"""Names that lead where nobody may go: a hostile zone behind a permitted name, and every address of the world at hand.

A mission here may go to any public name, so only the addresses stand between an agent and the inside. Section N.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import pytest

from rig.nameserver import (
    addresses,
    cut_off,
    fails,
    garbage,
    huge,
    silence,
    wrong_id,
    wrong_name,
)
from rig.wire import Wire, ask, basic, refused, tunnel

PUBLIC, PUBLIC_V6 = "93.184.215.14", "2606:2800:220:1::1"
NAME = "target.example.test"


@pytest.fixture(scope="module")
def origin(everywhere):
    return everywhere


@pytest.fixture(scope="module")
def decoy(everywhere):
    return everywhere


@pytest.fixture(scope="module")
def config(by_dns):
    by_dns.tables["mission_template"].append(
        {"name": "narrow", "destinations": ["api.example.test:443"], "operations": ["example:read"], "ttl": "30m"}
    )
    by_dns.tables["upstream"]["resolve"] = {
        "metadata.example.test:443": "169.254.169.254:443",
        "mapped.example.test:443": "[::ffff:169.254.169.254]:443",
    }
    return by_dns


@pytest.fixture(autouse=True)
def _fresh(mission, names, island):
    names.asked.clear()
    island.went_to()


def dialled(island, exeat):
    """Connections that the proxy opened, and nothing else."""
    return [each for each in island.went_to(but=(exeat.port, exeat.admin_port)) if each.startswith("tcp")]


def one_record(exeat, answer, code):
    """A refusal is in the audit once, with the code the agent was told."""
    (record,) = exeat.audit_records("decision", decision_id=answer.json()["decision_id"])
    assert (record["decision"], record["code"]) == ("deny", code)


def refused_after_permit(exeat, answer, *codes):
    """A permitted name whose address is refused: the decision stands, its outcome says that nothing was sent."""
    refused(answer, *codes)
    (outcome,) = exeat.audit_records("outcome", decision_id=answer.json()["decision_id"])
    assert outcome["outcome"] == "not_sent"


REFUSED_ADDRESSES = {
    "N03": [
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "64:ff9b::5db8:d70e", "2002:7f00:1::",
        "2002:a9fe:a9fe::1", "2002:5db8:d70e::", "2001::53aa:64c:0:fb:7f00:1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "2606:4700::5efe:a00:1", "2606:4700::200:5efe:c0a8:101", "fe80::5efe:a00:1",
    ],
    "N04": [
        "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.254",
        "169.254.0.1", "169.254.255.254", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.31.196.1",
        "192.52.193.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "192.175.48.1", "198.18.0.0", "198.19.255.255", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.254", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:93.184.215.14", "::7f00:1", "::a00:1", "100::1", "fc00::1", "fdff::1",
        "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "2001:10::1", "2001:20::1", "2620:4f:8000::1", "3fff::1",
        "4000::1", "e000::1",
    ],
    "N05": ["169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"],
}  # fmt: skip
CASES = [
    pytest.param(address, marks=pytest.mark.row(row), id=f"{row}-{address}")
    for row, listed in REFUSED_ADDRESSES.items()
    for address in listed
]


@pytest.mark.row("N06")
@pytest.mark.parametrize("address", CASES)
def test_a_permitted_name_leads_to_no_refused_address(exeat, mission, origin, names, island, address):
    names.answer(NAME, addresses(address))
    refused_after_permit(exeat, ask(exeat, mission, "GET", "/", host=NAME), "address_not_allowed")
    assert dialled(island, exeat) == []
    assert origin.connections == []


@pytest.mark.parametrize("address", CASES)
def test_no_refused_address_is_a_destination(exeat, mission, origin, names, island, address):
    """Written out, in a tunnel and in a plain request."""
    literal = f"[{address}]" if ":" in address else address
    with Wire(exeat) as wire:
        assert wire.connect(f"{literal}:443", mission["pass"]).status == 200
        answer = wire.secure(mission["ca_file"], None).request("GET", "/", host=literal)
        refused(answer, "address_not_allowed")
        one_record(exeat, answer, "address_not_allowed")
    with Wire(exeat) as wire:
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        refused(wire.request("GET", f"http://{literal}/", line, host=literal), "address_not_allowed")
    assert dialled(island, exeat) == []
    assert (origin.connections, names.asked) == ([], [])


@pytest.mark.row("N04")
@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "172.32.0.1", "100.128.0.1", PUBLIC_V6, "2a00:1450::1"])
def test_a_permitted_name_leads_to_a_public_address(exeat, mission, origin, names, island, address):
    """The list above refuses no more than it must; and the dialled address is the one that was answered."""
    names.answer(NAME, addresses(address))
    assert ask(exeat, mission, "GET", "/", host=NAME).status == 200
    assert [each.local for each in origin.connections] == [address]
    shown = f"[{address}]" if ":" in address else address
    assert dialled(island, exeat) == [f"tcp {shown}:443"]


@pytest.mark.row("N05")
@pytest.mark.parametrize(
    "name", ["metadata.google.internal", "metadata.azure.internal", "instance-data.ec2.internal", "metadata"]
)
def test_names_of_metadata_services_are_never_looked_up(exeat, mission, names, island, name):
    answer = ask(exeat, mission, "GET", "/", host=name)
    refused(answer, "address_not_allowed", "destination_not_allowed")
    assert names.asked == []
    assert island.went_to(but=(exeat.port, exeat.admin_port)) == []


@pytest.mark.row("N05")
@pytest.mark.parametrize("name", ["metadata.example.test", "mapped.example.test"])
@pytest.mark.guard("metadata-override")
def test_an_operators_override_can_not_lead_to_metadata(exeat, mission, names, island, name):
    refused_after_permit(exeat, ask(exeat, mission, "GET", "/", host=name), "address_not_allowed")
    assert dialled(island, exeat) == []


@pytest.mark.row("N07")
@pytest.mark.parametrize("answer", [
    [PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], ["127.0.0.1", PUBLIC, "169.254.169.254"], ["::1", PUBLIC], ["10.0.0.1", PUBLIC_V6],
    ["::ffff:127.0.0.1", PUBLIC_V6],
])  # fmt: skip
def test_of_a_mixed_answer_only_the_public_address_is_dialled(exeat, mission, origin, names, answer):
    names.answer(NAME, addresses(*answer))
    for _ in range(3):
        assert ask(exeat, mission, "GET", "/", host=NAME).status == 200
    public = [each for each in answer if ip_address(each).is_global]
    assert {each.local for each in origin.connections} == set(public)


@pytest.mark.row("N07")
def test_the_private_address_is_no_second_choice(exeat, mission, names, island):
    """Nobody answers at the public address: the other one isn't tried instead."""
    names.answer(NAME, addresses("10.0.0.1", PUBLIC, "127.0.0.1"))
    with tunnel(exeat, mission, NAME, 8443) as wire:
        answer = wire.request("GET", "/", host=f"{NAME}:8443")
    refused_after_permit(exeat, answer, "upstream_unreachable")
    assert dialled(island, exeat) == [f"tcp {PUBLIC}:8443"]


@pytest.mark.row("N08")
@pytest.mark.guard("address-check")
def test_an_answer_that_changes_changes_nothing_for_what_was_checked(exeat, mission, origin, names):
    names.answer(NAME, addresses(PUBLIC), addresses("127.0.0.1"))
    with tunnel(exeat, mission, NAME) as wire:
        assert [wire.request("GET", "/", host=NAME).status for _ in range(3)] == [200] * 3
    assert sorted(names.asked) == [f"A {NAME}.", f"AAAA {NAME}."]
    assert [each.local for each in origin.connections] == [PUBLIC]
    refused_after_permit(exeat, ask(exeat, mission, "GET", "/", host=NAME), "address_not_allowed")
    assert len(origin.connections) == 1


@pytest.mark.row("N08")
def test_two_families_that_disagree(exeat, mission, origin, names, island):
    """Public for one question, private for the other: only what was checked is dialled."""
    names.answer(NAME, addresses("10.0.0.1", PUBLIC_V6))
    assert ask(exeat, mission, "GET", "/", host=NAME).status == 200
    assert dialled(island, exeat) == [f"tcp [{PUBLIC_V6}]:443"]


@pytest.mark.row("N09")
@pytest.mark.parametrize("inside", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254"])
def test_a_chain_of_aliases_is_judged_by_its_end(exeat, mission, origin, names, island, inside):
    chain = ("a.elsewhere.test.", "b.elsewhere.test.", "db.corp.internal.")
    names.answer(NAME, addresses(inside, via=chain))
    refused_after_permit(exeat, ask(exeat, mission, "GET", "/", host=NAME), "address_not_allowed")
    assert dialled(island, exeat) == []


@pytest.mark.row("N09")
def test_a_chain_of_aliases_to_a_public_address_is_no_other_name(exeat, mission, origin, names):
    """The certificate is verified by the name that was permitted, whatever stands behind it."""
    names.answer(NAME, addresses(PUBLIC, via=("a.elsewhere.test.",)))
    assert ask(exeat, mission, "GET", "/", host=NAME).status == 200
    assert [each.sni for each in origin.connections] == [NAME]


@pytest.mark.row("N09")
def test_aliases_in_a_circle(exeat, mission, names, island):
    names.answer(NAME, addresses(via=("a.elsewhere.test.", f"{NAME}.", "a.elsewhere.test.")))
    refused_after_permit(exeat, ask(exeat, mission, "GET", "/", host=NAME), "upstream_unreachable")
    assert dialled(island, exeat) == []


@pytest.mark.row("N10", "M01")
@pytest.mark.guard("own-address")
@pytest.mark.parametrize("which", ["port", "admin_port", "outer_port"])
@pytest.mark.parametrize(
    "address", ["93.184.215.99", "2606:2800:220:1::99", "127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1"]
)
def test_a_name_that_leads_back_to_us(exeat, mission, names, island, which, address):
    """A public address too, when it is one of this machine's."""
    port = getattr(exeat.config, which)
    names.answer(NAME, addresses(address))
    before = len(exeat.audit_records())
    with tunnel(exeat, mission, NAME, port) as wire:
        island.went_to()
        answer = wire.request("GET", "/healthz", host=f"{NAME}:{port}")
    refused_after_permit(exeat, answer, "address_not_allowed")
    assert [each for each in island.went_to() if each.startswith("tcp")] == []
    assert len(exeat.audit_records()) == before + 2, "a loop would have left more"


@pytest.mark.row("N10", "M01")
@pytest.mark.parametrize("which", ["port", "admin_port", "outer_port"])
@pytest.mark.parametrize(
    "address",
    ["93.184.215.99", "10.77.0.1", "[2606:2800:220:1::99]", "[::ffff:10.77.0.1]", "127.8.9.1", "0.0.0.0", "[::]"],
)
def test_an_address_of_this_machine_with_a_port_of_ours(exeat, mission, names, island, which, address):
    port = getattr(exeat.config, which)
    with Wire(exeat) as wire:
        refused(wire.connect(f"{address}:{port}", mission["pass"]), "address_not_allowed", status=403)
        island.went_to()
    assert island.went_to() == []


@pytest.mark.row("N11")
@pytest.mark.parametrize(
    "host",
    [
        "c2VjcmV0.attacker.test",
        "0123456789abcdef.api.example.test",
        "a" * 63 + ".evil.example.test",
        "api.example.test.attacker.test",
    ],
)
def test_a_refused_name_is_never_looked_up(exeat, names, island, host):
    narrow = exeat.open("narrow")
    island.went_to()
    refused(ask(exeat, narrow, "GET", "/", host=host), "destination_not_allowed")
    with Wire(exeat) as wire:
        line = f"Proxy-Authorization: {basic(narrow['pass'])}"
        refused(wire.request("GET", f"http://{host}/", line, host=host), "destination_not_allowed")
    with Wire(exeat) as wire:
        assert wire.connect("api.example.test:443", narrow["pass"]).status == 200
        wire.secure(narrow["ca_file"], host)
        refused(wire.request("GET", "/v1/refunds", host=host), "authority_mismatch")
    with Wire(exeat) as wire:
        assert wire.connect(f"{host}:443", None).status == 407
    assert names.asked == []
    assert island.went_to(but=(exeat.port, exeat.admin_port)) == []


@pytest.mark.row("N11")
def test_a_permitted_name_whose_request_is_denied_is_never_looked_up(exeat, mission, names, island):
    refused(ask(exeat, mission, "POST", "/v1/payouts", body=b"{}"), "policy_denied")
    refused(ask(exeat, mission, "GET", "/nothing/known"), "operation_unknown")
    assert names.asked == []
    assert island.went_to(but=(exeat.port, exeat.admin_port)) == []


BAD_ANSWERS = {
    "failing": fails("SERVFAIL"), "refusing": fails("REFUSED"), "no such name": fails("NXDOMAIN"), "silent": silence, "another id": wrong_id,
    "another name": wrong_name, "noise": garbage, "cut off": cut_off, "no address": addresses(),
}  # fmt: skip


@pytest.mark.row("N12")
@pytest.mark.parametrize("fault", BAD_ANSWERS)
def test_a_name_server_that_does_not_do_its_work(exeat, mission, origin, names, island, fault):
    names.answer(NAME, BAD_ANSWERS[fault])
    began = time.monotonic()
    refused_after_permit(exeat, ask(exeat, mission, "GET", "/", host=NAME), "upstream_unreachable")
    assert time.monotonic() - began < 4.5, "the limit for connections is 3 s"
    assert dialled(island, exeat) == []
    names.answer(NAME, addresses(PUBLIC))
    assert ask(exeat, mission, "GET", "/", host=NAME).status == 200


@pytest.mark.row("N12")
def test_an_answer_with_thousands_of_addresses(exeat, mission, names, island):
    names.answer(NAME, huge)
    before = exeat.memory()
    refused_after_permit(exeat, ask(exeat, mission, "GET", "/", host=NAME), "address_not_allowed")
    assert dialled(island, exeat) == ["tcp 127.0.0.1:53"]
    assert exeat.memory() - before < 32 << 20


@pytest.mark.row("N12")
@pytest.mark.guard("lookup-threads")
@pytest.mark.guard("lookup-share")
def test_names_that_nobody_answers_for_hold_up_nobody_else(exeat, mission, origin, names):
    """Many lookups of one agent wait in vain, a few at a time; another agent's goes through."""
    silent = [f"silent{number}.example.test" for number in range(40)]
    for name in silent:
        names.answer(name, silence)
    names.answer(NAME, addresses(PUBLIC))
    with ThreadPoolExecutor(len(silent)) as pool:
        stuck = [pool.submit(ask, exeat, mission, "GET", "/", host=name) for name in silent]
        names.wait_asked(12)
        other = exeat.open(agent="report-bot")
        began = time.monotonic()
        assert ask(exeat, other, "GET", "/", host=NAME).status == 200
        assert time.monotonic() - began < 1
        assert len({line.split()[1] for line in names.asked if "silent" in line}) <= 8
        for each in stuck:
            refused(each.result(), "upstream_unreachable")
    names.answer(silent[-1], addresses(PUBLIC))
    assert ask(exeat, mission, "GET", "/", host=silent[-1]).status == 200


@pytest.mark.row("N13")
@pytest.mark.parametrize("name", [
    "localhost", "db", "printer", "localhost.localdomain", "x.localhost", "printer.local", "vault.internal", "router.home.arpa", "nas.lan",
    "intranet.corp", "x.onion", "wpad", "isatap",
])  # fmt: skip
@pytest.mark.guard("local-names")
def test_names_of_this_network_are_never_looked_up(exeat, mission, names, island, name):
    answer = ask(exeat, mission, "GET", "/", host=name)
    refused(answer, "address_not_allowed", "destination_not_allowed")
    one_record(exeat, answer, answer.code)
    assert names.asked == []
    assert island.went_to(but=(exeat.port, exeat.admin_port)) == []


@pytest.mark.row("N13")
@pytest.mark.guard("absolute-name")
def test_no_search_domain_is_tried(exeat, mission, names):
    """The name is asked for as it is, although this resolver would complete it."""
    names.answer("absent.elsewhere.test.corp.example.test", addresses(PUBLIC))
    refused_after_permit(exeat, ask(exeat, mission, "GET", "/", host="absent.elsewhere.test"), "upstream_unreachable")
    assert set(names.asked) == {"A absent.elsewhere.test.", "AAAA absent.elsewhere.test."}


@pytest.mark.row("N13")
def test_a_name_in_the_hosts_file_is_judged_by_its_address(exeat, mission, names, island):
    refused_after_permit(
        exeat,
        ask(exeat, mission, "GET", "/", host="listed.example.test"),
        "address_not_allowed",
        "upstream_unreachable",
    )
    assert dialled(island, exeat) == []

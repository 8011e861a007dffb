"""Every way to be someone: each kind of evidence alone, any of several, all of several, and evidence that contradicts."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from rig.certs import Authority
from rig.issuer import Issuer, compact, wait_for_keys
from rig.ways import TlsInTls
from rig.wire import Wire, ask, basic, client_context, refused

HOST, PLAIN = "api.example.test", "plain.example.test"
SVID = "spiffe://example.org/ns/agents/sa/{}"
MISSING, INVALID, CONFLICT = ("identity_missing",), ("identity_invalid",), ("identity_conflict",)


@pytest.fixture(scope="module")
def issuer():
    with Issuer() as running:
        yield running


@pytest.fixture(scope="module")
def agents_ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("agents-ca"), "agents-ca")


@pytest.fixture(scope="module")
def ways(config, issuer, agents_ca):
    """Two agents who can be known by everything, a third by little; a listener for each rule that is tested."""
    for name, net in (("ann", "127.0.0.11"), ("bob", "127.0.0.12")):
        config.agent(
            name,
            jwt=[{"issuer": issuer.name, "subject": name}],
            spiffe=[SVID.format(name)],
            addresses=[net, f"127.0.{ord(name[0])}.0/24"],
        )
    config.agent("cat", jwt=[{"issuer": issuer.name, "subject": "cat"}])
    config.tables["identity"] = {"evidence": ["pass"], "jwt": [issuer.settings()]}
    config.tables["mission_template"].append({**config.template, "name": "payouts"})
    mtls = {"client_ca": str(agents_ca.file)}
    every = ["pass", "address", "placeholder"]
    return SimpleNamespace(
        passes=config.port,
        token=config.listener(evidence=["jwt"]),
        either=config.listener(evidence=["pass", "jwt"]),
        address=config.listener(evidence=["address"]),
        svid=config.listener("https", evidence=["svid"], **mtls),
        placeholder=config.listener(evidence=["placeholder"]),
        base=config.listener("reverse", evidence=["placeholder"]),
        listener=config.listener(evidence=["listener"], agent="prod/ann"),
        any=config.listener(evidence=every),
        all=config.listener(evidence=every, require="all"),
        token_and_address=config.listener(evidence=["jwt", "address"], require="all"),
        pass_and_svid=config.listener("https", evidence=["pass", "svid"], require="all", **mtls),
        any_svid=config.listener("https", evidence=["jwt", "svid"], **mtls),
        pinned=config.listener(evidence=["pass", "jwt", "address"], agent="prod/ann"),
        pinned_all=config.listener(evidence=["listener", "pass"], require="all", agent="prod/ann"),
        template=config.listener(evidence=["pass", "jwt"], mission="payouts"),
    )


@pytest.fixture(scope="module")
def exeat(ways, exeat):
    return exeat


@pytest.fixture(scope="module")
def missions(exeat):
    """One mission for each agent."""
    return {name: wait_for_keys(exeat).open(agent=name) for name in ("ann", "bob", "cat")}


@pytest.fixture(autouse=True)
def clean(origin, decoy):
    for each in (origin, decoy):
        each.wait_quiet(0.02)
        each.clear()


@pytest.fixture
def plain(exeat, origin, missions):
    """A plain request through a listener with what is shown; refused requests reach no origin."""

    def asking(port, *lines, source="", cert=None):
        with Wire(exeat, port=port, source=source) as wire:
            if cert is not None:
                context = client_context(missions["ann"]["ca_file"], "http/1.1")
                if cert:
                    context.load_cert_chain(cert)
                wire.sock = context.wrap_socket(wire.sock, server_hostname="127.0.0.1")
            answer = wire.request("GET", f"http://{PLAIN}/echo", *lines, host=PLAIN)
        if answer.status != 200:
            assert origin.connections == []
        return answer

    return asking


def shows(credential):
    return f"Proxy-Authorization: Bearer {credential}"


def acts_for(exeat, answer, mission, origin, *kinds):
    """The origin saw this mission's agent, and the record names what proved it."""
    assert answer.status == 200, (answer.status, answer.body)
    assert origin.last.one("exeat-agent") == mission["agent"]
    assert origin.last.one("exeat-mission") == mission["mission"]
    assert exeat.audit_records("decision")[-1]["evidence"] == list(kinds)


# --- one kind each: allow, nothing shown, not genuine ------------------------------------------------------------------


def test_a_pass(exeat, plain, ways, missions, origin, issuer):
    acts_for(exeat, plain(ways.passes, shows(missions["ann"]["pass"])), missions["ann"], origin, "pass")
    origin.clear()
    refused(plain(ways.passes), *MISSING, status=407)
    refused(plain(ways.passes, shows(missions["ann"]["pass"][:-1] + "~")), *INVALID, status=407)


@pytest.mark.guard("credential-not-taken")
def test_a_credential_that_a_listener_doesnt_take_is_refused(plain, ways, missions, issuer):
    """It isn't passed over, even where something else would do."""
    good = missions["ann"]["pass"], issuer.token("ann")
    refused(plain(ways.passes, shows(good[1])), *INVALID, status=407)
    refused(plain(ways.token, shows(good[0])), *INVALID, status=407)
    for each in (*good, "anything"):
        refused(plain(ways.address, shows(each), source="127.0.0.11"), *INVALID, status=407)
        refused(plain(ways.listener, shows(each)), *INVALID, status=407)


def test_a_token(exeat, plain, ways, missions, origin, issuer):
    acts_for(exeat, plain(ways.token, shows(issuer.token("bob"))), missions["bob"], origin, "jwt")
    acts_for(exeat, plain(ways.either, shows(issuer.token("ann"))), missions["ann"], origin, "jwt")
    acts_for(exeat, plain(ways.either, shows(missions["ann"]["pass"])), missions["ann"], origin, "pass")
    origin.clear()
    refused(plain(ways.token), *MISSING, status=407)
    refused(plain(ways.token, shows(issuer.token("dan"))), *INVALID, status=407)


def test_an_address(exeat, plain, ways, missions, origin):
    """Exactly, or by its network; an address nobody has is no evidence."""
    for source in ("127.0.0.11", "127.0.97.9"):
        acts_for(exeat, plain(ways.address, source=source), missions["ann"], origin, "address")
    origin.clear()
    for source in ("127.0.0.1", "127.0.0.13", "127.0.96.255", "127.1.97.9"):
        refused(plain(ways.address, source=source), *MISSING)


@pytest.mark.row("D10")
def test_an_address_is_the_sockets_own(plain, ways):
    """What a header claims is nobody's address."""
    lines = ["X-Forwarded-For: 127.0.0.11", "Forwarded: for=127.0.0.11", "X-Real-IP: 127.0.0.11", "Via: 1.1 127.0.0.11"]
    refused(plain(ways.address, *lines), *MISSING)


def test_an_svid(exeat, plain, ways, missions, origin, agents_ca, tmp_path):
    """A client certificate of a trusted authority with one SPIFFE ID that is an agent's."""
    good = agents_ca.svid(tmp_path, SVID.format("ann"))
    acts_for(exeat, plain(ways.svid, cert=good), missions["ann"], origin, "svid")
    own = agents_ca.svid(tmp_path, missions["bob"]["agent"])
    acts_for(exeat, plain(ways.svid, cert=own), missions["bob"], origin, "svid")
    origin.clear()
    stranger = agents_ca.svid(tmp_path, SVID.format("dan"))
    refused(plain(ways.svid, cert=stranger), *INVALID)


@pytest.mark.parametrize("kind", ["none", "other CA", "expired", "no SPIFFE ID", "two", "by name only"])
def test_a_certificate_that_is_no_svid_gets_no_connection(exeat, ways, missions, agents_ca, tmp_path, kind):
    """Refused in the handshake or right after it, before a request is read."""
    name = SVID.format("ann")
    cert = {
        "none": lambda: "",
        "other CA": lambda: Authority(tmp_path, "other-ca").svid(tmp_path, name),
        "expired": lambda: agents_ca.svid(tmp_path, name, seconds=-60),
        "no SPIFFE ID": lambda: agents_ca.svid(tmp_path, "https://example.org/ns/agents/sa/ann"),
        "two": lambda: agents_ca.svid(tmp_path, name, SVID.format("bob")),
        "by name only": lambda: agents_ca.svid(tmp_path, dns="ann.example.org"),
    }[kind]()
    context = client_context(missions["ann"]["ca_file"], "http/1.1")
    if cert:
        context.load_cert_chain(cert)
    with Wire(exeat, port=ways.svid) as wire:
        try:
            wire.sock = context.wrap_socket(wire.sock, server_hostname="127.0.0.1")
        except OSError:
            return
        assert wire.request("GET", f"http://{PLAIN}/echo", host=PLAIN).closed


def test_an_svid_for_a_tunnel(exeat, ways, missions, origin, agents_ca, tmp_path):
    """TLS to the proxy with the certificate, CONNECT, TLS inside."""
    context = client_context(missions["ann"]["ca_file"], "http/1.1")
    context.load_cert_chain(agents_ca.svid(tmp_path, SVID.format("ann")))
    with Wire(exeat, port=ways.svid) as wire:
        wire.sock = context.wrap_socket(wire.sock, server_hostname="127.0.0.1")
        assert wire.connect(f"{HOST}:443", None).status == 200
        wire.sock = TlsInTls(wire.sock, client_context(missions["ann"]["ca_file"], "http/1.1"), HOST)
        acts_for(exeat, wire.request("GET", "/echo", host=HOST), missions["ann"], origin, "svid")


def test_a_listener(exeat, plain, ways, missions, origin):
    acts_for(exeat, plain(ways.listener), missions["ann"], origin, "listener")


def holds(mission, service="plain"):
    return f"Authorization: Bearer {mission['placeholders'][service]}"


@pytest.mark.row("H07")
def test_a_placeholder_for_a_tunnel(exeat, ways, missions, origin):
    """The tunnel opens for nobody; its first request says whose it is, and that stays."""
    ann, bob = missions["ann"], missions["bob"]
    with Wire(exeat, port=ways.placeholder) as wire:
        assert wire.connect(f"{HOST}:443", None).status == 200
        wire.secure(ann["ca_file"], HOST)
        acts_for(exeat, wire.request("GET", "/echo", holds(ann, "example"), host=HOST), ann, origin, "placeholder")
        assert ann["placeholders"]["example"] not in str(origin.last.headers)
        origin.clear()
        refused(
            wire.request("GET", "/echo", holds(bob, "example"), host=HOST), "credential_foreign", "identity_conflict"
        )
        assert origin.requests == []


@pytest.mark.row("H07")
def test_a_placeholder_at_a_base_url(exeat, ways, missions, origin):
    """Where only the URL can be set, and the key is a placeholder."""
    for name in ("ann", "bob"):
        with Wire(exeat, port=ways.base) as wire:
            lines = [holds(missions[name], "example")]
            answer = wire.request("GET", f"/{HOST}/echo", *lines, host=f"127.0.0.1:{ways.base}")
        acts_for(exeat, answer, missions[name], origin, "placeholder")
    origin.wait_quiet(0.02)
    origin.clear()
    with Wire(exeat, port=ways.base) as wire:
        refused(wire.request("GET", f"/{HOST}/echo", host=f"127.0.0.1:{ways.base}"), *MISSING)
    with Wire(exeat, port=ways.base) as wire:
        assert (
            wire.request(
                "GET", f"/{HOST}/echo", holds(missions["ann"], "example"), host=f"127.0.0.1:{ways.base}"
            ).status
            == 200
        )
        again = wire.request("GET", f"/{HOST}/echo", holds(missions["bob"], "example"), host=f"127.0.0.1:{ways.base}")
        refused(again, *CONFLICT)
    assert len(origin.requests) == 1


@pytest.mark.row("H07", "H08")
@pytest.mark.guard("placeholder-service")
@pytest.mark.parametrize(
    "change", ["none", "longer", "shorter", "unknown", "another service's", "shared key", "foreign", "other case"]
)
def test_a_placeholder_that_is_none(exeat, ways, missions, origin, change):
    ann = missions["ann"]
    value = ann["placeholders"]["example"]
    shown = {
        "none": "", "longer": value + "a", "shorter": value[:-1], "unknown": value[:-4] + "aaaa",
        "another service's": ann["placeholders"]["plain"], "shared key": exeat.config.environ["EXAMPLE_KEY"],
        "foreign": "somebody-elses-key-1234567", "other case": value.upper(),
    }[change]  # fmt: skip
    with Wire(exeat, port=ways.placeholder) as wire:
        assert wire.connect(f"{HOST}:443", None).status == 200
        wire.secure(ann["ca_file"], HOST)
        lines = [f"Authorization: Bearer {shown}"] if shown else []
        refused(wire.request("GET", "/echo", *lines, host=HOST), *INVALID, *MISSING)
    assert origin.connections == []


@pytest.mark.guard("placeholder-host")
def test_a_tunnel_that_waits_for_a_placeholder_leads_to_services_only(exeat, ways, missions, origin, decoy):
    """For nobody there is no certificate of a host where no placeholder can follow."""
    for host in ("cdn.example.test", "evil.example.test"):
        with Wire(exeat, port=ways.placeholder) as wire:
            refused(wire.connect(f"{host}:443", None), *MISSING, status=407)
    assert origin.connections == decoy.connections == []


# --- any, all, conflict ----------------------------------------------------------------------------------------------

ANN, BOB = "127.0.0.11", "127.0.0.12"


def test_any_of_several(exeat, plain, ways, missions, origin):
    """One is enough, two that agree are fine; none is missing."""
    ann, bob = missions["ann"], missions["bob"]
    acts_for(exeat, plain(ways.any, source=ANN), ann, origin, "address")
    acts_for(exeat, plain(ways.any, shows(bob["pass"])), bob, origin, "pass")
    acts_for(exeat, plain(ways.any, shows(ann["pass"]), source=ANN), ann, origin, "pass", "address")
    origin.clear()
    refused(plain(ways.any), *MISSING, status=407)


@pytest.mark.row("R08")
@pytest.mark.guard("evidence-conflict")
def test_evidence_that_contradicts(plain, ways, missions, issuer):
    """Two agents by two kinds of evidence: neither."""
    ann, bob = missions["ann"], missions["bob"]
    refused(plain(ways.any, shows(ann["pass"]), source=BOB), *CONFLICT, status=403)
    refused(plain(ways.token_and_address, shows(issuer.token("ann")), source=BOB), *CONFLICT, status=403)
    refused(plain(ways.any, shows(bob["pass"]), source=ANN), *CONFLICT, status=403)


def test_a_placeholder_may_contradict_too(exeat, ways, missions, origin):
    """The tunnel is one agent's by its address; another one's placeholder inside it is refused."""
    with Wire(exeat, port=ways.any, source=ANN) as wire:
        assert wire.connect(f"{HOST}:443", None).status == 200
        wire.secure(missions["ann"]["ca_file"], HOST)
        refused(wire.request("GET", "/echo", holds(missions["bob"], "example"), host=HOST), "credential_foreign")
    assert origin.connections == []


def test_what_isnt_genuine_refuses_whatever_else_there_is(plain, ways, missions, issuer):
    """A good address doesn't heal a bad pass."""
    spoilt = missions["ann"]["pass"][:-8] + "AAAAAAAA"
    refused(plain(ways.any, shows(spoilt), source=ANN), *INVALID, status=407)
    refused(plain(ways.token_and_address, shows(issuer.token("ann", aud="x")), source=ANN), *INVALID, status=407)
    refused(plain(ways.token_and_address, shows(issuer.token("dan")), source=ANN), *INVALID, status=407)


@pytest.mark.guard("evidence-all")
def test_all_of_several(exeat, plain, ways, missions, origin, issuer, agents_ca, tmp_path):
    """Each has to be there, and to name the same agent."""
    ann = missions["ann"]
    token = issuer.token("ann")
    acts_for(exeat, plain(ways.token_and_address, shows(token), source=ANN), ann, origin, "jwt", "address")
    origin.clear()
    refused(plain(ways.token_and_address, shows(token)), *MISSING, status=407)
    refused(plain(ways.token_and_address, source=ANN), *MISSING, status=407)
    cert = agents_ca.svid(tmp_path, SVID.format("ann"))
    acts_for(exeat, plain(ways.pass_and_svid, shows(ann["pass"]), cert=cert), ann, origin, "pass", "svid")
    origin.clear()
    refused(plain(ways.pass_and_svid, cert=cert), *MISSING, status=407)
    refused(plain(ways.pass_and_svid, shows(missions["bob"]["pass"]), cert=cert), *CONFLICT, status=403)


def test_an_svid_or_a_token(exeat, plain, ways, missions, origin, issuer, agents_ca, tmp_path):
    """The certificate is asked for, not demanded; what is shown must agree."""
    cert = agents_ca.svid(tmp_path, SVID.format("bob"))
    acts_for(exeat, plain(ways.any_svid, cert=cert), missions["bob"], origin, "svid")
    acts_for(exeat, plain(ways.any_svid, shows(issuer.token("ann")), cert=""), missions["ann"], origin, "jwt")
    acts_for(exeat, plain(ways.any_svid, shows(issuer.token("bob")), cert=cert), missions["bob"], origin, "jwt", "svid")
    origin.clear()
    refused(plain(ways.any_svid, cert=""), *MISSING, status=407)
    refused(plain(ways.any_svid, shows(issuer.token("ann")), cert=cert), *CONFLICT, status=403)


@pytest.mark.guard("evidence-all")
def test_all_with_a_placeholder(exeat, ways, missions, origin):
    """Pass, address and placeholder: the first two where the tunnel opens, the third with its first request."""
    ann, bob = missions["ann"], missions["bob"]

    def enter(credential, source):
        wire = Wire(exeat, port=ways.all, source=source)
        return wire, wire.connect(f"{HOST}:443", credential)

    wire, answer = enter(ann["pass"], ANN)
    with wire:
        assert answer.status == 200
        wire.secure(ann["ca_file"], HOST)
        answer = wire.request("GET", "/echo", holds(ann, "example"), host=HOST)
        acts_for(exeat, answer, ann, origin, "pass", "address", "placeholder")
    origin.clear()
    for value, codes in ((holds(bob, "example"), CONFLICT), ("Accept: */*", MISSING)):
        wire, answer = enter(ann["pass"], ANN)
        with wire:
            assert answer.status == 200
            wire.secure(ann["ca_file"], HOST)
            refused(wire.request("GET", "/echo", value, host=HOST), *codes)
    for credential, source, codes in ((None, ANN, MISSING), (ann["pass"], "", MISSING), (ann["pass"], BOB, CONFLICT)):
        wire, answer = enter(credential, source)
        with wire:
            refused(answer, *codes)
    assert origin.connections == []


# --- pins ------------------------------------------------------------------------------------------------------------


@pytest.mark.guard("pinned-agent")
def test_a_pinned_agent_is_the_only_one(exeat, plain, ways, missions, origin, issuer):
    """A pin proves nothing by itself; whatever does has to name that agent."""
    ann, bob = missions["ann"], missions["bob"]
    acts_for(exeat, plain(ways.pinned, shows(ann["pass"])), ann, origin, "pass")
    acts_for(exeat, plain(ways.pinned_all, shows(ann["pass"])), ann, origin, "pass", "listener")
    origin.clear()
    refused(plain(ways.pinned), *MISSING, status=407)
    refused(plain(ways.pinned, shows(bob["pass"])), *CONFLICT, status=403)
    refused(plain(ways.pinned, shows(issuer.token("bob"))), *CONFLICT, status=403)
    refused(plain(ways.pinned, source=BOB), *CONFLICT, status=403)
    refused(plain(ways.pinned_all, shows(bob["pass"])), *CONFLICT, status=403)


@pytest.mark.guard("pinned-template")
@pytest.mark.guard("pinned-template-of-a-token")
def test_a_pinned_template_is_the_only_kind_of_mission(exeat, plain, ways, missions, origin, issuer):
    """A pass of another mission contradicts; a token means the agent's mission of that template, though it has others."""
    refused(plain(ways.template, shows(missions["cat"]["pass"])), *CONFLICT, status=403)
    refused(plain(ways.template, shows(issuer.token("cat"))), "mission_missing", status=403)
    paying = exeat.open("payouts", agent="cat")
    try:
        acts_for(exeat, plain(ways.template, shows(issuer.token("cat"))), paying, origin, "jwt")
        acts_for(exeat, plain(ways.template, shows(paying["pass"])), paying, origin, "pass")
    finally:
        exeat.end(paying, "close")


# --- which mission -----------------------------------------------------------------------------------------------------


def test_evidence_without_a_pass_means_the_only_mission(exeat, plain, ways, origin, issuer, missions):
    """None, or several: refused inside the tunnel, where agents can read it; a pass chooses. The record names the agent."""
    cat = missions["cat"]
    second = exeat.open(agent="cat")
    token = issuer.token("cat")
    try:
        with Wire(exeat, port=ways.token) as wire:
            assert wire.connect(f"{HOST}:443", None, shows(token)).status == 200
            wire.secure(cat["ca_file"], HOST)
            refused(wire.request("GET", "/echo", host=HOST), "mission_missing", status=403)
        record = exeat.audit_records("decision", code="mission_missing")[-1]
        assert record["agent"] == cat["agent"]
        assert record["evidence"] == ["jwt"]
        assert "2 missions" in record["detail"]
        acts_for(exeat, plain(ways.either, shows(second["pass"])), second, origin, "pass")
    finally:
        exeat.end(second, "close")
    acts_for(exeat, plain(ways.token, shows(token)), cat, origin, "jwt")
    exeat.end(cat, "suspend")
    refused(plain_after(origin, plain, ways.token, token), "mission_suspended", status=403)
    exeat.end(cat, "resume")
    assert plain(ways.token, shows(token)).status == 200
    origin.clear()
    exeat.end(cat, "close")
    refused(plain_after(origin, plain, ways.token, token), "mission_missing", status=403)
    missions["cat"] = exeat.open(agent="cat")
    acts_for(exeat, plain(ways.token, shows(token)), missions["cat"], origin, "jwt")


def test_a_tunnel_without_a_mission_gets_one_when_it_is_opened(exeat, ways, missions, origin, issuer):
    """The agent stays the same; a session once found is kept, whatever opens beside it."""
    exeat.end(missions["cat"], "close")
    with Wire(exeat, port=ways.token) as wire:
        assert wire.connect(f"{HOST}:443", None, shows(issuer.token("cat"))).status == 200
        wire.secure(missions["ann"]["ca_file"], HOST)
        refused(wire.request("GET", "/echo", host=HOST), "mission_missing", status=403)
        missions["cat"] = exeat.open(agent="cat")
        acts_for(exeat, wire.request("GET", "/echo", host=HOST), missions["cat"], origin, "jwt")
        second = exeat.open(agent="cat")
        acts_for(exeat, wire.request("GET", "/echo", host=HOST), missions["cat"], origin, "jwt")
        exeat.end(second, "close")
        exeat.end(missions["cat"], "close")
        assert wire.request("GET", "/echo", host=HOST).closed
    missions["cat"] = exeat.open(agent="cat")


def plain_after(origin, plain, port, token):
    origin.wait_quiet(0.02)
    origin.clear()
    return plain(port, shows(token))


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.row("R08", "R07")
@pytest.mark.guard("identity-until")
def test_a_tunnel_outlives_no_token(exeat, ways, missions, origin, issuer):
    """Requests that begin after the token's end are refused, on a kept tunnel and on a kept connection."""
    now = int(time.time())
    token = issuer.token("ann", exp=now + 3)
    with Wire(exeat, port=ways.token) as inside, Wire(exeat, port=ways.token) as beside:
        assert inside.connect(f"{HOST}:443", None, shows(token)).status == 200
        inside.secure(missions["ann"]["ca_file"], HOST)
        assert inside.request("GET", "/echo", host=HOST).status == 200
        assert beside.request("GET", f"http://{PLAIN}/echo", shows(token), host=PLAIN).status == 200
        origin.clear()
        while time.time() < now + 3:
            time.sleep(0.1)
        refused(inside.request("GET", "/echo", host=HOST), *INVALID)
        refused(beside.request("GET", f"http://{PLAIN}/echo", shows(token), host=PLAIN), *INVALID)
    assert origin.requests == []


@pytest.mark.row("R08")
@pytest.mark.guard("identity-until")
def test_a_tunnel_outlives_no_certificate(exeat, ways, missions, origin, agents_ca, tmp_path):
    ends = time.time() + 2
    context = client_context(missions["ann"]["ca_file"], "http/1.1")
    context.load_cert_chain(agents_ca.svid(tmp_path, SVID.format("ann"), seconds=2))
    with Wire(exeat, port=ways.svid) as wire:
        wire.sock = context.wrap_socket(wire.sock, server_hostname="127.0.0.1")
        assert wire.request("GET", f"http://{PLAIN}/echo", host=PLAIN).status == 200
        origin.clear()
        while time.time() < ends + 1:
            time.sleep(0.1)
        refused(wire.request("GET", f"http://{PLAIN}/echo", host=PLAIN), *INVALID)
    assert origin.requests == []


@pytest.mark.row("R07")
@pytest.mark.guard("session-binding")
def test_a_connection_is_one_agents_whatever_proves_it(exeat, ways, missions, origin, issuer):
    """Two tokens of one agent are one; another agent's on the same connection is refused, and its tunnel is nobody else's."""
    ann, bob = missions["ann"], missions["bob"]
    with Wire(exeat, port=ways.either) as wire:
        for shown in (issuer.token("ann"), issuer.token("ann"), ann["pass"]):
            assert wire.request("GET", f"http://{PLAIN}/echo", shows(shown), host=PLAIN).status == 200
        refused(wire.request("GET", f"http://{PLAIN}/echo", shows(issuer.token("bob")), host=PLAIN), *CONFLICT)
    with Wire(exeat, port=ways.either) as wire:
        assert wire.connect(f"{HOST}:443", None, shows(issuer.token("ann"))).status == 200
        wire.secure(ann["ca_file"], HOST)
        answer = wire.request("GET", "/echo", f"Proxy-Authorization: {basic(bob['pass'])}", host=HOST)
        assert answer.status == 200
        assert origin.last.one("exeat-mission") == ann["mission"]
    assert {seen.one("exeat-agent") for seen in origin.requests} == {ann["agent"]}


@pytest.mark.row("H07")
def test_anothers_placeholder_where_none_counts_is_foreign(exeat, ways, missions, origin):
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", missions["ann"]["pass"]).status == 200
        wire.secure(missions["ann"]["ca_file"], HOST)
        refused(wire.request("GET", "/echo", holds(missions["bob"], "example"), host=HOST), "credential_foreign")
    assert origin.connections == []


def test_no_evidence_is_written_down(exeat, missions, issuer, plain, ways, origin):
    """Passes, tokens and placeholders are secrets: neither log nor audit holds one, whatever became of it."""
    shown = [
        issuer.token("ann"), issuer.token("dan"), issuer.token("ann", aud="x"), missions["ann"]["pass"],
        compact(issuer.header(alg="none"), issuer.claims("ann"), issuer.key),
    ]  # fmt: skip
    for each in shown:
        plain(ways.either, shows(each))
        origin.wait_quiet(0.02)
        origin.clear()
    written = exeat.everything_written()
    for each in [*shown, *missions["ann"]["placeholders"].values()]:
        assert each.encode() not in written
        assert each.rpartition(".")[2].encode() not in written
    assert ask(exeat, missions["ann"], "GET", "/echo").status == 200

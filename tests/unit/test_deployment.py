"""The files of docker/ and deploy/: valid by their publishers' schemas, hardened as they say, and what they run works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from exeat.config.loading import load

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
KUBERNETES = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
COMPOSE = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())


def instructions():
    """The Dockerfile's last stage: (instruction, arguments)."""
    joined = re.sub(r"\\\n", " ", DOCKERFILE)
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    last = max(index for index, line in enumerate(lines) if line.startswith("FROM "))
    return [tuple(line.split(None, 1)) for line in lines[last:]], lines


def test_every_base_image_has_a_tag_and_the_last_stage_installs_nothing_from_the_network():
    stage, lines = instructions()
    for line in lines:
        if line.startswith("FROM "):
            assert re.match(r"FROM [a-z/]+:[0-9][\w.-]*( AS \w+)?$", line), line
    assert not any("pip install" in rest or "apt-get" in rest for _, rest in stage)
    assert "ADD" not in {word for word, _ in stage}
    installs = [line for line in lines if "pip install" in line]
    assert installs
    assert all("--require-hashes" in part or "--no-index" in part for line in installs for part in line.split("&&") if "pip install" in part)  # fmt: skip


def test_the_image_runs_as_a_numbered_user_and_holds_no_secret():
    stage, _ = instructions()
    words = dict(stage)
    user = words["USER"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user), "a number, so that runAsNonRoot can see that it isn't root"
    assert not re.search(r"(?i)secret|token|password|_key\b|BEGIN ", "\n".join(rest for _, rest in stage))
    assert {"HEALTHCHECK", "ENTRYPOINT", "CMD", "STOPSIGNAL"} <= set(words)
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in " ".join(copied).split():
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in kept, f"{source} is left out of the build context"


def test_what_the_image_runs_works_as_another_user_on_a_read_only_tree(tmp_path):
    """ENTRYPOINT, CMD and HEALTHCHECK as the image has them, with nothing writable but the site's folder."""
    if os.geteuid() != 0:
        pytest.skip("needs root to make a tree read-only")
    words = dict(instructions()[0])
    health = json.loads(words["HEALTHCHECK"].split("CMD", 1)[1])  # noqa: TID251
    serve = json.loads(words["ENTRYPOINT"]) + json.loads(words["CMD"])  # noqa: TID251
    assert serve == ["exeat", "serve"]
    site = tmp_path / "site"
    exeat = [sys.executable, "-m", "exeat.cli.main"]
    subprocess.run([*exeat, "init", str(site)], check=True, capture_output=True)
    ports = [str(_free_port()) for _ in range(2)]
    text = (site / "exeat.toml").read_text().replace("127.0.0.1:8080", f"127.0.0.1:{ports[0]}")
    (site / "exeat.toml").write_text(text.replace("127.0.0.1:8081", f"127.0.0.1:{ports[1]}"))
    for path in (site, *site.rglob("*")):
        os.chown(path, 10001, 10001)
    as_image = [sys.executable, ROOT / "tests/rig/as_user.py", "10001", "--read-only"]
    environment = os.environ | {"EXEAT_CONFIG": str(site / "exeat.toml"), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/"}
    process = subprocess.Popen([*as_image, *exeat, *serve[1:]], cwd=site, env=environment, stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        check = [word.replace("8081", ports[1]) for word in health]
        check[0] = sys.executable
        for _ in range(100):
            done = subprocess.run([*as_image, *check], cwd=site, capture_output=True, env=environment)
            if done.returncode == 0 or process.poll() is not None:
                break
        assert done.returncode == 0, (done.stderr, process.poll())
        assert (site / "state/ca.pem").stat().st_uid == 10001
    finally:
        process.terminate()
        _, err = process.communicate(timeout=20)
    assert process.returncode in (0, 143), err
    assert subprocess.run([*as_image, *check], cwd=site, capture_output=True, env=environment).returncode != 0


def _free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_compose_is_valid_by_its_schema():
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(ROOT / "docker/compose.yaml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_in_compose_agents_are_on_an_internal_network_with_exeat_alone():
    agent, exeat = COMPOSE["services"]["agent"], COMPOSE["services"]["exeat"]
    assert agent["networks"] == ["agents"]
    assert "network_mode" not in agent
    assert "ports" not in exeat
    assert COMPOSE["networks"]["agents"]["internal"] is True
    assert set(exeat["networks"]) == {"agents", "outside"}
    for service in (agent, exeat):
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert not service["user"].startswith("0")
    assert exeat["read_only"] is True
    mounted = [volume.split(":") for volume in agent["volumes"]]
    assert all(mode == "ro" for _, _, mode in mounted)
    assert not any(re.search(r"\.key$|\.token$|\.sock$|/site$", source) for source, _, _ in mounted)


@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: file.name)
def test_kubernetes_objects_are_valid_by_their_schemas(file):
    objects = list(yaml.safe_load_all(file.read_text()))
    assert objects
    for version in ("1.30", kubernetes_validate.latest_version()):
        for each in objects:
            kubernetes_validate.validate(each, version, strict=True)


def pods():
    for file in KUBERNETES:
        for each in yaml.safe_load_all(file.read_text()):
            if each["kind"] == "Pod":
                yield f"{file.name} {each['metadata']['name']}", each["spec"]
            elif "template" in each.get("spec", {}):
                yield f"{file.name} {each['metadata']['name']}", each["spec"]["template"]["spec"]


@pytest.mark.parametrize(("name", "pod"), list(pods()), ids=lambda value: value if isinstance(value, str) else "")
def test_pods_have_no_root_no_rights_and_no_token(name, pod):
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in [*pod.get("initContainers", ()), *pod["containers"]]:
        context = pod["securityContext"] | container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"]["drop"] == ["ALL"]
        assert ":" in container["image"]
        assert not container["image"].endswith(":latest")
        if container["name"] == "rules":  # gone before the agent starts
            assert context["capabilities"]["add"] == ["NET_ADMIN"]
        else:
            assert context["runAsNonRoot"] is True
            assert context["runAsUser"] > 0
            assert "add" not in context["capabilities"]


def test_agents_pods_may_go_to_exeat_and_nowhere_else():
    objects = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/exeat.yaml").read_text()))
    policy = next(each["spec"] for each in objects if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == "agents")  # fmt: skip
    job = next(each["spec"]["template"] for each in objects if each["kind"] == "Job")
    assert policy["podSelector"]["matchLabels"].items() <= job["metadata"]["labels"].items()
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == []
    assert policy["egress"] == [{"to": [{"podSelector": {"matchLabels": {"app": "exeat"}}}], "ports": [{"protocol": "TCP", "port": 8443}]}]  # fmt: skip
    service = next(each["spec"] for each in objects if each["kind"] == "Service")
    assert job["spec"]["hostAliases"] == [{"ip": service["clusterIP"], "hostnames": ["exeat"]}]


@pytest.fixture
def site(tmp_path):
    """The configuration of the ConfigMap, as the pod mounts it."""
    objects = yaml.safe_load_all((ROOT / "deploy/kubernetes/exeat.yaml").read_text())
    data = next(each["data"] for each in objects if each["kind"] == "ConfigMap")
    (tmp_path / "policies").mkdir()
    (tmp_path / "exeat.toml").write_text(data["exeat.toml"])
    (tmp_path / "policies/grant.cedar").write_text(data["grant.cedar"])
    return tmp_path


def test_the_configuration_in_the_config_map_is_valid(site):
    loaded = load(site / "exeat.toml", {})
    assert loaded.settings.mission_template[0].name == "refunds"
    done = subprocess.run([sys.executable, "-m", "exeat.cli.main", "config", "check", "-c", str(site / "exeat.toml")], capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_sidecars_rules_are_those_that_the_command_prints(site):
    objects = yaml.safe_load_all((ROOT / "deploy/kubernetes/sidecar.yaml").read_text())
    rules = next(each["data"]["exeat.nft"] for each in objects if each["kind"] == "ConfigMap")
    command = ["network", "nftables", "--user", "10002", "-c", str(site / "exeat.toml")]
    done = subprocess.run([sys.executable, "-m", "exeat.cli.main", *command], capture_output=True, text=True)
    assert rules == done.stdout


UNITS = {"exeat.service": 2.0, "agent@.service": 2.0}
"""systemd's own measure of exposure, from 0 (none) to 10; "OK" ends at 4."""


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_units_are_valid_and_little_exposed(unit, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing")
    text = (ROOT / "deploy/systemd" / unit).read_text()
    text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text)  # the programs aren't installed here
    file = tmp_path / unit.replace("@", "@x")
    for other in (ROOT / "deploy/systemd").iterdir():
        (tmp_path / other.name).write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", other.read_text()))
    file.write_text(text)
    environment = os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, env=environment)  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line or unit in line]
    assert complaints == [], done.stderr
    bound = round(UNITS[unit] * 10)
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={bound}", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


def test_the_unit_does_not_forbid_what_tls_needs():
    """pyOpenSSL's callbacks need memory that is written and then run: with MemoryDenyWriteExecute no TLS works."""
    assert not re.search(r"(?m)^MemoryDenyWriteExecute=(yes|true|1|on)", (ROOT / "deploy/systemd/exeat.service").read_text())  # fmt: skip

"""Settings for a place: one mission's variables as a shell, a container engine or a CI system reads them.

Must not know: where the mission came from.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

import orjson

from exeat.errors import InvalidRequestError

FORMATS = ("shell", "docker", "compose", "k8s", "github")
_FILES = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "WGETRC")
"""Variables that name a file, one for each file of ours."""
_TRUSTSTORE = "-Djavax.net.ssl.trustStore="
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def render(form: str, opened: Mapping[str, Any]) -> str:
    """The settings of an opened mission, without a newline at the end.

    ``opened`` is the answer of ``mission open``. Raise InvalidRequestError when it isn't one, or holds what the form
    can't carry.
    """
    environment = variables(opened)
    ca_files = sorted({environment[key] for key in _FILES if key in environment})
    ca_files += _truststores(environment.get("JAVA_TOOL_OPTIONS", ""))
    if form == "shell":
        return "\n".join(f"export {key}={shlex.quote(value)}" for key, value in environment.items())
    if form == "docker":
        mounts = "".join(f" -v {shlex.quote(f'{path}:{path}:ro')}" for path in ca_files)
        return "\n".join([f"# docker run --env-file THIS_FILE{mounts} …", *_plain(environment)])
    if form == "compose":
        lines = ["environment:", *(f"  {key}: {_yaml(value.replace('$', '$$'))}" for key, value in environment.items())]
        if ca_files:
            lines += ["volumes:", *(f"  - {_yaml(f'{path}:{path}:ro')}" for path in ca_files)]
        return "\n".join(lines)
    if form == "k8s":
        return _secret(str(opened.get("mission", "")), environment)
    if form == "github":
        return "\n".join(_plain(environment))
    raise InvalidRequestError(f"there is no format {form!r}", "use one of: " + ", ".join(FORMATS))


def variables(opened: Mapping[str, Any]) -> dict[str, str]:
    """The variables of an opened mission, checked; raise InvalidRequestError when it holds none."""
    environment = opened.get("env")
    if not isinstance(environment, dict) or not environment:
        raise InvalidRequestError("this isn't the answer of mission open", "make it with: exeat mission open … --json")
    for key, value in environment.items():
        if not _NAME.fullmatch(key) or not isinstance(value, str) or "\0" in value:
            raise InvalidRequestError("a variable in it can't be exported", "make it with: exeat mission open … --json")
    return dict(environment)


def _truststores(java: str) -> list[str]:
    """The stores that Java's options name; Java reads quotes as a shell does."""
    try:
        words = shlex.split(java)
    except ValueError:
        return []
    return [word.removeprefix(_TRUSTSTORE) for word in words if word.startswith(_TRUSTSTORE)]


def _plain(environment: Mapping[str, str]) -> list[str]:
    """``KEY=value`` lines, which know no quoting and so no line break."""
    for key, value in environment.items():
        if "\n" in value or "\r" in value:
            raise InvalidRequestError(f"{key} holds a line break, which this format can't carry", "use --shell")
    return [f"{key}={value}" for key, value in environment.items()]


def _yaml(value: str) -> str:
    """A YAML double-quoted scalar: JSON strings are a subset (YAML 1.2 §1.3)."""
    return orjson.dumps(value).decode()


def _secret(mission: str, environment: Mapping[str, str]) -> str:
    """A Kubernetes Secret for ``envFrom``; the trust files have to be mounted at the same paths."""
    name = "exeat-" + re.sub(r"[^a-z0-9-]+", "-", mission.lower()).strip("-")
    return "\n".join(
        [
            "# In the container: envFrom: [{secretRef: {name: " + name + "}}]; mount the CA files where it names them.",
            "apiVersion: v1",
            "kind: Secret",
            f"metadata: {{name: {name}}}",
            "type: Opaque",
            "stringData:",
            *(f"  {key}: {_yaml(value)}" for key, value in environment.items()),
        ]
    )

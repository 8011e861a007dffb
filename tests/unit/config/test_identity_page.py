"""docs/identity.md: what it shows is a configuration that holds, and it names every kind of evidence and every setting."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from exeat.config.loading import load
from exeat.config.tables.identity import JwtIssuerTable
from exeat.config.tables.proxy import EvidenceKind
from exeat.identity.issuer import REQUIRED, TYPES

PAGE = (Path(__file__).parents[3] / "docs" / "identity.md").read_text()


def test_its_configuration_loads(tmp_path):
    ways, tokens = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    template = '[[destination]]\nhost = "a.test"\nowner = "o"\nreason = "r"\nexpires = 2030-01-01\n'
    template += '[[mission_template]]\nname = "refunds"\ndestinations = ["a.test:443"]\noperations = []\n'
    file = tmp_path / "exeat.toml"
    file.write_text(ways + tokens + template)
    assert len(load(file, {}).settings.identity.jwt) == 3


def test_it_names_everything():
    for word in (*get_args(EvidenceKind), *JwtIssuerTable.model_fields):
        assert f"`{word}" in PAGE or f"\n{word} =" in PAGE, word


def test_its_table_of_claims_is_the_products():
    for kind, claims in REQUIRED.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{kind}`"))
        assert set(re.findall(r"`(\w+)`", row.split("|")[2])) == claims
        types = {word.lower() for word in re.findall(r"`(\w+)`", row.split("|")[3])}
        assert types == TYPES[kind] - {""}

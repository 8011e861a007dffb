"""Tokens of the admin API in both databases: one live token a name, taken back for good, newest first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exeat.errors import ConflictError
from exeat.model.admin_token import AdminToken
from exeat.store.admin_tokens import StoredAdminTokens
from exeat.store.store import Store

TOKEN = AdminToken("aaaaaaaaaaaaa", "ci", "viewer", "0" * 64, 1000.0, "admin", 2000.0)


async def test_a_token_is_kept_used_and_taken_back(store: Store) -> None:
    tokens = StoredAdminTokens(store.runner)
    await tokens.add(TOKEN)
    assert await tokens.get(TOKEN.id) == TOKEN
    assert await tokens.find(TOKEN.id, 1500.0) == TOKEN
    assert (await tokens.find(TOKEN.id, 1559.0)).used_at == 1500.0
    await tokens.find(TOKEN.id, 1560.0)
    assert (await tokens.get(TOKEN.id)).used_at == 1560.0
    await tokens.find(TOKEN.id, 2000.0)  # not live any more: not a use
    await tokens.revoke(TOKEN.id, 1700.0)
    await tokens.revoke(TOKEN.id, 1800.0)
    assert await tokens.get(TOKEN.id) == replace(TOKEN, used_at=1560.0, revoked_at=1700.0)
    assert await tokens.find("zzzzzzzzzzzzz", 1500.0) is None


async def test_a_name_is_free_again_once_its_token_is_revoked(store: Store) -> None:
    tokens = StoredAdminTokens(store.runner)
    await tokens.add(TOKEN)
    with pytest.raises(ConflictError, match="'ci'"):
        await tokens.add(replace(TOKEN, id="bbbbbbbbbbbbb"))
    await tokens.revoke(TOKEN.id, 1700.0)
    await tokens.add(replace(TOKEN, id="bbbbbbbbbbbbb"))


async def test_pages_are_newest_first_and_complete(store: Store) -> None:
    tokens = StoredAdminTokens(store.runner)
    made = [
        replace(TOKEN, id=letter * 13, name=letter, created_at=1000.0 + number // 2)
        for number, letter in enumerate("abcde")
    ]
    for token in made:
        await tokens.add(token)
    seen: list[str] = []
    before = None
    while found := await tokens.page(2, before):
        seen += [token.name for token in found]
        before = found[-1].id
    assert seen == ["e", "d", "c", "b", "a"]
    assert await tokens.page(2, "zzzzzzzzzzzzz") == []

"""Names of chains, parts and heads."""

from __future__ import annotations

from exeat.audit.layout import ChainName, list_heads, list_parts

NAME = ChainName("20270115T080000", "w_0", "0123456789abcdef")


def test_parts_are_found_in_order_even_beyond_the_padding(tmp_path):
    for number in (10000, 2, 1, 9999):
        (tmp_path / NAME.part(number)).touch()
    listing = list_parts(tmp_path)
    assert list(listing.parts) == [NAME]
    assert [path.name for path in listing.files(NAME)] == [NAME.part(number) for number in (1, 2, 9999, 10000)]
    assert listing.strays == ()


def test_parts_of_one_chain_sort_by_name_as_they_were_written():
    names = [NAME.part(number) for number in range(1, 200)]
    assert names == sorted(names)


def test_what_is_no_part_is_a_stray_and_other_files_are_not_ours(tmp_path):
    strays = [f"{NAME}_0001.jsonl", f"{NAME}_00002.jsonl", f"{NAME}.2.jsonl", "x.jsonl", f"{NAME}_0000.jsonl"]
    for name in [*strays, "notes.txt"]:
        (tmp_path / name).touch()
    (tmp_path / NAME.part(3)).mkdir()
    assert {path.name for path in list_parts(tmp_path).strays} == {*strays, NAME.part(3)}
    assert list_parts(tmp_path).parts == {}


def test_heads_are_found_by_chain(tmp_path):
    (tmp_path / f"{NAME}.head").touch()
    (tmp_path / "other.head").touch()
    assert list(list_heads(tmp_path)) == [NAME]

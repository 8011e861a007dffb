"""Sound inputs with a few changes: the neighbourhood of what is accepted, where readers disagree."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st


@st.composite
def mutated(draw: st.DrawFn, inputs: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    """One of ``inputs`` after up to four changes: a token put in, a bit flipped, a piece cut out, doubled or exchanged."""
    data = draw(st.sampled_from(inputs))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["token", "token", "token", "bit", "cut", "double", "splice"])):
            case "token":
                data = data[:at] + draw(st.sampled_from(tokens)) + data[at:]
            case "bit" if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
            case "cut":
                data = data[:at] + data[at + draw(st.integers(1, 8)) :]
            case "double":
                data = data[:at] + data[max(0, at - draw(st.integers(1, 16))) :]
            case "splice":
                other = draw(st.sampled_from(inputs))
                data = data[:at] + other[draw(st.integers(0, len(other))) :]
            case _:
                pass
    return data

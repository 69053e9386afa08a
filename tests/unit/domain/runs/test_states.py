"""States of nodes: what becomes of their messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.runs.states import MAX_LAST_WORDS, MAX_MESSAGE, NodeState, with_last_words

texts = st.integers(0, 2 * MAX_MESSAGE).flatmap(
    lambda size: st.sampled_from(("ab", "ö", "x ")).map(lambda part: (part * size)[:size])
)


@given(message=texts, words=texts)
def test_last_words_stay_whole_where_the_message_before_them_has_to_be_cut(
    message: str, words: str
) -> None:
    state = NodeState("0", "JobRun", "Failed", message=message)
    said = with_last_words(state, words).message
    if not words:
        assert said == message
    else:
        assert len(said) <= MAX_MESSAGE
        assert said.startswith(message[: MAX_MESSAGE // 5])
        assert f"; {words[: MAX_LAST_WORDS - 1]}" in said
        assert len(words) > MAX_LAST_WORDS or said.endswith(words)

from __future__ import annotations

from typing import get_args

from piufarm.protocol.messages import Hello, MasterMessage, Message, SlaveMessage
from piufarm.protocol.states import FINAL, MASTER_SPEAKS, NEXT, SLAVE_SPEAKS, Role, State, speaker


def reachable(start: State) -> set[State]:
    seen = {start}
    while new := {after for (before, _), after in NEXT.items() if before in seen} - seen:
        seen |= new
    return seen


def test_every_state_but_the_failed_one_is_reached_from_the_greeting() -> None:
    assert reachable(State.GREETING) == set(State) - {State.FAILED}


def test_every_session_can_be_ended_properly_from_every_state() -> None:
    stuck = [state for state in set(State) - FINAL if State.CLOSED not in reachable(state)]
    assert stuck == []


def test_in_every_state_exactly_one_side_speaks_or_the_session_is_over() -> None:
    assert set(State) == MASTER_SPEAKS | SLAVE_SPEAKS | FINAL
    assert len(MASTER_SPEAKS) + len(SLAVE_SPEAKS) + len(FINAL) == len(State)


def test_final_states_have_no_way_out() -> None:
    assert [before for before, _ in NEXT if before in FINAL] == []


def test_every_message_is_used_and_only_by_the_side_whose_message_it_is() -> None:
    used = {message for _, message in NEXT}
    assert used == set(get_args(Message))
    for state, message in NEXT:
        side = Role.MASTER if message in get_args(MasterMessage) else Role.SLAVE
        assert speaker(state) is side, (state, message)
    assert set(get_args(SlaveMessage)).isdisjoint(get_args(MasterMessage))


def test_every_request_leads_to_a_state_in_which_the_master_owes_a_reply() -> None:
    for (before, message), after in NEXT.items():
        if speaker(before) is Role.SLAVE and after not in FINAL and after is not State.BODY:
            assert speaker(after) is Role.MASTER, (before, message)
    assert NEXT[State.GREETING, Hello] is State.NO_SECTION

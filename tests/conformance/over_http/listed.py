"""All rules in the order in which they are shown, and those that nothing shows over HTTP, with the tests that hold them."""

from tests.conformance.over_http import rules_action_batch, rules_hub88, rules_play, rules_repeats, rules_swipe
from tests.conformance.over_http.rule import EVERYWHERE, Rule, Rules, Source

elsewhere = Rules(EVERYWHERE)
P, C, D = Source.PUBLISHED, Source.REBUILT, Source.DECIDED

elsewhere.elsewhere(
    P,
    "when the time is up and nobody knows whether the debit landed, the answer is unknown; rollback and late original put it right",
    "In process, with a store that hangs:"
    " tests/conformance/test_hub88.py::test_case_30_a_lost_answer_is_unknown_and_the_rollback_puts_it_right,"
    " tests/conformance/test_swipe.py::test_case_30_slow_store_then_refund_then_late_original,"
    " tests/conformance/test_action_batch.py::test_case_30_slow_store_then_rollback_then_late_original.",
)
elsewhere.elsewhere(
    P,
    "an answer is out within the provider's patience, whatever hangs",
    "In process, with a timer: tests/unit/handlers/test_provider_callback.py::test_an_answer_is_out_in_time_whatever_hangs."
    " Times on the emulator say nothing about AWS.",
)
elsewhere.elsewhere(
    D,
    "a round left open for 48 hours is reported, by each protocol's own word for its end",
    "In process, with a clock: tests/unit/games/test_closing.py::TestHub88::test_a_win_that_does_not_close_leaves_the_round_open,"
    " tests/unit/games/test_closing.py::TestActionBatch::test_a_round_that_was_never_finished_is_left_open,"
    " tests/unit/games/test_closing.py::test_swipe_has_no_mark_and_a_win_ends_the_round,"
    " tests/unit/handlers/test_rounds.py::TestReport::test_a_round_left_open_is_reported_counted_and_named.",
)
elsewhere.elsewhere(
    P,
    "a session ends at its instant",
    "In process, with a clock: tests/conformance/test_hub88.py::test_case_12_a_session_ends_at_its_instant.",
)
elsewhere.elsewhere(
    P,
    "a repeat after months is still a repeat",
    "In process, with a clock: tests/conformance/test_swipe.py::test_case_32_a_repeat_is_known_after_months,"
    " tests/conformance/test_action_batch.py::test_case_32_a_repeat_is_known_after_months.",
)
elsewhere.elsewhere(
    P,
    "a limit of the player's own is refused in a word of its own",
    "In process, with a clock for those of time: tests/conformance/test_swipe.py::test_case_36_limits_have_codes_of_their_own,"
    " tests/conformance/test_action_batch.py::test_case_36_a_limit_of_the_players_own_and_a_stake_out_of_range,"
    " tests/conformance/test_play_safety.py.",
)
elsewhere.elsewhere(
    D,
    "a rollback gives back what the bet had used of a limit",
    "In process: tests/conformance/test_action_batch.py::test_case_37_a_rollback_restores_the_limit.",
)
elsewhere.elsewhere(
    C,
    "the two public signatures of the action batch are ours too",
    "In process, for they are made with a secret of their own: tests/conformance/test_action_batch.py::test_vector.",
)
elsewhere.elsewhere(
    P,
    "a signature is compared in constant time",
    "Not covered by a test: a shared secret's signature is compared with hmac.compare_digest, Hub88's needs no secret to verify.",
)
elsewhere.elsewhere(
    P,
    "a question may be answered with a new session token (Hub88)",
    "Not covered: the house never does so; a token lives as long as its session.",
)

RULES: tuple[Rule, ...] = (
    *rules_repeats.everywhere.listed,
    *rules_play.everywhere.listed,
    *rules_hub88.rule.listed,
    *rules_swipe.rule.listed,
    *rules_action_batch.rule.listed,
    *elsewhere.listed,
)
"""Every rule. Protocols that the house does not speak (Evolution's and others) have no rows."""

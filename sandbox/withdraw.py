"""Withdrawals in a crowd, at gateways that misbehave: `python -m sandbox.withdraw --withdrawals 200 --chaos 0.2 --seed 7`.

Players register, are verified and pay in; then they all ask for their money at once, staff approve, and the gateways lose orders
and answers, call back late, twice, and contradict themselves. In the end each withdrawal must have ended as its amount says, or be
with people; the sums of players, house and gateways must agree; and the audit must find nothing.
"""

import argparse
import sys
from pathlib import Path

from sandbox import aws
from sandbox.audit import AuditError
from sandbox.loopback import NotLoopbackError
from sandbox.mailbox import MailboxError
from sandbox.payouts import lives, play
from sandbox.player import RefusedError
from sandbox.provider.guest import NoSeatError
from sandbox.reckoning import new_seed
from sandbox.stack import Stack, StackFileError, default_path
from sandbox.staff import StaffError
from sandbox.wire import NoAnswerError

ERRORS = (
    StackFileError,
    NotLoopbackError,
    NoAnswerError,
    NoSeatError,
    RefusedError,
    MailboxError,
    StaffError,
    AuditError,
    *aws.ERRORS,
)


def main(arguments: list[str]) -> int:
    """Carry out a run. 0: as it must be; 1: not; 2: wrong usage."""
    description = f"{__doc__}\n\n{lives.table()}"
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.withdraw", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stack", type=Path, default=default_path(), help="stack.json of the running sandbox")
    parser.add_argument("--withdrawals", type=int, default=20)
    parser.add_argument("--chaos", type=float, default=0.2, help="the chance of each trouble, 0 to 1")
    parser.add_argument("--burst", type=int, default=20, help=f"requests side by side, {play.BURST_MAX} at most")
    parser.add_argument("--seed", type=int, default=None, help="draws the same withdrawals and trouble again")
    options = parser.parse_args(arguments)
    if not 1 <= options.withdrawals <= play.WITHDRAWALS_MAX or not 1 <= options.burst <= play.BURST_MAX:
        parser.error(f"--withdrawals is 1 to {play.WITHDRAWALS_MAX}, --burst 1 to {play.BURST_MAX}")
    if not 0 <= options.chaos <= 1:
        parser.error("--chaos is a chance, 0 to 1")
    seed = new_seed() if options.seed is None else options.seed
    plan = play.Plan(options.withdrawals, options.chaos, options.burst, seed)
    print(f"withdraw: {plan.withdrawals} withdrawals, chaos {plan.chaos:g}, burst {plan.burst}, seed {plan.seed}", flush=True)
    try:
        result = play.run(Stack.read(options.stack), plan, lambda line: print(line, flush=True))
    except ERRORS as error:
        print(f"withdraw: {error}", file=sys.stderr)
        return 1
    print(play.told(result))
    return 0 if result.right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`labelcurve doctor`: whether a study's results are whole, and mending them where they are not."""

import argparse
from typing import Any

DONE, NEEDS_A_HAND = 0, 5


def add_to(commands: Any) -> None:
    doctor = commands.add_parser("doctor", help="verify every file of a study's results, and name what is wrong")
    doctor.add_argument("results", metavar="RESULTS", help="a study's folder under the results, or its URL")
    doctor.add_argument(
        "--set-aside",
        action="store_true",
        help="move what cannot be used to the folder `damaged`; `labelcurve run` then computes what was lost",
    )
    doctor.set_defaults(do=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from study.console import printed
    from study.ledger import find_root
    from study.maintenance.doctor import examine, mend

    root = find_root(options.results)
    with printed():
        found = mend(root) if options.set_aside else examine(root)
    for each in found:
        print(f"{each.kind:<9}  {each.path}: {each.detail}")
    if not any(each.needs_a_hand for each in found):
        print(f"{root}: every file is what was written")
        return DONE
    if not options.set_aside:
        print(f"{root}: something needs a hand; `labelcurve doctor {root} --set-aside` moves it out of the way")
        return NEEDS_A_HAND
    left = [each for each in examine(root) if each.needs_a_hand]
    print(f"{root}: set aside in {root}/damaged; the same `labelcurve run` computes what was lost")
    return NEEDS_A_HAND if left else DONE

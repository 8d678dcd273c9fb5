"""References from one part of a study file to another, and the names that the code itself defines."""

from collections.abc import Callable, Sequence

from study.config import Study, search_space
from study.config.claims import ClaimConfig, GoalConfig
from study.suggestions import did_you_mean
from study.vocabulary import METRIC_NAMES, SMALLER_IS_BETTER
from trainables import adaptations

Refuse = Callable[[tuple, str], None]
"""Called with a key path and what is wrong there; raises."""


def check_references(study: Study, refuse: Refuse) -> None:
    """References from one part of the file to another, and the names that the code itself defines."""

    known = ["scratch", *study.pretraining.methods, *study.weights]
    if len(set(known)) < len(known):
        refuse(("weights",), "a weights file is named like `scratch` or a method; give it another name")
    for i, name in enumerate(study.initialisations or []):
        if name not in known:
            refuse(("initialisations", i), f"unknown initialisation {name!r}{did_you_mean(name, known)}")
    for i, name in enumerate(study.corpus.task_images):
        if name not in study.tasks:
            refuse(("corpus", "task_images", i), f"unknown task {name!r}{did_you_mean(name, study.tasks)}")
        if study.tasks[name].outer_folds:
            refuse(("corpus", "task_images", i), f"every patient of `{name}` is tested in one of its outer folds")
    for name in study.pretraining.methods:
        _check_start(study, name, known, refuse)
    has_corpus = study.corpus.dicom or study.corpus.phantom or study.corpus.task_images
    if study.pretraining.methods and not has_corpus:
        refuse(
            ("pretraining", "methods"), "pre-training needs a corpus; give `corpus` one of dicom, phantom, task_images"
        )
    if study.window[0] >= study.window[1]:
        refuse(("window",), "give [low, high] in Hounsfield units with low < high")
    check_claims(study, study.goals, study.claims, refuse)
    for name, adaptation in study.adaptations.items():
        at = ("adaptations", name)
        if name not in adaptations.names():
            refuse(at, f"unknown adaptation{did_you_mean(name, adaptations.names())}")
        try:
            adaptations.get(name).resolve(adaptation.settings)
        except ValueError as error:
            refuse((*at, "settings"), str(error))
        if adaptations.get(name).on_features and adaptation.length != ["epochs"]:
            refuse((*at, "length"), f"`{name}` is fitted until it no longer changes and has no length")
        for setting, dimension in (adaptation.space or {}).items():
            for value in dimension.choices or (dimension.low, dimension.high):
                try:
                    adaptations.get(name).resolve({setting: value})
                except ValueError as error:
                    refuse((*at, "space", setting), str(error))
        try:
            search_space.order(adaptation.plain_space() or {})
        except ValueError as error:
            refuse((*at, "space"), str(error))
        for package in search_space.lacking(adaptation.search.sampler):
            refuse((*at, "search", "sampler"), f"{adaptation.search.sampler} needs a package: pip install {package}")


def check_claims(study: Study, goals: Sequence[GoalConfig], claims: Sequence[ClaimConfig], refuse: Refuse) -> None:
    """What goals and claims name is part of the study, and a goal points where its metric gets better."""
    for i, goal in enumerate(goals):
        _check_scored(study, ("goals", i), goal, refuse)
        direction = "at_most" if goal.metric in SMALLER_IS_BETTER else "at_least"
        if getattr(goal, direction) is None:
            given = "at_least" if direction == "at_most" else "at_most"
            refuse(("goals", i, given), f"{goal.metric} gets better the other way; give `{direction}`")
    for i, claim in enumerate(claims):
        at = ("claims", i)
        other = "against" if claim.not_worse_than is None else "not_worse_than"
        for key, name in (("initialisation", claim.initialisation), (other, claim.other)):
            if name not in study.compared():
                refuse((*at, key), f"unknown initialisation {name!r}{did_you_mean(name, study.compared())}")
        if claim.initialisation == claim.other:
            refuse((*at, other), "a claim compares two initialisations, but this is the same one")
        _check_scored(study, at, claim, refuse)
        if claim.adaptation is not None and claim.adaptation not in study.adaptations:
            unknown = f"unknown adaptation {claim.adaptation!r}{did_you_mean(claim.adaptation, study.adaptations)}"
            refuse((*at, "adaptation"), unknown)


def _check_scored(study: Study, at: tuple, asked: GoalConfig | ClaimConfig, refuse: Refuse) -> None:
    if asked.metric not in METRIC_NAMES:
        refuse((*at, "metric"), f"unknown metric {asked.metric!r}{did_you_mean(asked.metric, METRIC_NAMES)}")
    if asked.task is not None and asked.task not in study.tasks:
        refuse((*at, "task"), f"unknown task {asked.task!r}{did_you_mean(asked.task, study.tasks)}")


def _check_start(study: Study, name: str, known: list[str], refuse: Refuse) -> None:
    """What an entry goes on from is there, and is not the entry itself by any way round."""
    at, seen, entry = ("pretraining", "methods", name, "start"), [name], study.pretraining.methods[name]
    while entry.start not in ("scratch", *study.weights):
        if entry.start not in known:
            refuse(at, f"unknown initialisation {entry.start!r}{did_you_mean(entry.start, known)}")
        seen.append(entry.start)
        if entry.start in seen[:-1]:
            refuse(at, f"the entries go on from each other in a circle ({' <- '.join(seen)})")
        entry = study.pretraining.methods[entry.start]

"""References from one part of a study file to another, and the names that the code itself defines."""

from collections.abc import Callable

from study.config import Study, search_space
from study.suggestions import did_you_mean
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
    if study.claims:
        _check_claims(study, refuse)
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


def _check_claims(study: Study, refuse: Refuse) -> None:
    """A claim compares two methods, whose encoders pair by their seeds; scratch and files have one encoder each."""
    from trainables.scoring.metrics import METRICS  # takes a second to import, and few studies make claims

    paired = [name for name in study.compared() if name in study.pretraining.methods]
    for i, claim in enumerate(study.claims):
        for key, name in (("initialisation", claim.initialisation), ("not_worse_than", claim.not_worse_than)):
            if name in study.compared() and name not in paired:
                refuse(("claims", i, key), f"`{name}` has no pre-training runs to pair; name a pre-training method")
            if name not in paired:
                refuse(("claims", i, key), f"unknown initialisation {name!r}{did_you_mean(name, paired)}")
        if claim.initialisation == claim.not_worse_than:
            refuse(("claims", i, "not_worse_than"), "a claim compares two initialisations, but this is the same one")
        if claim.metric not in METRICS:
            refuse(("claims", i, "metric"), f"unknown metric {claim.metric!r}{did_you_mean(claim.metric, METRICS)}")
        if claim.adaptation is not None and claim.adaptation not in study.adaptations:
            unknown = f"unknown adaptation {claim.adaptation!r}{did_you_mean(claim.adaptation, study.adaptations)}"
            refuse(("claims", i, "adaptation"), unknown)


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

"""A study's methods as sentences for a paper, each made of what the resolved study and the ledger say, or of what holds
of every study; empty where neither knows. Checklists take the same sentences by name."""

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from analysis.report.results import Results
from analysis.statistics.families import POWER
from analysis.statistics.intervals import LEVEL
from analysis.statistics.label_efficiency import labels_paid
from analysis.statistics.point import ENCODERS_FOR_A_METHOD, LARGEST_SHARE
from analysis.statistics.pretraining_gain import runs
from analysis.tables import compared, missing, openings
from analysis.words import adapted, metric_words
from study.vocabulary import COMPLETED, FAILED, INITIALISATION, REPORTED, SIZE_FACTORS, TASK

Sentence = Callable[[Results], str]
SAMPLERS = {"tpe": "a tree-structured Parzen estimator", "random": "random search", "gp": "a Gaussian process",
            "cmaes": "CMA-ES"}  # fmt: skip
VALIDATION = {
    "paid": "validation images are part of the label budget",
    "full": "the whole validation set is used beside the label budget",
    "cv": "settings are judged by cross-validation inside the subset",
}


def corpus(results: Results) -> str:
    asked = results.spec.get("corpus") or {}
    dicom, phantom, tasks = (asked.get(key) for key in ("dicom", "phantom", "task_images"))
    parts = [f"the DICOM series of {len(dicom)} folder{_s(dicom)}"] if dicom else []
    if phantom:
        parts.append(f"synthetic CT of {phantom.get('patients')} patients with {phantom.get('slices')} slices each")
    parts += [f"the training images of {listed(tasks)}"] if tasks else []
    return f"The unlabelled corpus consists of {listed(parts)}." if parts else ""


def preprocessing(results: Results) -> str:
    size, window = results.spec.get("image_size"), results.spec.get("window")
    side = f"Images were brought to a side of {size} pixels with one grey channel" if size else ""
    grey = f"Hounsfield units from {window[0]:g} to {window[1]:g} span the grey scale" if window else ""
    return f"{'; '.join(filter(None, (side, grey)))}." if side or grey else ""


def test_sets(results: Results) -> str:
    """Counted in the predictions of one final run a test set and fold."""
    finals = compared(results.tables.finals).finals.select("key", TASK, "fold")
    rows = results.tables.predictions.filter(pl.col("split") == "test", pl.col("corruption").is_null())
    rows = rows.join(finals, on="key").filter(pl.col("key") == pl.col("key").min().over(TASK, "test_set", "fold"))
    said = []
    for (task, name), own in rows.group_by([TASK, "test_set"], maintain_order=True):
        images, patients = own["sample"].n_unique(), own["patient"].drop_nulls().n_unique()
        of = f" of {patients} patients" if patients else ", whose patients are not named"
        said.append(f"the test set '{name}' of {task} holds {images} images{of}{_classes(own)}")
    return f"{_start('; '.join(sorted(said)))}." if said else ""


def _classes(own: pl.DataFrame) -> str:
    labels = own.unique("sample")["labels"]
    if labels.list.len().max() != 1:
        return ""
    counts = labels.list.first().value_counts(name="n").sort("labels").rows()
    return f" ({', '.join(f'class {label}: {n}' for label, n in counts)})"


def partitions(results: Results) -> str:
    tasks = results.spec.get("tasks") or {}
    if not _own(results):
        return ""
    folds = [name for name, task in tasks.items() if isinstance(task, Mapping) and task.get("outer_folds")]
    tested = f" In {listed(folds)} every patient is tested once, in outer folds." if folds else ""
    return (
        "The split of each task into training, validation and test patients was frozen before any run; test labels are "
        f"read by final runs alone.{tested}"
    )


def disjoint(results: Results) -> str:
    if not _own(results):
        return ""
    return (
        "Partitions are disjoint by patient; an image without a named patient counts as a patient of its own. A corpus "
        "that holds a task's images holds none of its validation or test patients."
    )


def external(results: Results) -> str:
    found = sorted(set(results.tables.scores["test_set"].drop_nulls()) - {"test"})
    return f"Models were tested on other patients too: {listed(found)}." if found else ""


def deidentification(results: Results) -> str:
    return "Results hold content digests and keyed pseudonyms; no name, birth date or patient identifier leaves ingest."


def initialisations(results: Results) -> str:
    names = results.everything[INITIALISATION].unique(maintain_order=True).to_list()
    backbone = results.spec.get("backbone")
    network = f" of the network {backbone} (timm)" if backbone else ""
    return f"The initialisations{network} that are compared are {listed(names)}." if names else ""


def pretraining(results: Results) -> str:
    asked = results.spec.get("pretraining") or {}
    entries = asked.get("methods") or {}
    if not entries:
        return ""
    said = [
        f"{name} by {entry.get('method', name)}, from {entry.get('start', 'scratch')}"
        for name, entry in entries.items()
    ]
    budget = {
        "images": f"{asked.get('images', 0):,} source images",
        "device_seconds": f"{asked.get('device_seconds', 0):g} device seconds",
        "published": "the length of its method's own publication",
    }[asked.get("budget", "images")]
    own = [name for name, entry in entries.items() if entry.keys() & {"budget", "images", "device_seconds"}]
    but = f" ({listed(own)}: as set for it)" if own else ""
    seeds = asked.get("seeds", 1)
    return (
        f"Encoders were pre-trained without labels: {'; '.join(said)}. Each run spends {budget}{but} in batches of "
        f"{asked.get('batch')}, with {seeds} encoder{'' if seeds == 1 else 's'} a method."
    )


def pretraining_runs(results: Results) -> str:
    rows = results.tables.pretraining
    if rows.is_empty():
        return ""
    last = [(init, run.row(-1, named=True)) for (init, _), run in runs(rows).items()]
    warned = sorted({init for init, row in last if row["warning"]})
    signs = f" Runs of {listed(warned)} ended with a sign of collapse." if warned else ""
    return f"The ledger holds {len(last)} pre-training run{_s(last)}.{signs}"


def subsets(results: Results) -> str:
    draws = _asked(results, "draws")
    if not draws:
        return ""
    return (
        f"For each of {listed(draws)} draws the training patients were put into a random order; a label subset is the "
        "beginning of that order in whole patients, so that smaller subsets lie inside larger ones and every "
        "initialisation is given the same ones."
    )


def sizes(results: Results) -> str:
    """As they were realised."""
    finals = compared(results.tables.finals).finals
    if finals.is_empty():
        return ""
    paid = finals.with_columns(paid=labels_paid(finals)).group_by(TASK, *SIZE_FACTORS)
    medians = paid.agg(pl.median("paid"), pl.median("n_patients")).sort(TASK, "paid")
    said = []
    for (task,), own in medians.group_by([TASK], maintain_order=True):
        counts = own.select("paid", "n_patients").unique().sort("paid").iter_rows()
        said.append(f"{task}: {', '.join(f'{images:.0f} ({patients:.0f})' for images, patients in counts)}")
    return f"Images of a label subset, paid validation included, with patients in brackets: {'; '.join(said)}."


def adaptation(results: Results) -> str:
    said = []
    for name, each in _adaptations(results).items():
        lengths = f", {each['epochs']} epochs" if each.get("epochs") and name != "linear" else ""
        paid = listed([VALIDATION[level] for level in each.get("validation", []) if level in VALIDATION])
        said.append(f"{adapted(name)}{lengths}{f' ({paid})' if paid else ''}")
    return f"Encoders were put to a task by {'; '.join(said)}." if said else ""


def search(results: Results) -> str:
    said = []
    for name, each in _adaptations(results).items():
        asked, prune = each.get("search") or {}, (each.get("pruning") or {}).get("enabled")
        sampler = SAMPLERS.get(str(asked.get("sampler")), asked.get("sampler"))
        if each.get("trials") and sampler:
            pruned = ", hopeless ones ended early" if prune else ""
            said.append(f"{each['trials']} trials a cell for {adapted(name)}, by {sampler}{pruned}")
    return f"Hyperparameters were searched in every cell by itself: {'; '.join(said)}." if said else ""


def selection(results: Results) -> str:
    asked = results.spec.get("selection") or {}
    if not asked:
        return ""
    few = {
        "defaults": "default settings without a search",
        "cv": "a search judged by cross-validation inside the subset",
    }
    return (
        f"The trial with the best validation {metric_words(asked.get('objective', 'auc'))} was chosen; trials have no "
        f"access to test labels. With fewer than {asked.get('min_val_patients')} validation patients of a class a cell "
        f"ran with {few.get(asked.get('otherwise', 'defaults'), 'default settings')}."
    )


def final_runs(results: Results) -> str:
    counts, seed = _asked(results, "finals"), results.spec.get("seed")
    if not counts:
        return ""
    seeds = f"{listed(counts)} fresh seed{'' if counts == [1] else 's'}"
    base = f" All seeds are derived from the study's, {seed}." if seed is not None else ""
    return (
        f"The chosen setting was trained again with {seeds}, the same for every initialisation, and scored on the test "
        f"sets.{base}"
    )


def metrics(results: Results) -> str:
    scores = results.tables.scores
    if scores.is_empty():
        return ""
    told = [metric.words for metric in REPORTED if metric.name in set(scores["metric"])]
    how = (results.spec.get("scoring") or {}).get("patient", "mean")
    of = {"mean": "the mean of its images' probabilities", "max": "the largest of its images' probabilities"}
    patient = f" A patient's score is {of.get(how, how)}." if "patient" in set(scores["unit"]) else ""
    return f"Scores are told by {listed(told)}, per {listed(sorted(set(scores['unit'])))}.{patient}"


def thresholds(results: Results) -> str:
    specificity = (results.spec.get("scoring") or {}).get("specificity")
    if specificity is None:
        return ""
    return f"Sensitivity is told at the threshold that has a specificity of {specificity:.0%} on validation images."


def uncertainty(results: Results) -> str:
    return (
        f"Intervals are of {LEVEL:.0%}. Scores were averaged over final seeds within a draw and then over draws; seeds "
        "were never counted as draws. The covariance of all means joins the variance between draws with that over test "
        "patients, images of one patient counted together, after Obuchowski and Rockette (1995) with draws in the "
        f"place of readers, and, from {ENCODERS_FOR_A_METHOD} encoders a method on, with that between pre-training "
        "runs; degrees of freedom are Satterthwaite's. Draws of one pool overlap, which is allowed for after Nadeau "
        f"and Bengio (2003) up to {LARGEST_SHARE:.0%} of the pool. Intervals of proportions are made on the logit "
        "scale."
    )


def comparisons(results: Results) -> str:
    return (
        "Initialisations were compared on the same draws and test patients. All pairs, sizes and settings of a task "
        "are one family, judged by the largest statistic from their joint distribution (Hothorn, Bretz and Westfall "
        f"2008); a difference that the design 'could show' is one it separates with a power of {POWER:.0%}."
    )


def labels_needed(results: Results) -> str:
    return (
        "Numbers of labels are sets found by inverting a test along the curve between the sizes that were tried, "
        "straight on the logarithm of the labels (Fieller 1954); a set is open where the data cannot tell."
    )


def claims(results: Results) -> str:
    return f"{len(results.claims)} claims of the study file were examined." if results.claims else ""


def exclusions(results: Results) -> str:
    """What ended without a score."""
    absent, finals = len(missing(results.tables.finals, results.planned)), results.tables.finals
    failed = finals.filter(pl.col("status").is_in(FAILED))
    said = [f"{absent} of {len(results.planned)} planned cells have no final run"] if absent else []
    said += [f"{len(failed)} of {len(finals)} final runs failed"] if len(failed) else []
    if not said and results.planned:
        return f"All {len(results.planned)} planned cells have final runs."
    return f"{_start('; '.join(said))}." if said else ""


def opened(results: Results) -> str:
    rows = openings(results.tables.finals, results.tables.scores).iter_rows(named=True)
    said = [f"that of {row['task']} ('{row['test_set']}') by {row['opened']} final runs" for row in rows]
    return f"Test sets were opened: {'; '.join(said)}." if said else ""


def software(results: Results) -> str:
    done = results.tables.finals.filter(pl.col("status") == COMPLETED)
    if done.is_empty():
        return ""
    version, commit, python, torch, device = (
        listed(done[name].drop_nulls().unique().sort().to_list()) for name in
        ("version", "commit", "python", "torch", "device")
    )  # fmt: skip
    at = f" (commit {commit})" if commit else ""
    return f"Labelcurve {version}{at}, Python {python} and PyTorch {torch} were used, on {device}."


def models(results: Results) -> str:
    return "Encoder weights, and how they were made, lie in encoders/ beside this page." if _own(results) else ""


def listed(values: Any) -> str:
    """1, 2 and 3."""
    words = [str(value) for value in values or []]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _adaptations(results: Results) -> dict[str, Mapping[str, Any]]:
    return dict(results.spec.get("adaptations") or {})


def _own(results: Results) -> bool:
    """Whether the study was planned and run here, and not imported."""
    return bool(_adaptations(results))


def _asked(results: Results, key: str) -> list[int]:
    """What the adaptations say of something they count."""
    return sorted({int(each[key]) for each in _adaptations(results).values() if each.get(key) is not None})


def _s(values: Any) -> str:
    return "" if len(values) == 1 else "s"


def _start(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


PARAGRAPHS: dict[str, tuple[Sentence, ...]] = {
    "Data": (corpus, preprocessing, test_sets, external, partitions, disjoint, deidentification),
    "Pre-training": (initialisations, pretraining, pretraining_runs),
    "Label subsets": (subsets, sizes),
    "Training and search": (adaptation, search, selection, final_runs),
    "Metrics": (metrics, thresholds),
    "Statistics": (uncertainty, comparisons, labels_needed, claims),
    "Completeness": (exclusions, opened),
    "Software": (software,),
}
"""By heading, in the order of the text."""

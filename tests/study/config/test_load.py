"""Every mistake in a study file is refused in one line that names its place and the nearest valid name."""

from pathlib import Path

import pytest

from study.config import search_space
from study.config.load import read_study
from study.errors import InputRefused
from study.ingest import check_sources

GOOD = """\
name: mine
corpus: {dicom: [scans]}
tasks:
  lung: {images: lung, labels: lung/labels.csv}
pretraining:
  methods:
    spark: {}
adaptations:
  linear:
    sizes: {share: [0.5, 1.0]}
"""


@pytest.fixture
def study_file(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "study.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_defaults_are_filled_in_and_paths_start_at_the_file(study_file, tmp_path):
    study = read_study(study_file(GOOD))
    assert study.compared() == ["scratch", "spark"]
    assert study.tasks["lung"].images == tmp_path / "lung"
    assert study.pretraining.methods["spark"].settings["mask_ratio"] == 0.6


def test_data_moves_where_paths_start(study_file, tmp_path):
    study = read_study(study_file(GOOD), [f"data={tmp_path / 'elsewhere'}"])
    assert study.corpus.dicom == [tmp_path / "elsewhere" / "scans"]


def test_set_reaches_nested_settings(study_file):
    study = read_study(study_file(GOOD), ["adaptations.linear.draws=7", "pretraining.images=100"])
    assert (study.adaptations["linear"].draws, study.pretraining.images) == (7, 100)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    sizes:", "    size:", r"line 10.*adaptations\.linear\.size.*did you mean 'sizes'"),
        ("name: mine", "nmae: mine", r"did you mean 'name'"),
        ("[0.5, 1.0]", "[0, 1.0]", r"line 10.*share\.0.*greater than 0"),
        ("[0.5, 1.0]", "[0.5, 1.5]", r"less than or equal to 1"),
        ("[0.5, 1.0]", "half", r"list.*not 'half'"),
        ("    spark: {}", "    sparkk: {}", r"line 6: pretraining\.methods: unknown method 'sparkk'.*'spark'"),
        ("    spark: {}", "    spark: {mask_ration: 0.5}", r"mask_ration.*mask_ratio"),
        ("  linear:", "  liner:", r"line 9.*did you mean 'linear'"),
        ("name: mine", "name: mine\nname: yours", r"line 2: `name` stands here twice"),
        ("name: mine", "name: [", r"not readable as YAML"),
        (
            "{images: lung, labels: lung/labels.csv}",
            "{images: lung}",
            r"`labels`, or `npz`, or `phantom`",
        ),
        ("corpus: {dicom: [scans]}", "corpus: {task_images: [lnug]}", r"unknown task 'lnug'; did you mean 'lung'"),
        ("corpus: {dicom: [scans]}", "", r"pre-training needs a corpus"),
        ("name: mine", "name: mine\ninitialisations: [sprak]", r"unknown initialisation 'sprak'; did you mean 'spark'"),
        ("    sizes:", "    settings: {learning_rate: 1}\n    sizes:", r"learning_rate"),
        ("    sizes:", "    space: {weight_decay: {low: 2, high: 1}}\n    sizes:", r"low < high"),
        ("    sizes:", "    draws: 0\n    sizes:", r"draws.*greater than 0"),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(study_file, old, new, expected):
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    with pytest.raises(InputRefused, match=expected) as refused:
        read_study(study_file(text))
    assert "\n" not in str(refused.value) and "study.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("name: mine", "name: mine\nwindow: [-.inf, 500]", r"line 2: window\.0"),
        ("    spark: {}", "    spark: {mask_ratio: .nan}", r"line 7: pretraining\.methods\.spark\.mask_ratio"),
        ("    spark: {}", "    spark: {mask_ratio: 1e999}", r"line 6: pretraining.*mask_ratio"),
        ("    spark: {}", "    spark: {view: {rotation: '.inf'}}", r"line 6: pretraining.*"),
        ("    sizes:", "    settings: {weight_decay: .inf}\n    sizes:", r"line 10: adaptations\.linear\.settings"),
        ("    sizes:", "    space: {weight_decay: {low: 1, high: .inf}}\n    sizes:", r"line 10: adaptations.*high"),
        ("    sizes:", "    space: {weight_decay: {low: 1, high: 1e999}}\n    sizes:", r"line 10: adaptations.*high"),
        ("    sizes:", "    space: {weight_decay: {choices: [1, .nan]}}\n    sizes:", r"line 10: adaptations.*1"),
    ],
)
def test_every_number_of_a_study_is_finite(study_file, old, new, place):
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    with pytest.raises(InputRefused, match=place) as refused:
        read_study(study_file(text))
    assert "\n" not in str(refused.value) and "study.yaml" in str(refused.value)


@pytest.mark.parametrize("value", ["window=[.nan, 1]", "pretraining.methods={spark: {mask_ratio: .inf}}"])
def test_every_number_that_is_set_is_finite(study_file, value):
    with pytest.raises(InputRefused, match=r"--set .*: (nan|inf) is not a finite number"):
        read_study(study_file(GOOD), [value])


def test_a_misspelt_preset_names_the_nearest():
    with pytest.raises(InputRefused, match="did you mean 'quickstart'"):
        read_study("quikstart")


@pytest.mark.parametrize("preset", sorted(p.stem for p in Path("study/presets").glob("*.yaml")))
def test_every_preset_reads(preset):
    assert read_study(preset).name == preset


def test_a_method_can_stand_twice_with_other_settings_and_another_start():
    methods = "{wide: {method: spark, decoder_width: 64, batch: 8}, further: {method: moco_v2, start: wide}}"
    study = read_study("quickstart", [f"pretraining.methods={methods}"])
    wide, further = (study.pretraining.methods[name] for name in ("wide", "further"))
    assert (wide.method, wide.settings["decoder_width"], wide.settings["mask_ratio"]) == ("spark", 64, 0.6)
    assert study.pretraining.batch_of("wide") == 8 and study.pretraining.batch_of("further") == 16
    assert further.start == "wide" and study.compared() == ["scratch", "wide", "further"]
    again = type(study).model_validate(study.model_dump(mode="json"))
    assert again == study, "what is kept of a study must read as the same study"


@pytest.mark.parametrize(
    "methods, line",
    [
        ("{spark: {start: imagenot}}", "pretraining.methods.spark.start: unknown initialisation 'imagenot'"),
        ("{a: {method: spark, start: b}, b: {method: spark, start: a}}", "a <- b <- a"),
        ("{mine: {}}", "unknown method 'mine'"),
        ("{mine: {method: spark, mask_ration: 1}}", "pretraining.methods.mine.mask_ration: unknown setting"),
        ("{spark: {view: {rotaton: 3}}}", "pretraining.methods.spark.view.rotaton: .*'rotation'"),
        ("{spark: {budget: hours}}", "budget"),
        ("{spark: 3}", "must be a mapping of settings"),
    ],
)
def test_an_entry_that_cannot_work_is_refused_by_its_name(methods, line):
    with pytest.raises(InputRefused, match=line):
        read_study("quickstart", [f"pretraining.methods={methods}"])


def test_each_entry_may_have_its_own_budget():
    methods = "{spark: {}, timed: {method: spark, budget: device_seconds}, whole: {method: spark, budget: published}}"
    study = read_study("quickstart", [f"pretraining.methods={methods}", "pretraining.device_seconds=90"])
    budgets = [study.pretraining.budget_of(name) for name in study.pretraining.methods]
    assert budgets == [{"images": 4800}, {"device_seconds": 90}, {"epochs": 1600}]


def test_a_path_of_an_archive_starts_where_the_others_do(study_file, tmp_path):
    study = read_study(study_file(GOOD.replace("{images: lung, labels: lung/labels.csv}", "{npz: organ.npz}")))
    assert study.tasks["lung"].npz == tmp_path / "organ.npz"
    (tmp_path / "scans").mkdir()
    with pytest.raises(InputRefused, match=r"tasks\.lung\.npz: there is no file .*organ\.npz"):
        check_sources(study)


CLAIMED = "pretraining.methods={a: {method: spark}, b: {method: spark}}"


def test_a_claim_names_two_methods_a_margin_and_where_it_wants_a_metric_and_an_adaptation():
    claims = "claims=[{initialisation: a, not_worse_than: b, margin: 0.02}]"
    (claim,) = read_study("quickstart", [CLAIMED, claims]).claims
    assert (claim.metric, claim.adaptation, claim.margin) == ("auc", None, 0.02)


@pytest.mark.parametrize(
    "claim, line",
    [
        ("{initialisation: aa, not_worse_than: b, margin: 1}", "claims.0.initialisation: unknown.*did you mean 'a'"),
        ("{initialisation: a, not_worse_than: sparc, margin: 1}", "claims.0.not_worse_than: unknown initialisation"),
        ("{initialisation: a, not_worse_than: a, margin: 1}", "claims.0.not_worse_than: .*is the same one"),
        ("{initialisation: a, not_worse_than: b, margin: 0}", "claims.0: margin: .*needs one, in units of auc"),
        ("{initialisation: a, not_worse_than: b}", "claims.0: margin: .*needs one"),
        ("{initialisation: a, against: b, not_worse_than: b, margin: 1}", "claims.0: .*the other initialisation once"),
        ("{initialisation: a, margin: 1}", "claims.0: .*the other initialisation once"),
        ("{form: saves_label, initialisation: a, against: b}", "claims.0.form: .*saves_labels"),
        ("{form: saves_labels, initialisation: a, against: b}", "claims.0: labels: .*needs a number of labels"),
        ("{form: more_robust, initialisation: a, against: b, labels: 9, against_labels: 9}", "claims.0: against_l"),
        ("{form: difference, initialisation: a, against: b, task: findin}", "claims.0.task: .*did you mean 'finding'"),
        ("{form: difference, initialisation: a, against: b, unit: scan}", "claims.0.unit: .*'image' or 'patient'"),
        ("{initialisation: a, not_worse_then: b, margin: 1}", "did you mean 'not_worse_than'"),
        ("{initialisation: a, not_worse_than: b, margin: 1, metric: acu}", "claims.0.metric: .*did you mean 'auc'"),
        ("{initialisation: a, not_worse_than: b, margin: 1, adaptation: ful}", "claims.0.adaptation: .*'full'"),
    ],
)
def test_a_claim_that_cannot_be_examined_is_refused_by_its_place(claim, line):
    with pytest.raises(InputRefused, match=line):
        read_study("quickstart", [CLAIMED, f"claims=[{claim}]"])


def test_a_claim_of_today_loads_as_the_form_it_was():
    claims = "claims=[{initialisation: a, not_worse_than: b, margin: 0.02}]"
    (claim,) = read_study("quickstart", [CLAIMED, claims]).claims
    assert (claim.form, claim.other, claim.labels) == ("non_inferior", "b", None)


@pytest.mark.parametrize(
    "goal, line",
    [
        ("{metric: auc}", "goals.0: a goal is one of"),
        ("{metric: auc, at_least: 0.8, at_most: 0.9}", "goals.0: a goal is one of"),
        ("{metric: auc, at_most: 0.8}", "goals.0.at_most: auc gets better the other way; give `at_least`"),
        ("{metric: brier, at_least: 0.8}", "goals.0.at_least: .*give `at_most`"),
        ("{metric: acu, at_least: 0.8}", "goals.0.metric: .*did you mean 'auc'"),
        ("{task: fnding, at_least: 0.8}", "goals.0.task: .*did you mean 'finding'"),
    ],
)
def test_a_goal_that_cannot_be_asked_is_refused_by_its_place(goal, line):
    with pytest.raises(InputRefused, match=line):
        read_study("quickstart", [CLAIMED, f"goals=[{goal}]"])


FULL = GOOD.replace("  linear:\n", "  full:\n    search: {sampler: cmaes, generation: 2}\n    space: SPACE\n")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("{lr: {low: 1e-4, high: 1e-2, when: {dropout: [0]}}}", "lr.when: dropout is no dimension of the space"),
        (
            "{lr: {low: 1.0e-4, high: 1.0e-2, when: {batch: [7]}}, batch: {choices: [8, 16]}}",
            "lr.when: batch can never be 7",
        ),
        (
            "{batch: {choices: [8], when: {release_epoch: [0]}}, release_epoch: {choices: [0], when: {batch: [8]}}}",
            "exist each only beside another",
        ),
    ],
)
def test_condition_that_cannot_be_met_is_refused(study_file, space, message):
    with pytest.raises(InputRefused, match=message):
        read_study(study_file(FULL.replace("SPACE", space)))


def test_sampler_without_its_package_is_refused(study_file, monkeypatch):
    text = FULL.replace("SPACE", "{lr: {low: 1.0e-4, high: 1.0e-2}}")
    assert read_study(study_file(text)).adaptations["full"].search.sampler == "cmaes"
    monkeypatch.setitem(search_space.SAMPLERS, "cmaes", ("no_such_package",))
    with pytest.raises(InputRefused, match="cmaes needs a package: pip install no_such_package"):
        read_study(study_file(text))

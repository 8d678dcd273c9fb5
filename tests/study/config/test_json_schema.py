"""What an editor accepts by the schema is what the command reads, and what it refuses the editor marks."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from study.cli import main
from study.config.compatibility import plain
from study.config.json_schema import schema
from study.config.load import check, read_study
from study.errors import InputRefused
from trainables import adaptations, methods

ROOT = Path(__file__).parents[3]
FILES = [*ROOT.glob("examples/*.yaml"), *ROOT.glob("study/presets/*.yaml")]
STUDY = {
    "name": "mine",
    "corpus": {"phantom": {}},
    "tasks": {"lung": {"phantom": {}}},
    "adaptations": {"full": {"sizes": {"share": [1.0]}}},
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def with_methods(entries: dict) -> dict:
    return STUDY | {"pretraining": {"methods": entries}}


def with_full(**changes) -> dict:
    return STUDY | {"adaptations": {"full": {"sizes": {"share": [1.0]}} | changes}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_examples_and_presets_are_valid_as_written_and_as_resolved(validator, path):
    assert not [*validator.iter_errors(yaml.safe_load(path.read_text()))]
    assert not [*validator.iter_errors(plain(read_study(str(path))))]


@pytest.mark.parametrize(
    "valid",
    [
        with_methods({name: None for name in methods.names()}),
        with_methods({name: {"images": 10, "start": "scratch"} for name in methods.names()}),
        with_methods({"small": {"method": "moco_v2", "queue": 64}, "spark": {"mask_ratio": 0.75}}),
        with_methods({"spark": {"method": "moco_v2", "queue": 64}}),
        with_methods({"byol": {"view": {"rotation": 20}}}),
        with_full(settings={"lr": 0.1, "batch": 16}, space={"dropout": {"low": 0.0, "high": 0.5}}),
    ],
    ids=lambda study: str(study)[-60:],
)
def test_what_the_command_reads_is_valid(validator, valid):
    check(valid, source="study.yaml", folder=ROOT)
    assert not [*validator.iter_errors(valid)]


@pytest.mark.parametrize(
    "refused",
    [
        STUDY | {"taks": {}},
        STUDY | {"image_size": "large"},
        STUDY | {"tasks": {"Lung images": {"phantom": {}}}},
        with_methods({"Spark one": {"method": "spark"}}),
        with_methods({"moco": {}}),
        with_methods({"small": {"queue": 64}}),
        with_methods({"small": {"method": "moco"}}),
        with_methods({"spark": {"mask_ratoi": 0.5}}),
        with_methods({"spark": {"mask_ratio": 2.0}}),
        with_methods({"small": {"method": "moco_v2", "mask_ratio": 0.5}}),
        with_methods({"byol": {"view": {"rotatoin": 20}}}),
        with_full(settings={"lrr": 0.1}),
        with_full(settings={"lr": 0}),
        with_full(space={"lrr": {"low": 0.1, "high": 0.2}}),
        STUDY | {"adaptations": {"fulll": {"sizes": {"share": [1.0]}}}},
    ],
    ids=lambda study: str(study)[-60:],
)
def test_what_the_command_refuses_is_marked(validator, refused):
    with pytest.raises(InputRefused):
        check(refused, source="study.yaml", folder=ROOT)
    assert [*validator.iter_errors(refused)]


def test_every_method_and_adaptation_can_be_completed():
    properties = schema()["properties"]["adaptations"]["properties"]
    assert list(properties) == adaptations.names()
    assert list(schema()["$defs"]["Pretraining"]["properties"]["methods"]["properties"]) == methods.names()


def test_the_command_prints_it(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()

"""A submitted command carries the commit of where it was submitted, and ends as the job ends."""

import shlex
from types import SimpleNamespace

import pytest

from study.cli import main


class Client:
    """Stands for Ray's, and runs nothing."""

    jobs: list[dict] = []
    exit_code: int | None = 4

    def __init__(self, address):
        if "nowhere" in address:
            raise ConnectionError(f"Failed to connect to Ray at address: {address}.\nmore")
        self.address = address

    def submit_job(self, **job):
        self.jobs.append(job)
        return "raysubmit_1"

    async def tail_job_logs(self, job):
        for lines in ("one\n", "two\n"):
            yield lines

    def get_job_info(self, job):
        status = "SUCCEEDED" if self.exit_code == 0 else "FAILED"
        return SimpleNamespace(driver_exit_code=self.exit_code, status=status, message="the cluster ended")


@pytest.fixture
def client(monkeypatch):
    import ray.job_submission

    monkeypatch.setattr(ray.job_submission, "JobSubmissionClient", Client)
    monkeypatch.setattr(Client, "jobs", [])
    return Client


def test_the_commit_and_the_command_reach_the_job_and_its_exit_code_comes_back(client, monkeypatch, capsys):
    monkeypatch.setattr("study.provenance.provenance", lambda: {"commit": "abc123+"})
    code = main(
        ["submit", "--address", "http://head:8265", "--working-dir", ".", "run", "a study.yaml", "--set", "a=1"]
    )
    assert code == 4
    [job] = client.jobs
    assert shlex.split(job["entrypoint"]) == ["labelcurve", "run", "a study.yaml", "--set", "a=1"]
    assert job["runtime_env"] == {"env_vars": {"LABELCURVE_COMMIT": "abc123+"}, "working_dir": "."}
    said = capsys.readouterr().out
    assert "one\ntwo\n" in said and "ray job logs raysubmit_1 --address http://head:8265" in said


def test_without_a_commit_or_a_folder_the_job_finds_neither(client, monkeypatch):
    monkeypatch.setattr("study.provenance.provenance", lambda: {"commit": None})
    assert main(["submit", "status", "s3://bucket/results"]) == 4
    assert client.jobs[0]["runtime_env"] == {"env_vars": {}}


def test_a_job_that_died_without_an_exit_code_is_to_be_run_again(client, monkeypatch, capsys):
    monkeypatch.setattr(client, "exit_code", None)
    assert main(["submit", "run", "quickstart"]) == 5
    assert "the cluster ended" in capsys.readouterr().out


def test_what_cannot_be_submitted_is_one_line(client, capsys):
    assert main(["submit", "--address", "http://nowhere", "run", "quickstart"]) == 5
    assert "could not be handed in at http://nowhere" in capsys.readouterr().err
    assert main(["submit"]) == 2

"""What tests make of jobs."""

from trainables.finetuning import linear_probe


def adapted(run, job):
    """The job as the adaptation that ``run`` belongs to wants it."""
    return job.but(adaptation="linear") if run is linear_probe.run else job

"""Handing a command to a Ray cluster as a job, and waiting for it as for a command of this machine."""

import asyncio
import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.errors import ClusterUnavailable


def submit(
    command: Sequence[str], *, address: str | None, working_dir: str | None, environment: Mapping[str, str]
) -> int:
    """Run a command as a job, print what it says, and return its exit code.

    ``address`` is that of the cluster's dashboard (``http://host:8265``), by default that of ``RAY_API_SERVER_ADDRESS``
    or of a head node on this machine; ``working_dir`` a folder sent along; ``environment`` is what the job finds set.

    Raises ClusterUnavailable. Interrupted, it leaves the job running and says how to look after it.
    """
    from ray.job_submission import JobSubmissionClient

    runtime_env = {"env_vars": dict(environment)} | ({"working_dir": working_dir} if working_dir else {})
    where = address or os.environ.get("RAY_API_SERVER_ADDRESS") or "http://127.0.0.1:8265"
    try:
        client = JobSubmissionClient(where)
        job = client.submit_job(entrypoint=shlex.join(command), runtime_env=runtime_env)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ClusterUnavailable(f"the job could not be handed in at {where}: {reason}") from error
    print(f"job {job} at {where}; it goes on without this terminal: ray job logs {job} --address {where}", flush=True)
    asyncio.run(_followed(client, job))
    details = client.get_job_info(job)
    if details.driver_exit_code is not None:
        return details.driver_exit_code
    print(f"job {job}: {details.status} {details.message or ''}".rstrip(), flush=True)
    return 0 if details.status == "SUCCEEDED" else 5


async def _followed(client: Any, job: str) -> None:
    async for lines in client.tail_job_logs(job):
        print(lines, end="", flush=True)

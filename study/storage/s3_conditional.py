"""Conditional writes on object stores: an object is replaced only while it is what its writer last saw (`If-Match`),
and made only while there is none (`If-None-Match`). fsspec has no common word for it; here it is said as to S3.
"""

import uuid
from typing import Any

from study.errors import LockUnsupported

_REFUSED = {"PreconditionFailed", "412", "NoSuchKey", "404"}
_BUSY = {"ConditionalRequestConflict", "409"}
_TRIES = 5


def read(fs: Any, path: str) -> tuple[bytes, str]:
    """An object's bytes with their tag. Raises FileNotFoundError."""
    found = tag(fs, path)
    if found is None:
        raise FileNotFoundError(path)
    return fs.cat_file(path), found  # the tag first: were the bytes newer, a write under it would be refused


def tag(fs: Any, path: str) -> str | None:
    """An object's tag, None where there is none."""
    _check_known(fs, path)
    bucket, key, _ = fs.split_path(path)
    try:
        return fs.call_s3("head_object", Bucket=bucket, Key=key)["ETag"]
    except FileNotFoundError:
        return None


def write(fs: Any, path: str, data: bytes, expected: str | None) -> str | None:
    """Put an object where `expected` is its tag (None: where there is none); the new tag, or None where it is not.

    A request whose answer was lost is sent again by the client and then refused, for what it met was its own effect. So
    an object that holds `data` counts as written: no two writers write the same bytes, since they carry their number.
    """
    _check_known(fs, path)
    bucket, key, _ = fs.split_path(path)
    condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
    for last in range(_TRIES):
        try:
            return fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **condition)["ETag"]
        except OSError as error:
            code = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code")
            if code not in _REFUSED | _BUSY or code == "404" and expected is None:
                raise  # without a condition on its tag, what is missing is the bucket
            found = tag(fs, path)
            if found is not None and fs.cat_file(path) == data:
                return found
            if code in _REFUSED:
                return None
            if last == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def probe(fs: Any, folder: str) -> None:
    """Raise LockUnsupported unless the store keeps to both conditions, which is seen by writing below `folder`."""
    path = f"{folder}/tmp/probe-{uuid.uuid4().hex}"
    first = write(fs, path, b"1", None)
    try:
        kept = write(fs, path, b"2", None) is None and first is not None
        second = write(fs, path, b"3", first)
        kept = kept and second is not None and write(fs, path, b"4", first) is None
    finally:
        fs.rm_file(path)
    if not kept:
        raise LockUnsupported(
            f"{fs.unstrip_protocol(folder)}: this store overlooks If-Match or If-None-Match, so nothing keeps a second "
            "driver out; give a local folder or another store"
        )


def _check_known(fs: Any, path: str) -> None:
    if not hasattr(fs, "call_s3"):
        raise LockUnsupported(
            f"{fs.unstrip_protocol(path)}: results lie in a local folder or in a store that speaks S3 (s3://bucket/...)"
        )

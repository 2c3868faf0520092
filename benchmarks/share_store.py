"""Push a store to a folder and to an S3-compatible server on this machine, killed again and again.

    python benchmarks/share_store.py /tmp/share --videos 10240 --kills 5

builds a synthetic store there, in both forms. `vimpac tokens push` and `pull` are killed with
SIGKILL whenever some more files have arrived, what they left is looked at, and they are run again,
at last until they end by themselves. Prints, for each form and place: kills, how often half a copy
passed for a store, the bytes that the last run still moved, whether `verify` passes on the pulled
copy, and whether the logical hashes are equal. The server is moto's, on 127.0.0.1.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import fsspec
from moto.server import ThreadedMotoServer
from store_synthetic import build_store
from vimpac.datasets import StoreError, TokenStore, verify

BUCKET = "shared"


def start_server() -> ThreadedMotoServer:
    """An S3-compatible server with an empty bucket, and settings that lead nowhere else."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    boto3.resource("s3").create_bucket(Bucket=BUCKET)
    return server


def vimpac(*words: object) -> subprocess.Popen[str]:
    """Start a command on token stores."""
    command = [sys.executable, "-m", "vimpac.pipeline.cli", "tokens", *map(str, words), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def files_at(place: str | Path) -> int:
    """Files that have arrived at a place, unfinished ones left out."""
    if isinstance(place, Path) or "://" not in place:
        walk = os.walk(place)  # which forgives folders that are renamed meanwhile
        return sum(len(names) for folder, _, names in walk if ".tmp+" not in folder)
    prefix = f"{place.removeprefix(f's3://{BUCKET}/')}/"
    return sum(1 for _ in boto3.resource("s3").Bucket(BUCKET).objects.filter(Prefix=prefix))


def run_killed(words: list[object], kills: int, place: str | Path, files: int) -> dict[str, Any]:
    """Kill a command each time some more files have arrived, then let it end.

    Args:
        words: The command.
        kills: How often.
        place: Where files arrive.
        files: How many there are in the end.

    Returns:
        How often it was `killed`, how often what it left `passed_for_a_store`, and the report of
        the last run.
    """
    killed = passed = 0
    for kill in range(kills):
        process, until = vimpac(*words), (kill + 1) * files // (kills + 1)
        while process.poll() is None and files_at(place) < until:
            time.sleep(0.01)
        if process.poll() is None:
            process.kill()
            killed += 1
            passed += passes_for_a_store(place)
        process.communicate()
    process = vimpac(*words)
    out, err = process.communicate()
    if process.returncode:
        raise SystemExit(err)
    return {"killed": killed, "passed_for_a_store": passed, **json.loads(out)}


def passes_for_a_store(place: str | Path) -> bool:
    """Whether a copy that was cut off can be opened."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    try:
        TokenStore.open(place)
    except StoreError:
        return False
    return True


def share(store: Path, place: str, copy: Path, kills: int) -> dict[str, Any]:
    """Push and pull one store through one place."""
    files = files_at(store)
    pushed = run_killed(["push", store, place], kills, place, files)
    pulled = run_killed(["pull", place, "--out", copy], kills, copy, files)
    hashes = {TokenStore.open(p).summary()["logical_hash"] for p in (store, copy)}
    return {
        "push": pushed,
        "pull": pulled,
        "verify_ok": verify(copy).ok,
        "logical_hash_equal": len(hashes) == 1,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--videos", type=int, default=10240)
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    server, results = start_server(), {}
    for form in ("zarr", "webdataset"):
        store = options.folder / form
        build_store(store, options.videos, form)
        size = TokenStore.open(store).summary()["bytes_on_disk"]
        places = {"folder": str(options.folder / f"{form}-shared"), "s3": f"s3://{BUCKET}/{form}"}
        for name, place in places.items():
            copy = options.folder / f"{form}-{name}-copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.rmtree(options.folder / f"{form}-shared", ignore_errors=True)
            result = share(store, place, copy, options.kills)
            results[f"{form}, {name}"] = {"store_bytes": size, **result}
    server.stop()
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()

"""A server on this machine that speaks S3, and buckets in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import httpx
from django.conf import settings
from moto.server import ThreadedMotoServer

from modelregistry.storage.bucket import ArtifactBucket

KEYS = {"aws_access_key_id": "anybody", "aws_secret_access_key": "anything"}
REGION = "us-east-1"


@contextmanager
def s3_server() -> Iterator[str]:
    """Its address; boto3's own variables do not reach this process's buckets meanwhile.

    What a server before it in this process was given is gone.
    """
    theirs = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        httpx.post(f"{address}/moto-api/reset").raise_for_status()
        yield address
    finally:
        server.stop()
        os.environ.update(theirs)


def client(address: str) -> "boto3.client":
    return boto3.client("s3", endpoint_url=address, region_name=REGION, **KEYS)


def stored_in(address: str, name: str) -> dict[str, dict[str, Any]]:
    """STORAGES, with the artifacts in that bucket."""
    keys = {"access_key": KEYS["aws_access_key_id"], "secret_key": KEYS["aws_secret_access_key"]}
    where = {"bucket_name": name, "endpoint_url": address, "region_name": REGION}
    backend = "modelregistry.storage.bucket.ArtifactBucket"
    return {**settings.STORAGES, "artifacts": {"BACKEND": backend, "OPTIONS": {**where, **keys}}}


def bucket(address: str, name: str) -> ArtifactBucket:
    return ArtifactBucket(**stored_in(address, name)["artifacts"]["OPTIONS"])

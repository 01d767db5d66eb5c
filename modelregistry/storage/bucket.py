"""S3 as a Django storage. Imported only where the settings name a bucket: it needs the s3 extra.

Keys, region and another server's address come from boto3's own variables (AWS_...).
"""

from typing import Any, ClassVar

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from s3transfer.exceptions import RetriesExceededError
from storages.backends.s3 import S3Storage

LARGEST_PUT_BYTES = 5 * 2**30  # S3's own limit of a request
READ_IN_MEMORY_BYTES = 2**20  # a longer file is read through one in the temporary folder


class ArtifactBucket(S3Storage):  # type: ignore[misc]  # django-storages has no types
    """A file goes up in a single PUT, so that it is there whole or not at all."""

    faults: ClassVar = (BotoCoreError, ClientError, RetriesExceededError)

    def get_default_settings(self) -> dict[str, Any]:
        return {
            **super().get_default_settings(),
            "file_overwrite": True,
            "max_memory_size": READ_IN_MEMORY_BYTES,
            "transfer_config": TransferConfig(
                multipart_threshold=LARGEST_PUT_BYTES, use_threads=False
            ),
            # A silent server is given up before a request's own deadline.
            "client_config": Config(
                connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 3}
            ),
        }

"""Which versions may serve, under whatever name: those that are ready, whole and proven."""

from modelregistry.errors import DamagedArtifact, NotPromotable
from modelregistry.models import ModelVersion
from modelregistry.services.storing import store


def check_may_serve(version: ModelVersion) -> None:
    """By what its row and its model's say. Raises NotPromotable."""
    if version.model.archived_at is not None:
        raise NotPromotable(f"{version} cannot serve: the model is archived.")
    if version.state != ModelVersion.State.READY:
        raise NotPromotable(f"{version} cannot serve: it is {version.state}, not ready.")
    if version.parity.get("no_finite_answer"):
        raise NotPromotable(
            f"{version} cannot serve: it has no finite answer to any row it was compared on."
        )
    converted = version.format == ModelVersion.Format.SKOPS and version.onnx_sha256
    if converted and version.parity.get("status") != "match":
        raise NotPromotable(
            f"{version} cannot serve: its ONNX form was compared with its source again, and is "
            "over the parity budget or cannot be loaded any more."
        )


def check_whole(version: ModelVersion) -> None:
    """The same, and the file that would be served is read and checked. Raises NotPromotable."""
    check_may_serve(version)
    try:
        store().open(version.live().artifact_sha256).close()
    except DamagedArtifact as error:
        raise NotPromotable(f"{version} cannot serve: {error}") from error

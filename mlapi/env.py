"""The environment, read once: every variable mlapi listens to, its default and what it is for.

Pure: no Django. A value that cannot be right is an EnvironmentFault that names the variable.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit

from mlapi.cpus import usable_cpus
from mlapi.limits import LIMIT_VARIABLES, Limits, limits_of
from mlapi.origins import ORIGIN_VARIABLES, cors_origins_of, trusted_proxies_of
from mlapi.variables import EnvironmentFault, Variable, flag, listed, whole

BASE_DIR = Path(__file__).resolve().parent.parent
IN_MEMORY = Path("/dev/shm")  # noqa: S108
LONGEST_SOCKET_PATH = 100  # the kernel's limit is 107 bytes; Valkey exits above it

VARIABLES = (
    Variable("DATABASE_URL", "", "PostgreSQL; unset: SQLite in the data folder"),
    Variable("REDIS_URL", "", "Redis or Valkey; unset: an embedded Valkey in the data folder"),
    Variable("MLAPI_DATA_DIR", "var", "artifacts, SQLite, Valkey, secret key"),
    Variable("MLAPI_ARTIFACTS_BUCKET", "", "S3 bucket for artifacts; unset: the data folder"),
    Variable("MLAPI_HOST", "127.0.0.1", "address the web server listens on"),
    Variable("MLAPI_PORT", "8000", "its port"),
    Variable("MLAPI_WORKERS", "", "web processes; unset: the CPUs this process may use"),
    Variable("MLAPI_DEFAULT_MODEL", "iris", "model behind /predict-async and its siblings"),
    Variable("MLAPI_VERSIONS_MB", "1024", "memory of versions in a web process; others on demand"),
    Variable("MLAPI_CACHE_MB", "64", "answers kept by each web process, of models that say so"),
    Variable(
        "MLAPI_BACKGROUND_NICE", "10", "how far worker, beat and dispatch stand back: 0 to 19"
    ),
    *LIMIT_VARIABLES,
    Variable("MLAPI_DRAIN_S", "", "seconds SIGTERM keeps the socket open; unset: 0 or 5"),
    Variable("MLAPI_INTERNAL_URL", "", "where workers reach the web; unset: host and port above"),
    Variable("MLAPI_BEHIND_TLS", "0", "1: secure cookies, HTTPS alone, HSTS"),
    *ORIGIN_VARIABLES,
    Variable("MLAPI_ALLOW_PICKLE", "0", "1 opens pickles, in a confined process; needs Linux 5.13"),
    Variable("MLAPI_METRICS_TOKEN", "", "lets scrapers that are not on loopback read /metrics"),
    Variable("MLAPI_METRICS_ADDRESS", "", "host:port of a worker's or dispatch's own /metrics"),
    Variable("MLAPI_FLOWER_PASSWORD", "", "Flower's; unset: embedded makes one, others need it"),
    Variable("DJANGO_SECRET_KEY", "", "required in production; embedded: made on first start"),
    Variable("DJANGO_DEBUG", "0", "1: Django's debug pages"),
    Variable("DJANGO_ALLOWED_HOSTS", "", "comma-separated; required in production"),
    Variable("DJANGO_CSRF_TRUSTED_ORIGINS", "", "comma-separated origins, scheme included"),
    Variable("DJANGO_SUPERUSER_USERNAME", "admin", "the first admin's name"),
    Variable("DJANGO_SUPERUSER_PASSWORD", "", "the first admin's password; unset: generated"),
    Variable("DJANGO_SUPERUSER_EMAIL", "", "the first admin's address"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The variables above as values. Paths are absolute, URLs as given."""

    database_url: str
    redis_url: str
    data_dir: Path
    artifacts_bucket: str
    host: str
    port: int
    workers: int
    default_model: str
    versions_bytes: int
    cache_bytes: int
    background_nice: int
    limits: Limits
    drain_s: float
    internal_url: str
    behind_tls: bool
    trusted_proxies: tuple[str, ...]
    cors_origins: tuple[str, ...]
    allow_pickle: bool
    metrics_token: str
    metrics_address: tuple[str, int] | None
    flower_password: str
    secret_key: str
    debug: bool
    allowed_hosts: tuple[str, ...]
    csrf_trusted_origins: tuple[str, ...]
    superuser_username: str
    superuser_password: str
    superuser_email: str

    @property
    def embedded(self) -> bool:
        """Neither database nor broker of the operator's own: secrets are made here."""
        return not (self.database_url or self.redis_url)

    @property
    def valkey_socket(self) -> Path:
        """The embedded broker's socket: in the data folder, or in a short one if that is long."""
        path = self.data_dir / "valkey" / "valkey.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        # Not TMPDIR: a worker started by hand from another shell must come to the same path.
        return Path("/tmp") / self._own_name / "valkey.sock"  # noqa: S108

    @property
    def broker_url(self) -> str:
        """What Celery connects to."""
        return self.redis_url or f"redis+socket://{quote(str(self.valkey_socket))}?virtual_host=0"

    @property
    def redis_py_url(self) -> str:
        """The same server in redis-py's spelling."""
        return self.redis_url or f"unix://{quote(str(self.valkey_socket))}?db=0"

    @property
    def prometheus_dir(self) -> Path:
        """Where web and worker processes of `manage.py up` add up their metrics.

        In memory where there is such a folder: the files are mapped, and a process that writes to
        a mapped file on a full disk is killed.
        """
        if os.access(IN_MEMORY, os.W_OK | os.X_OK):
            return IN_MEMORY / f"{self._own_name}-prometheus"
        return self.data_dir / "prometheus"

    @property
    def _own_name(self) -> str:
        """What this user's data folder is called in folders that others use too."""
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return f"mlapi-{os.getuid()}-{digest}"

    @property
    def run_threads(self) -> int:
        """Dear batches at once in a web process: its share of the CPUs, but two at least, so that
        a long run of one model does not stop the others.
        """
        return max(2, usable_cpus() // self.workers)

    @property
    def base_url(self) -> str:
        return http_url(self.host, self.port)

    def ensure_data_dir(self) -> None:
        """Make the data folder (0700). Raises EnvironmentFault where that cannot be."""
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentFault(
                f"the data folder {self.data_dir} cannot be made: {error.strerror}. "
                "Set MLAPI_DATA_DIR to a folder this user may write to."
            ) from error
        if not os.access(self.data_dir, os.W_OK | os.X_OK):
            raise EnvironmentFault(
                f"the data folder {self.data_dir} is not writable. "
                "Set MLAPI_DATA_DIR to a folder this user may write to."
            )

    def required_flower_password(self) -> str:
        """Flower's password given, or in the embedded default the one kept in the data folder."""
        if self.flower_password:
            return self.flower_password
        if not self.embedded:
            raise EnvironmentFault("MLAPI_FLOWER_PASSWORD is not set; Flower does not start so.")
        self.ensure_data_dir()
        return kept_secret(self.data_dir / "flower_password", random_bytes=12)

    def required_secret_key(self) -> str:
        """The secret key given, or in the embedded default the one kept in the data folder."""
        if self.secret_key:
            return self.secret_key
        if not self.embedded:
            raise EnvironmentFault("DJANGO_SECRET_KEY is not set; production does not start so.")
        self.ensure_data_dir()
        return kept_secret(self.data_dir / "secret_key")


def http_url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def kept_secret(path: Path, *, random_bytes: int = 50) -> str:
    """Read the secret in `path`, made on the first call (0600), one for all processes."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(random_bytes))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # the first of two racing processes wins; both read its secret
        draft.unlink()
    except OSError as error:
        raise EnvironmentFault(f"{path} cannot be written: {error.strerror}.") from error
    return path.read_text().strip()


def read_environment(environ: Mapping[str, str]) -> Environment:
    """Every variable as a value. Raises EnvironmentFault for the first one that cannot be right."""
    text = {v.name: environ.get(v.name, "").strip() or v.default for v in VARIABLES}
    host, port = text["MLAPI_HOST"], whole(text, "MLAPI_PORT", low=1, high=65535)
    embedded = not (text["DATABASE_URL"] or text["REDIS_URL"])
    _check_url(text, "DATABASE_URL", {"postgres", "postgresql", "sqlite"})
    _check_url(text, "REDIS_URL", {"redis", "rediss"})
    _check_url(text, "MLAPI_INTERNAL_URL", {"http", "https"})
    return Environment(
        database_url=text["DATABASE_URL"],
        redis_url=text["REDIS_URL"],
        data_dir=(BASE_DIR / Path(text["MLAPI_DATA_DIR"]).expanduser()).absolute(),
        artifacts_bucket=_bucket(text),
        host=host,
        port=port,
        workers=whole(text, "MLAPI_WORKERS", low=1, high=512) or usable_cpus(),
        default_model=text["MLAPI_DEFAULT_MODEL"],
        versions_bytes=whole(text, "MLAPI_VERSIONS_MB", low=0, high=1 << 20) << 20,
        cache_bytes=whole(text, "MLAPI_CACHE_MB", low=0, high=1 << 20) << 20,
        background_nice=whole(text, "MLAPI_BACKGROUND_NICE", low=0, high=19),
        limits=limits_of(text),
        drain_s=_drain(text, embedded=embedded),
        internal_url=text["MLAPI_INTERNAL_URL"] or http_url(host, port),
        behind_tls=flag(text, "MLAPI_BEHIND_TLS"),
        trusted_proxies=trusted_proxies_of(text),
        cors_origins=cors_origins_of(text),
        allow_pickle=flag(text, "MLAPI_ALLOW_PICKLE"),
        metrics_token=text["MLAPI_METRICS_TOKEN"],
        metrics_address=_address(text, "MLAPI_METRICS_ADDRESS"),
        flower_password=text["MLAPI_FLOWER_PASSWORD"],
        secret_key=text["DJANGO_SECRET_KEY"],
        debug=flag(text, "DJANGO_DEBUG"),
        allowed_hosts=_hosts(text, embedded=embedded),
        csrf_trusted_origins=listed(text["DJANGO_CSRF_TRUSTED_ORIGINS"]),
        superuser_username=text["DJANGO_SUPERUSER_USERNAME"],
        superuser_password=text["DJANGO_SUPERUSER_PASSWORD"],
        superuser_email=text["DJANGO_SUPERUSER_EMAIL"],
    )


def _hosts(text: Mapping[str, str], *, embedded: bool) -> tuple[str, ...]:
    hosts = listed(text["DJANGO_ALLOWED_HOSTS"])
    if not hosts and not embedded:
        raise EnvironmentFault(
            "DJANGO_ALLOWED_HOSTS is not set; with DATABASE_URL or REDIS_URL it must name the "
            "hosts clients use, separated by commas."
        )
    return hosts or ("localhost", "127.0.0.1", "[::1]", text["MLAPI_HOST"])


def _bucket(text: Mapping[str, str]) -> str:
    name = text["MLAPI_ARTIFACTS_BUCKET"]
    if "/" in name:
        raise EnvironmentFault(
            "MLAPI_ARTIFACTS_BUCKET must be a bucket's name, with no s3:// or /."
        )
    if name and not (find_spec("storages") and find_spec("boto3")):
        raise EnvironmentFault(
            "MLAPI_ARTIFACTS_BUCKET needs the extra s3: pip install 'django-storages[s3]>=1.14'."
        )
    return name


def _address(text: Mapping[str, str], name: str) -> tuple[str, int] | None:
    """Host and port, [host]:port for IPv6; None where it is unset."""
    if not text[name]:
        return None
    host, _, port = text[name].rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise EnvironmentFault(f"{name} must be a host and a port, as in 127.0.0.1:9100.")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _drain(text: Mapping[str, str], *, embedded: bool) -> float:
    if not text["MLAPI_DRAIN_S"]:
        return 0.0 if embedded else 5.0
    try:
        seconds = float(text["MLAPI_DRAIN_S"])
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 600:
        raise EnvironmentFault("MLAPI_DRAIN_S must be a number of seconds from 0 to 600.")
    return seconds


def _check_url(text: Mapping[str, str], name: str, schemes: set[str]) -> None:
    try:
        parts = urlsplit(text[name])
        scheme, _ = parts.scheme, parts.port
    except ValueError as error:
        raise EnvironmentFault(f"{name} is not a URL: {error}.") from error
    if text[name] and scheme not in schemes:
        known = " or ".join(f"{s}://" for s in sorted(schemes))
        raise EnvironmentFault(f"{name} must begin with {known}.")

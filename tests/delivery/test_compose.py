"""docker-compose.yml: what refers to something, refers to something that is there."""

import json
import re
import subprocess
import sys

import jsonschema
import pytest
import yaml

from mlapi.env import VARIABLES, read_environment
from tests.delivery.compose import (
    FILE,
    GIVEN,
    OURS,
    SECRETS,
    SERVICES,
    TEXT,
    environment_of,
    interpolated,
)
from tests.running import BASE_DIR

NOT_FORWARDED = {
    "DATABASE_URL": "made of the services' own names",
    "REDIS_URL": "made of the services' own names",
    "MLAPI_INTERNAL_URL": "made of the services' own names",
    "MLAPI_DATA_DIR": "the image's",
    "MLAPI_HOST": "the image's: all addresses of the container",
    "MLAPI_PORT": "the host's, on which web is published",
    "MLAPI_ARTIFACTS_BUCKET": "the image has no client of S3",
    "MLAPI_BACKGROUND_NICE": "only `manage.py up` starts processes beside web",
    "MLAPI_METRICS_ADDRESS": "a container's own",
    "MLAPI_FLOWER_PASSWORD": "flower's alone",
    "DJANGO_DEBUG": "no debug pages in production",
    "DJANGO_SUPERUSER_USERNAME": "the first admin is made by createsuperuser",
    "DJANGO_SUPERUSER_PASSWORD": "the first admin is made by createsuperuser",
    "DJANGO_SUPERUSER_EMAIL": "the first admin is made by createsuperuser",
}
OTHER_DEFAULTS = {
    "MLAPI_WORKERS": "2",
    "MLAPI_BEHIND_TLS": "1",
    "MLAPI_TRUSTED_PROXIES": "127.0.0.1,172.16.0.0/12,192.168.0.0/16",
}
NOT_OURS = {
    "WEB_CONCURRENCY",
    "FORWARDED_ALLOW_IPS",
    "PROMETHEUS_MULTIPROC_DIR",
    "REMAP_SIGTERM",
}
SCHEMA = BASE_DIR / "tests/delivery/compose-spec.json"  # of compose-spec/compose-spec, as it stands


def test_it_is_what_the_compose_specification_allows() -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    check = jsonschema.Draft7Validator(schema)

    assert [error.message for error in check.iter_errors(FILE)] == []
    assert list(check.iter_errors({**FILE, "services": {"web": {"imagee": "mlapi"}}})) != []


def test_it_has_every_part_of_the_service() -> None:
    assert set(OURS) == {"migrate", "web", "worker", "beat", "dispatch", "flower"}
    assert set(SERVICES) - set(OURS) == {"postgres", "redis", "prometheus"}


def test_what_a_service_waits_for_exists_and_can_become_what_is_waited_for() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            awaited = SERVICES[other]
            if how["condition"] == "service_healthy":
                assert "test" in awaited["healthcheck"], f"{name} waits for {other}"
            else:
                assert how["condition"] == "service_completed_successfully"
                assert awaited["restart"] == "no", f"{other} must be able to end"


def test_nothing_is_served_before_the_tables_are_there() -> None:
    waiting = {name for name, service in OURS.items() if "migrate" in service["depends_on"]}
    assert waiting == set(OURS) - {"migrate"}


def test_every_named_volume_is_declared_and_every_declared_one_is_used() -> None:
    used = {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", [])}
    assert used == set(FILE["volumes"])
    assert all("data:/data" in service["volumes"] for service in OURS.values())


def test_a_missing_secret_stops_compose_with_a_message() -> None:
    for name in SECRETS:
        with pytest.raises(LookupError, match=f"set {name}"):
            interpolated(TEXT, {**GIVEN, name: ""})


def test_no_password_is_written_down() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            written = re.sub(r"\$\{[^}]*\}", "", value)
            if re.search("PASSWORD|SECRET|TOKEN|AUTH", variable):
                assert written == "", f"{name}: {variable}"
            assert not re.search(r":[^/@]+@", written), f"{name}: {variable}"


def test_what_people_look_at_is_reachable_and_only_from_this_host() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(ports) == {"web", "flower", "prometheus"}
    assert all(port.startswith("127.0.0.1:") for of in ports.values() for port in of)


@pytest.mark.parametrize("name", OURS)
def test_its_environment_is_one_that_the_service_accepts(name: str) -> None:
    given = environment_of(name, GIVEN)

    environment = read_environment(given)

    assert set(given) - NOT_OURS <= {variable.name for variable in VARIABLES}
    assert not environment.embedded
    assert environment.allowed_hosts == ("given", "web")
    assert environment.internal_url == "http://web:8000"
    assert environment.metrics_token == "given"


@pytest.mark.parametrize("name", ["web", "worker"])
def test_every_variable_reaches_it_with_its_default_or_there_is_a_reason(name: str) -> None:
    forwarded = {variable.name for variable in VARIABLES} - NOT_FORWARDED.keys()
    by_default = environment_of(name, GIVEN)
    for variable in VARIABLES:
        if variable.name in forwarded - SECRETS:
            default = OTHER_DEFAULTS.get(variable.name, variable.default)
            assert by_default[variable.name] == default, variable.name
    told = environment_of(name, GIVEN | dict.fromkeys(forwarded, "told"))
    assert {each for each in forwarded if "told" not in told.get(each, "")} == set()
    assert by_default.get("WEB_CONCURRENCY", "2") == by_default["MLAPI_WORKERS"]


def test_who_adds_up_metrics_in_a_folder_has_it_empty_at_every_start() -> None:
    """Two containers know each other's process ids no better than two machines: none is shared."""
    for name, service in OURS.items():
        folder = service["environment"].get("PROMETHEUS_MULTIPROC_DIR")
        mounts = [mount.split(":")[0] for mount in service["tmpfs"]]
        assert folder is None or folder in mounts, name


def test_prometheus_scrapes_every_container_that_counts_with_the_token() -> None:
    config = yaml.safe_load((BASE_DIR / "deploy/prometheus.yml").read_text())
    secret = SERVICES["prometheus"]["secrets"][0]
    scraped = {}
    for job in config["scrape_configs"]:
        assert job["authorization"]["credentials_file"] == f"/run/secrets/{secret}"
        for found in job.get("static_configs", []):
            scraped |= dict(target.split(":") for target in found["targets"])
        for found in job.get("dns_sd_configs", []):
            scraped |= dict.fromkeys(found["names"], str(found["port"]))

    listening = {
        name: address.rpartition(":")[2]
        for name, service in OURS.items()
        if (address := service["environment"].get("MLAPI_METRICS_ADDRESS"))
    }
    assert scraped == {"web": "8000", **listening}
    assert set(listening) == {"worker", "dispatch"}
    assert FILE["secrets"][secret] == {"environment": "MLAPI_METRICS_TOKEN"}
    assert (BASE_DIR / FILE["configs"]["prometheus"]["file"]).exists()


@pytest.mark.parametrize("name", OURS)
def test_its_command_is_one_that_exists(name: str) -> None:
    command = OURS[name].get("command", ["uvicorn"])
    words = (
        [sys.executable, "-m", *command]
        if command[0] != "python"
        else [sys.executable, *command[1:]]
    )
    if command[0] == "python":
        words = words[:3]  # python manage.py NAME

    shown = subprocess.run(
        [*words, "--help"], capture_output=True, text=True, check=True, cwd=BASE_DIR, timeout=110
    ).stdout

    assert "usage" in shown.lower()


def test_a_worker_that_is_no_web_server_is_not_asked_for_readyz() -> None:
    for name in set(OURS) - {"web"}:
        check = OURS[name]["healthcheck"]
        assert check.get("disable") or "readyz" not in str(check["test"]), name
    assert "healthcheck" not in OURS["web"], "the image's own"

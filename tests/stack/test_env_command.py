"""`manage.py env`: everything is said, no secret is."""

import re
import shlex
import subprocess
from pathlib import Path

from mlapi.env import VARIABLES
from tests.running import manage, metrics_folder

SECRETS = {
    "DJANGO_SECRET_KEY": "geheim-" + "k" * 60,
    "DJANGO_SUPERUSER_PASSWORD": "geheim-2",
    "MLAPI_METRICS_TOKEN": "geheim-3",
    "REDIS_URL": "redis://:geheim-4@127.0.0.1:1/0",
    "DATABASE_URL": "postgres://u:geheim-5@127.0.0.1:1/db",
}


def test_it_names_every_variable_and_hides_what_is_secret(tmp_path: Path) -> None:
    said = manage(tmp_path / "var", "env", DJANGO_ALLOWED_HOSTS="localhost", **SECRETS).stdout
    for variable in VARIABLES:
        assert f"\n{variable.name} " in said
    assert "geheim" not in said
    assert "redis://:***@127.0.0.1:1/0" in said
    assert "postgres://u:***@127.0.0.1:1/db" in said


def test_it_says_where_the_embedded_parts_meet(tmp_path: Path) -> None:
    data_dir = tmp_path / "a folder"
    said = manage(data_dir, "env", MLAPI_PORT="8123").stdout
    assert "http://127.0.0.1:8123/" in said
    assert f"redis+socket://{tmp_path}/a%20folder/valkey/valkey.sock?virtual_host=0" in said
    assert f"{data_dir}/mlapi.sqlite3" in said
    assert re.search(r"^Prometheus +/\S+prometheus$", said, re.MULTILINE)


def test_a_shell_can_take_it_over(tmp_path: Path) -> None:
    data_dir = tmp_path / "it's a folder"
    exported = manage(data_dir, "env", "--export").stdout
    script = f'{exported}\nprintf %s "$PROMETHEUS_MULTIPROC_DIR"'
    shell = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shell.stdout == str(metrics_folder(data_dir))
    assert shlex.split(exported)

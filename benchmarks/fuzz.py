"""`make fuzz`: requests made out of the served OpenAPI document, until 50,000 were sent.

Its own `manage.py up` with two web processes, asked by schemathesis with a key that may do
everything: all of its phases, round after round, each with another seed. Ends with 1 where a check
failed: an answer of 5xx, but for a deadline that is over; a status, type or body that the document
does not tell of; wrong data that was accepted; an answer to somebody without a key.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.running import Stack, manage, running

CASES = 50_000
OF_AN_OPERATION = 50  # in a round, of each phase
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "negative_data_rejection",
    "missing_required_header", "ignored_auth", "use_after_free",
)  # fmt: skip
# 504: the time is over that the request names, or the model's settings, which are changed, too.
SETTINGS = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "504"]
"""
PASSWORD = "only-while-this-runs"
KEYS = r"^/api/v1/keys/"
UNTHROTTLED = {"MLAPI_FAILED_ATTEMPTS": "1000000"}  # wrong keys are tried, too


@dataclass(slots=True)
class Outcome:
    """Of all rounds so far."""

    cases: Counter[str] = field(default_factory=Counter)  # by operation
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        return self.cases.total()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", type=int, default=CASES, help="how many requests, at least")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="mlapi-fuzz-") as name,
        running(Path(name) / "data" / "var", MLAPI_WORKERS="2", **UNTHROTTLED) as stack,
    ):
        began, outcome = time.monotonic(), Outcome()
        seed = options.seed
        while outcome.sent < options.cases:
            fuzz(stack, outcome, seed=seed)
            seconds = time.monotonic() - began
            told = f"{outcome.sent:,} requests in {seconds:,.0f} s"
            print(f"seed {seed}: {told}", *outcome.failures, sep="\n", flush=True)
            seed += 1
    print(*summary(outcome), sep="\n")
    return 1 if outcome.failures else 0


def fuzz(stack: Stack, outcome: Outcome, *, seed: int, each: int = OF_AN_OPERATION) -> None:
    """A round: `each` requests of an operation at most in each phase, added to `outcome`."""
    key = key_of(stack, f"fuzz-{seed}")
    _run(stack.base_url, key, outcome, "--exclude-path-regex", KEYS, seed=seed, each=each)
    if not opens(stack.base_url, key):
        outcome.failures.append("The key opens nothing any more: what came last tells nothing.")
    revoked = key_of(stack, f"fuzz-keys-{seed}")  # it may revoke itself
    _run(stack.base_url, revoked, outcome, "--include-path-regex", KEYS, seed=seed, each=each)


def key_of(stack: Stack, name: str) -> str:
    """A key that may do everything, of an account of its own."""
    words = ("createsuperuser", "--noinput", "--username", name, "--email", "")
    made = manage(stack.data_dir, *words, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    made.check_returncode()
    key = manage(stack.data_dir, "create_api_key", name)
    key.check_returncode()
    return key.stdout.strip()


def opens(base_url: str, key: str) -> bool:
    asked = httpx.get(f"{base_url}/api/v1/keys/", headers={"Authorization": f"Bearer {key}"})
    return asked.is_success


def _run(base_url: str, key: str, outcome: Outcome, *which: str, seed: int, each: int) -> None:
    with tempfile.TemporaryDirectory(prefix="mlapi-fuzz-") as name:
        report = Path(name) / "report.ndjson"
        (Path(name) / "schemathesis.toml").write_text(SETTINGS)
        run = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run"),
                f"{base_url}/api/v1/schema/?format=json",
                *which,
                *("--header", f"Authorization: Bearer {key}", "--checks", ",".join(CHECKS)),
                *("--max-examples", str(each), "--seed", str(seed), "--continue-on-failure"),
                *("--no-shrink", "--generation-database", "none", "--request-timeout", "60"),
                *("--report", "ndjson", "--report-ndjson-path", str(report), "--no-color"),
            ],
            cwd=name,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            outcome.failures.append(_failures_in(run.stdout) or run.stderr)
        for scenario in _scenarios(report):
            _add(scenario, outcome)


def _failures_in(output: str) -> str:
    return output.partition("= FAILURES =")[2].partition("= SUMMARY =")[0] or output


def _scenarios(report: Path) -> Iterator[dict[str, Any]]:
    for line in report.read_text().splitlines():
        finished = json.loads(line).get("ScenarioFinished")
        if finished:
            yield finished["recorder"]


def _add(scenario: dict[str, Any], outcome: Outcome) -> None:
    outcome.cases[scenario["label"]] += len(scenario.get("interactions", ()))
    for interaction in scenario.get("interactions", {}).values():
        if answer := interaction.get("response"):
            outcome.statuses[answer["status_code"]] += 1


def summary(outcome: Outcome) -> Iterator[str]:
    for operation, cases in sorted(outcome.cases.items()):
        yield f"{cases:8,}  {operation}"
    statuses = ", ".join(f"{status}: {n:,}" for status, n in sorted(outcome.statuses.items()))
    yield f"{outcome.sent:8,}  in all; {statuses}"
    yield from outcome.failures


if __name__ == "__main__":
    sys.exit(main())

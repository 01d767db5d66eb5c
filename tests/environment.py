"""Loaded before Django: the tests' own data folder, and nobody else's settings."""

import atexit
import os
import shutil
import tempfile

TEST_DATABASE_URL = os.environ.get("MLAPI_TEST_DATABASE_URL", "")
TEST_REDIS_URL = os.environ.get("MLAPI_TEST_REDIS_URL", "")
if TEST_REDIS_URL and (tester := os.environ.get("PYTEST_XDIST_WORKER")):  # gw0, gw1, ...
    server, _, database = TEST_REDIS_URL.rpartition("/")
    TEST_REDIS_URL = f"{server}/{int(database) + int(tester.removeprefix('gw'))}"

HANDED_ON = {"MLAPI_TEST_DATABASE_URL", "MLAPI_TEST_REDIS_URL"}  # xdist's testers read them too
for name in list(os.environ):
    if name in HANDED_ON:
        continue
    if name.startswith(("MLAPI_", "DJANGO_SUPERUSER_", "DJANGO_DEBUG", "PROMETHEUS_")):
        del os.environ[name]
os.environ.pop("DATABASE_URL", None)
os.environ.pop("REDIS_URL", None)
os.environ["MLAPI_FAILED_ATTEMPTS"] = "1000000"  # who asks wrongly is a test, again and again
os.environ["MLAPI_DATA_DIR"] = tempfile.mkdtemp(prefix="mlapi-tests-")
atexit.register(shutil.rmtree, os.environ["MLAPI_DATA_DIR"], ignore_errors=True)
if TEST_DATABASE_URL or TEST_REDIS_URL:  # the second run: the same tests on real services
    os.environ["DATABASE_URL"] = TEST_DATABASE_URL
    os.environ["REDIS_URL"] = TEST_REDIS_URL
    os.environ["DJANGO_SECRET_KEY"] = "only-for-tests-" + "x" * 50
    os.environ["DJANGO_ALLOWED_HOSTS"] = "localhost,127.0.0.1,testserver"

"""One table of requests, good and bad, and the answers every door must give."""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

JSON = {"Content-Type": "application/json"}
ROW = [5.1, 3.5, 1.4, 0.2]
ONE = json.dumps({"features": ROW}).encode()
MATRIX = json.dumps({"features": [ROW, [6.7, 3.0, 5.2, 2.3]]}).encode()
BATCH = json.dumps({"requests": [{"features": ROW}, {"features": [6.7, 3.0, 5.2, 2.3]}]}).encode()
CHURN_COLUMNS = ("tenure_months", "monthly_charges", "contract", "payment_method", "support_calls")


@dataclass(frozen=True)
class Case:
    """A request, the status it must get, and what must hold of the JSON answer."""

    name: str
    path: str
    status: int
    body: bytes = b""
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    code: str | None = None  # of the problem, for what is refused
    holds: Callable[[dict[str, Any]], bool] = lambda _: True


def rows(*rows: object) -> bytes:
    return json.dumps({"rows": rows}).encode()


SINGLE = ("/predict-sync", "/predict-async", "/predict-batched")
MANY = ("/predict-onnx", "/predict-sklearn")
NATIVE = "/api/v1/models/iris/predict"

GOOD = [
    Case("sync", "/predict-sync", 200, ONE,
         holds=lambda a: a["prediction"] == 0 and a["mode"] == "synchronous"),
    Case("async", "/predict-async", 200, ONE,
         holds=lambda a: a["prediction"] == 0 and a["mode"] == "asynchronous"),
    Case("async, slash", "/predict-async/", 200, ONE, holds=lambda a: a["prediction"] == 0),
    Case("batched", "/predict-batched", 200, ONE,
         holds=lambda a: a["prediction"] == 0 and a["batching"] == "enabled"
         and a["batch_size"] >= 1),
    Case("batch", "/batch-predict", 200, BATCH,
         holds=lambda a: a["predictions"] == [0, 2] and a["count"] == 2
         and a["total_duration_ms"] >= a["avg_duration_ms"] >= 0),
    Case("onnx", "/predict-onnx", 200, MATRIX,
         holds=lambda a: a["predictions"] == [0, 2] and a["count"] == 2
         and a["framework"] == "ONNX Runtime"),
    Case("sklearn", "/predict-sklearn", 200, MATRIX,
         holds=lambda a: a["predictions"] == [0, 2] and a["framework"] == "scikit-learn"),
    Case("native", NATIVE, 200, rows(ROW),
         holds=lambda a: a["model"] == "iris" and a["predictions"] == [0]
         and a["classes"] == [0, 1, 2] and abs(sum(a["probabilities"][0]) - 1) < 1e-5
         and bool(a["request_id"])),
    Case("native, slash", f"{NATIVE}/", 200, rows(ROW), holds=lambda a: a["predictions"] == [0]),
    Case("native, version", "/api/v1/models/iris/versions/1/predict", 200, rows(ROW),
         holds=lambda a: a["version"] == 1 and a["predictions"] == [0]),
    Case("native, alias", "/api/v1/models/iris@champion/predict", 200, rows(ROW),
         holds=lambda a: a["version"] == 1 and a["predictions"] == [0]),
    Case("native, outputs", NATIVE, 200,
         json.dumps({"rows": [ROW], "outputs": ["label"]}).encode(),
         holds=lambda a: a["outputs"] == {"label": [0]} and "probabilities" not in a),
    Case("native, diabetes", "/api/v1/models/diabetes/predict", 200, rows([0.0] * 10),
         holds=lambda a: 25 < a["predictions"][0] < 346 and "classes" not in a),
    Case("no content type", "/predict-async", 200, ONE, headers={},
         holds=lambda a: a["prediction"] == 0),
    Case("another JSON type", "/predict-async", 200, ONE,
         headers={"Content-Type": "application/vnd.api+json; charset=utf-8"}),
]  # fmt: skip

BAD_BODIES = {
    "empty": (b"", 400, "malformed"),
    "no JSON": (b"features", 400, "malformed"),
    "cut short": (b'{"features": [1,', 400, "malformed"),
    "NaN": (b'{"features": [NaN,1,1,1]}', 400, "malformed"),
    "deep": (b'{"features": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "malformed"),
    "deeper": (b"[" * 100_000 + b"]" * 100_000, 400, "malformed"),
    "a key twice": (b'{"features": [1,2,3,4], "features": [1,2,3,4]}', 400, "malformed"),
    "not UTF-8": (b'{"features": "\xff\xfe"}', 400, "malformed"),
    "no features": (b"{}", 422, "wrong_input"),
    "null": (b'{"features": null}', 422, "wrong_input"),
    "no values": (b'{"features": []}', 422, "wrong_input"),
    "a list": (b"[1,2,3,4]", 422, "wrong_input"),
    "strings": (b'{"features": ["5.1","3.5","1.4","0.2"]}', 422, "wrong_input"),
    "infinite": (b'{"features": [1e400,1,1,1]}', 422, "wrong_input"),
}
BAD_ROWS = {
    "too few": [1, 2, 3],
    "too many": [1, 2, 3, 4, 5],
    "a string": [1, 2, 3, "4"],
    "true": [1, 2, 3, True],
    "null value": [1, 2, 3, None],
    "beyond float32": [1, 2, 3, 1e39],
    "nested": [1, 2, 3, [4]],
}


def wrong_row(path: str, row: object) -> bytes:
    """A body of the route's own shape with this row in it, behind a right one where it can be."""
    if path in SINGLE:
        return json.dumps({"features": row}).encode()
    if path in MANY:
        return json.dumps({"features": [ROW, row]}).encode()
    if path == "/batch-predict":
        return json.dumps({"requests": [{"features": ROW}, {"features": row}]}).encode()
    return json.dumps({"rows": [ROW, row]}).encode()


ROUTES = (*SINGLE, *MANY, "/batch-predict", NATIVE)
FORM = b'--x\r\nContent-Disposition: form-data; name="features"\r\n\r\n1\r\n--x--\r\n'
LANE = {  # what takes Request-Timeout, with a good body
    "/predict-async": ONE,
    "/predict-batched": ONE,
    "/predict-onnx": MATRIX,
    "/batch-predict": BATCH,
    NATIVE: rows(ROW),
}
RIGHT = LANE | {"/predict-sync": ONE, "/predict-sklearn": MATRIX}  # every route, a good body
PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}
GOOD += [
    Case(f"{coding}, {spaces} spaces {path}", path, 200, pack(body + b" " * spaces),
         headers=JSON | {"Content-Encoding": coding})
    for path, body in RIGHT.items()
    for coding, pack in PACKERS.items()
    for spaces in (0, 1_000_000)
]  # fmt: skip
GOOD += [
    Case(f"in time {path}", path, 200, body, headers=JSON | {"Request-Timeout": "30"})
    for path, body in LANE.items()
]
BAD = [
    *[
        Case(f"{given} s {path}", path, status, body,
             headers=JSON | {"Request-Timeout": given}, code=code)
        for path, body in LANE.items()
        for given, status, code in (
            ("0.000001", 504, "deadline_exceeded"),
            ("0", 400, "malformed"),
            ("soon", 400, "malformed"),
        )
    ],
    *[
        Case(f"{name} {path}", path, status, body, code=code)
        for path in ROUTES
        for name, (body, status, code) in BAD_BODIES.items()
        if not (name == "a key twice" and path not in SINGLE)  # elsewhere that shape is wrong first
    ],
    *[
        Case(f"{name} {path}", path, 422, wrong_row(path, row), code="wrong_input")
        for path in ROUTES
        for name, row in BAD_ROWS.items()
    ],
    *[
        Case(f"{kind} {path}", path, 415, body, headers={"Content-Type": kind},
             code="unsupported_media_type")
        for path in ROUTES
        for kind, body in (
            ("application/x-www-form-urlencoded", b"features=1"),
            ("multipart/form-data; boundary=x", FORM),  # Daphne itself refuses a broken one
            ("text/plain", ONE),
        )
    ],
    *[
        Case(f"{method} {path}", path, 405, method=method, code="method_not_allowed")
        for path in ROUTES
        for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS")
    ],
    *[
        Case(f"a wrong key {path}", path, 401, ONE,
             headers={**JSON, "Authorization": "Bearer mlapi_nobody"}, code="unauthenticated")
        for path in ROUTES
    ],
    *[
        Case(f"a wrong scheme {path}", path, 401, ONE,
             headers={**JSON, "Authorization": "Basic YTpi"}, code="unauthenticated")
        for path in ROUTES
    ],
    *[
        Case(f"10 MB and a byte {path}", path, 413, b" " * 10_000_001, code="body_too_large")
        for path in ROUTES
    ],
    *[
        Case(f"{name} {path}", path, status, body, headers=JSON | {"Content-Encoding": coding},
             code=code)
        for path in ROUTES
        for name, coding, body, status, code in (
            ("br", "br", ONE, 415, "unsupported_encoding"),
            ("two codings", "gzip, gzip", ONE, 415, "unsupported_encoding"),
            ("no gzip", "gzip", ONE, 400, "malformed"),
            ("no end", "gzip", gzip.compress(ONE)[:-1], 400, "malformed"),
            ("a bomb", "gzip", gzip.compress(b" " * 10_000_001), 413, "body_too_large"),
        )
    ],
    *[
        Case(f"{method} version {number}", f"/api/v1/models/iris/versions/{number}/predict", 404,
             rows(ROW), method=method, code="not_found")
        for number in ("x", "-1", "1 ", "%C2%B2")
        for method in ("POST", "GET")
    ],
    Case("no such version", "/api/v1/models/iris/versions/999/predict", 404, rows(ROW),
         code="unknown_model"),
    Case("no such alias", "/api/v1/models/iris@nobody/predict", 404, rows(ROW),
         code="unknown_model"),
    Case("no rows, batch", "/batch-predict", 422, b'{"requests": []}', code="wrong_input"),
    Case("no rows, onnx", "/predict-onnx", 422, b'{"features": []}', code="wrong_input"),
    Case("no rows, native", NATIVE, 422, b'{"rows": []}', code="wrong_input"),
    Case("rows twice, native", NATIVE, 400, b'{"rows": [[1,2,3,4]], "rows": [[1,2,3,4]]}',
         code="malformed"),
    Case("an unknown model", "/api/v1/models/nobody/predict", 404, rows(ROW),
         code="unknown_model"),
    Case("a strange name", "/api/v1/models/%2e%2e/predict", 404, rows(ROW)),
    Case("an unknown column", "/api/v1/models/churn/predict", 422, rows({"nobody": 1}),
         code="wrong_input"),
    Case("nothing there", "/predict-nothing", 404, ONE, code="not_found"),
]  # fmt: skip

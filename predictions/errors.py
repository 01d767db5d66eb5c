"""What can be wrong with a prediction request. Facts only; mlapi/problems.py gives them a status.

PredictionError
├── Malformed              not JSON, too deep, a key twice, a header that makes no sense
├── WrongInput             well-formed, but not what this model takes; never echoes values
├── UnsupportedMediaType   the body's content type is not JSON
├── UnsupportedEncoding    the body is compressed in a way that is not read here
├── MethodNotAllowed       the path exists for other methods; carries them
├── BodyTooLarge           more bytes than the limit; carries it
├── HeadersTooLarge        the request line and its headers are longer, or more, than they may be
├── TooSlow                the request did not arrive in time
├── Crowded                as many requests, or large bodies, as may be are here
├── Unauthenticated        a key was given and is not valid
├── NoOnnxArtifact         the live version has no ONNX artifact
└── NoSourceEstimator      the live version has no scikit-learn source
"""


class PredictionError(Exception):
    """Base of all; the message is a full sentence for the client."""


class Malformed(PredictionError):
    pass


class WrongInput(PredictionError):
    pass


class UnsupportedMediaType(PredictionError):
    pass


class UnsupportedEncoding(PredictionError):
    pass


class MethodNotAllowed(PredictionError):
    def __init__(self, allowed: str) -> None:
        super().__init__(f"This address answers {allowed} only.")
        self.allowed = allowed


class BodyTooLarge(PredictionError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes.")
        self.limit = limit


class HeadersTooLarge(PredictionError):
    def __init__(self, size: int, count: int) -> None:
        super().__init__(f"Headers may be {count}, of {size} bytes together.")


class TooSlow(PredictionError):
    def __init__(self, seconds: float) -> None:
        super().__init__(f"The request did not arrive within {seconds:g} seconds.")


class Crowded(PredictionError):
    pass


class Unauthenticated(PredictionError):
    pass


class NoOnnxArtifact(PredictionError):
    pass


class NoSourceEstimator(PredictionError):
    pass

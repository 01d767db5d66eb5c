"""The service that tutorials teach: FastAPI, a pydantic model, one session.run a request.

Runs in an environment of its own (requirements.txt beside it). BENCH_MODEL is the ONNX file.
"""

import os
import time

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel

# One thread: the process has one core, and more would only wait for each other.
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(
    os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
)
input_name = session.get_inputs()[0].name
label_name = session.get_outputs()[0].name


class PredictionRequest(BaseModel):
    features: list[float]


class PredictionResponse(BaseModel):
    prediction: int
    duration_ms: float
    mode: str


app = FastAPI()


@app.post("/predict")
async def predict(request: PredictionRequest) -> PredictionResponse:
    began = time.perf_counter()
    row = np.array([request.features], dtype=np.float32)
    label = session.run([label_name], {input_name: row})[0][0]
    duration_ms = (time.perf_counter() - began) * 1000
    return PredictionResponse(prediction=int(label), duration_ms=duration_ms, mode="asynchronous")

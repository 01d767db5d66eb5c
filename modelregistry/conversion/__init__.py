"""Estimator to ONNX, and the proof that both answer alike. Pure."""

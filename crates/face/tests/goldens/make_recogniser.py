#!/usr/bin/env python3
"""Makes a small face recogniser with random weights, and asks onnxruntime what it says of two crops.

Also makes means.onnx, which takes the same pictures but returns three numbers.

    python3 -m venv venv && venv/bin/pip install numpy onnx onnxruntime pillow
    venv/bin/python make_recogniser.py

Its layers are of the kinds that the published ArcFace files have after PyTorch's export (the residual network of
InsightFace): convolutions that took over their batch norms, batch norms of their own, PReLU with a slope for each
channel, constants passed on by Identity, and Flatten, Gemm and a last batch norm.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import PIL.Image
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
WIDTHS = [4, 4, 6, 6]  # channels after each block; each halves the picture
rng = np.random.default_rng(112)
nodes, constants = [], []


def constant(values):
    name = f"c{len(constants)}"
    constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
    return name


def add(kind, inputs, **attributes):
    # The constant behind an Identity stands for those that the export shares between layers.
    if kind == "PRelu":
        inputs[1] = add("Identity", [inputs[1]])
    name = f"{kind}_{len(nodes)}"
    nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
    return name


def normal(*shape, scale=1.0, mean=0.0):
    return constant(rng.normal(mean, scale, shape))


def convolution(value, inputs, outputs, size=3, stride=1):
    weights = normal(outputs, inputs, size, size, scale=(2.0 / (inputs * size * size)) ** 0.5)
    return add("Conv", [value, weights, normal(outputs, scale=0.1)], kernel_shape=[size, size], strides=[stride] * 2,
               pads=[size // 2] * 4, dilations=[1, 1], group=1)


def batch_norm(value, channels):
    variance = constant(rng.uniform(0.5, 1.5, channels))
    scale, shift, mean = normal(channels, scale=0.2, mean=1.0), normal(channels, scale=0.2), normal(channels, scale=0.2)
    return add("BatchNormalization", [value, scale, shift, mean, variance], epsilon=1e-5, momentum=0.9)


def prelu(value, channels):
    return add("PRelu", [value, constant(rng.uniform(0.05, 0.4, (channels, 1, 1)))])


def block(value, inputs, outputs):
    inner = convolution(batch_norm(value, inputs), inputs, outputs)
    inner = convolution(prelu(inner, outputs), outputs, outputs, stride=2)
    return add("Add", [inner, convolution(value, inputs, outputs, size=1, stride=2)])


def network():
    value = prelu(convolution("input.1", 3, WIDTHS[0]), WIDTHS[0])
    for inputs, outputs in zip(WIDTHS[:1] + WIDTHS, WIDTHS):
        value = block(value, inputs, outputs)
    features = WIDTHS[-1] * 7 * 7
    value = add("Flatten", [batch_norm(value, WIDTHS[-1])], axis=1)
    value = add("Gemm", [value, normal(512, features, scale=features ** -0.5), normal(512, scale=0.1)], transB=1)
    value = batch_norm(value, 512)
    nodes[-1].output[0] = "embedding"
    return model_of("recogniser", nodes, "embedding", 512, constants)


def means():
    return model_of("means", [helper.make_node("GlobalAveragePool", ["input.1"], ["pooled"]),
                              helper.make_node("Flatten", ["pooled"], ["means"], axis=1)], "means", 3)


def model_of(name, nodes, output, size, constants=()):
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["n", 3, 112, 112])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", size])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def main():
    (HERE / "means.onnx").write_bytes(means())
    model = network()
    (HERE / "recogniser.onnx").write_bytes(model)
    session = onnxruntime.InferenceSession(model)
    goldens = {}
    for name in ("middle", "edge"):
        crop = np.asarray(PIL.Image.open(HERE / f"identity_{name}.png").convert("RGB"), np.float32)
        blob = ((crop - 127.5) / 127.5).transpose(2, 0, 1)[None]
        [[embedding]] = session.run(None, {"input.1": blob})
        goldens[name] = [float(f"{value:.9g}") for value in embedding]
    lines = [f"{json.dumps(name)}: {json.dumps(values, separators=(',', ':'))}" for name, values in goldens.items()]
    (HERE / "recogniser.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()

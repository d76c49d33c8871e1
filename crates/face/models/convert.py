#!/usr/bin/env python3
"""Makes the nets and the canonical face of this crate again from Google's bundle.

    python3 -m venv venv && venv/bin/pip install numpy onnx tflite
    venv/bin/python convert.py face_landmarker.task            writes the three .onnx files here and ../data/*
    venv/bin/python convert.py face_landmarker.task --check    compares what is there instead, and runs each net in
                                                               onnxruntime and in LiteRT (pip install onnxruntime
                                                               ai-edge-litert)

README.md beside this file says where the bundle comes from.

The TensorFlow Lite graphs are NHWC; here every rank-4 value is NCHW, so that the runtime needs no transposition
between layers. Weights are stored as f16 and become f32. Only the operators that occur are handled, anything else
stops the conversion.
"""

import argparse
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
TASK_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
# net -> names of its outputs by the name that TensorFlow gave them; an output that is not named is left out.
NETS = {
    "face_detector": {"regressors": "boxes", "classificators": "logits"},
    "face_landmarks_detector": {"Identity": "landmarks", "Identity_1": "presence_logit"},
    "face_blendshapes": {"StatefulPartitionedCall:0": "scores"},
}
MESH = "geometry_pipeline_metadata_landmarks.binarypb"
# NHWC axis of each NCHW axis, and the other way round.
NHWC_OF_NCHW, NCHW_OF_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
OPERATOR_NAMES = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
ELEMENTWISE = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div"}
UNARY = {"RELU": "Relu", "LOGISTIC": "Sigmoid", "NEG": "Neg", "SQRT": "Sqrt"}
REDUCTIONS = {"MEAN": "ReduceMean", "SUM": "ReduceSum"}


class Converter:
    """One TensorFlow Lite graph on its way to ONNX."""

    def __init__(self, name, flatbuffer, output_names):
        self.name = name
        self.model = tflite.Model.GetRootAs(flatbuffer, 0)
        self.graph = self.model.Subgraphs(0)
        self.nodes, self.initializers = [], {}
        self.constants = {}  # tensor index -> array, in TensorFlow's layout
        self.output_names = output_names

    # -- reading the flatbuffer ------------------------------------------------------------------------------------

    def shape(self, index):
        tensor = self.graph.Tensors(index)
        return tuple(int(n) for n in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()

    def constant(self, index):
        """The array of a constant tensor; None for one that is computed."""
        if index not in self.constants:
            tensor = self.graph.Tensors(index)
            buffer = self.model.Buffers(tensor.Buffer())
            if buffer.DataLength() == 0:
                return None
            kind = {tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.FLOAT16: np.float16,
                    tflite.TensorType.INT32: np.int32}[tensor.Type()]
            self.constants[index] = buffer.DataAsNumpy().view(kind).reshape(self.shape(index))
        return self.constants[index]

    def options(self, operator, kind):
        options = kind()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    # -- writing the graph -----------------------------------------------------------------------------------------

    def initializer(self, name, array):
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def add(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def value(self, index):
        """The ONNX name of a value; a constant becomes an initializer that broadcasts as it did in NHWC."""
        array = self.constant(index)
        if array is None:
            return f"t{index}"
        if array.ndim == 4:
            array = array.transpose(NHWC_OF_NCHW)
        elif array.ndim == 1:
            array = array.reshape(-1, 1, 1)
        return self.initializer(f"c{index}", array.astype(np.float32))

    def ints(self, name, values):
        return self.initializer(name, np.array(values, np.int64))

    def axes(self, index, rank):
        axes = [int(a) % rank for a in np.atleast_1d(self.constant(index))]
        return sorted(NCHW_OF_NHWC[a] for a in axes) if rank == 4 else axes

    # -- operators -------------------------------------------------------------------------------------------------

    def window(self, source, kernel, options):
        """Strides and explicit padding of a convolution or a pooling."""
        strides = [options.StrideH(), options.StrideW()]
        begin, end = [0, 0], [0, 0]
        if options.Padding() == tflite.Padding.SAME:
            for axis in range(2):
                size = self.shape(source)[1 + axis]
                total = max((-(-size // strides[axis]) - 1) * strides[axis] + kernel[axis] - size, 0)
                begin[axis], end[axis] = total // 2, total - total // 2
        return {"kernel_shape": kernel, "strides": strides, "pads": begin + end}

    def activation(self, kind, output):
        """The name to write to before a fused activation, and a function that adds the activation."""
        if kind == tflite.ActivationFunctionType.NONE:
            return output, lambda: None
        if kind != tflite.ActivationFunctionType.RELU:
            raise SystemExit(f"{self.name}: fused activation {kind} is not handled")
        return f"{output}_linear", lambda: self.add("Relu", [f"{output}_linear"], output)

    def convolution(self, operator, inputs, output, depthwise):
        options = self.options(operator, tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions)
        if (options.DilationHFactor(), options.DilationWFactor()) != (1, 1):
            raise SystemExit(f"{self.name}: dilated convolutions are not handled")
        weights = self.constant(inputs[1]).astype(np.float32)
        # To (out, in / groups, rows, columns).
        weights = weights.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        window = self.window(inputs[0], list(weights.shape[2:]), options)
        bias = self.initializer(f"c{inputs[2]}", self.constant(inputs[2]).astype(np.float32))
        before, activate = self.activation(options.FusedActivationFunction(), output)
        self.add("Conv", [self.value(inputs[0]), self.initializer(f"c{inputs[1]}", weights), bias], before,
                 group=weights.shape[0] if depthwise else 1, **window)
        activate()

    def reshape(self, inputs, index, output):
        source, source_shape, shape = self.value(inputs[0]), self.shape(inputs[0]), self.shape(index)
        if len(source_shape) == 4 and source_shape[1:3] != (1, 1):
            source = self.add("Transpose", [source], f"{output}_nhwc", perm=NCHW_OF_NHWC)
        target = output if len(shape) != 4 else f"{output}_nhwc"
        self.add("Reshape", [source, self.ints(f"{output}_shape", shape)], target)
        if len(shape) == 4:
            self.add("Transpose", [target], output, perm=NHWC_OF_NCHW)

    def strided_slice(self, operator, inputs, output):
        options = self.options(operator, tflite.StridedSliceOptions)
        if options.EllipsisMask() or options.NewAxisMask():
            raise SystemExit(f"{self.name}: this kind of STRIDED_SLICE is not handled")
        shape = self.shape(inputs[0])
        begin, end, strides = ([int(n) for n in self.constant(i)] for i in inputs[1:4])
        dropped = [a for a in range(len(shape)) if options.ShrinkAxisMask() >> a & 1]
        for axis, size in enumerate(shape):
            begin[axis] = 0 if options.BeginMask() >> axis & 1 else begin[axis]
            end[axis] = size if options.EndMask() >> axis & 1 else end[axis]
            if axis in dropped:
                end[axis] = begin[axis] + 1
        axes = [NCHW_OF_NHWC[a] if len(shape) == 4 else a for a in range(len(shape))]
        parts = {"starts": begin, "ends": end, "axes": axes, "steps": strides}
        inputs = [self.value(inputs[0])] + [self.ints(f"{output}_{part}", parts[part]) for part in parts]
        self.add("Slice", inputs, f"{output}_kept" if dropped else output)
        if dropped:
            if len(shape) == 4:
                raise SystemExit(f"{self.name}: dropping an axis of a picture is not handled")
            self.add("Squeeze", [f"{output}_kept", self.ints(f"{output}_dropped", dropped)], output)

    def operator(self, operator):
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        kind = OPERATOR_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = [int(i) for i in operator.InputsAsNumpy() if i >= 0]
        index = int(operator.OutputsAsNumpy()[0])
        output, rank = f"t{index}", len(self.shape(inputs[0]))
        if kind == "DEQUANTIZE":
            self.constants[index] = self.constant(inputs[0]).astype(np.float32)
        elif kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            self.convolution(operator, inputs, output, kind == "DEPTHWISE_CONV_2D")
        elif kind == "MAX_POOL_2D":
            options = self.options(operator, tflite.Pool2DOptions)
            kernel = [options.FilterHeight(), options.FilterWidth()]
            self.add("MaxPool", [self.value(inputs[0])], output, **self.window(inputs[0], kernel, options))
        elif kind in ELEMENTWISE:
            options = self.options(operator, getattr(tflite, f"{kind.capitalize()}Options"))
            before, activate = self.activation(options.FusedActivationFunction(), output)
            self.add(ELEMENTWISE[kind], [self.value(i) for i in inputs], before)
            activate()
        elif kind in UNARY:
            self.add(UNARY[kind], [self.value(inputs[0])], output)
        elif kind == "RSQRT":
            self.add("Sqrt", [self.value(inputs[0])], f"{output}_root")
            self.add("Reciprocal", [f"{output}_root"], output)
        elif kind == "SQUARED_DIFFERENCE":
            self.add("Sub", [self.value(i) for i in inputs], f"{output}_difference")
            self.add("Mul", [f"{output}_difference"] * 2, output)
        elif kind == "PRELU":
            slope = self.constant(inputs[1]).astype(np.float32).reshape(-1, 1, 1)
            self.add("PRelu", [self.value(inputs[0]), self.initializer(f"c{inputs[1]}", slope)], output)
        elif kind == "PAD":
            padding = self.constant(inputs[1])[list(NHWC_OF_NCHW)]
            pads = self.ints(f"{output}_pads", np.concatenate([padding[:, 0], padding[:, 1]]))
            self.add("Pad", [self.value(inputs[0]), pads], output)
        elif kind in REDUCTIONS:
            keep = self.options(operator, tflite.ReducerOptions).KeepDims()
            axes = self.axes(inputs[1], rank)
            if kind == "SUM":  # In opset 13 the axes of a sum are an input, those of a mean still an attribute.
                self.add("ReduceSum", [self.value(inputs[0]), self.ints(f"{output}_axes", axes)], output, keepdims=keep)
            else:
                self.add("ReduceMean", [self.value(inputs[0])], output, axes=axes, keepdims=keep)
        elif kind == "TRANSPOSE":
            order = [int(n) for n in self.constant(inputs[1])]
            if rank == 4:
                order = [NCHW_OF_NHWC[order[NHWC_OF_NCHW[axis]]] for axis in range(4)]
            self.add("Transpose", [self.value(inputs[0])], output, perm=order)
        elif kind == "CONCATENATION":
            axis = self.options(operator, tflite.ConcatenationOptions).Axis() % rank
            axis = NCHW_OF_NHWC[axis] if rank == 4 else axis
            self.add("Concat", [self.value(i) for i in inputs], output, axis=axis)
        elif kind == "RESHAPE":
            self.reshape(inputs, index, output)
        elif kind == "STRIDED_SLICE":
            self.strided_slice(operator, inputs, output)
        else:
            raise SystemExit(f"{self.name}: operator {kind} is not handled")

    # -- the whole -------------------------------------------------------------------------------------------------

    def convert(self):
        for i in range(self.graph.OperatorsLength()):
            self.operator(self.graph.Operators(i))
        source = int(self.graph.InputsAsNumpy()[0])
        outputs = []
        for index in map(int, self.graph.OutputsAsNumpy()):
            name = self.output_names.get(self.graph.Tensors(index).Name().decode())
            if name:
                shape = self.shape(index)
                self.add("Reshape", [f"t{index}", self.ints(f"{name}_shape", shape)], name)
                outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        self.drop_unused(outputs)
        for node in self.nodes:
            node.input[:] = ["input" if name == f"t{source}" else name for name in node.input]
        shape = self.shape(source)
        shape = [shape[a] for a in NHWC_OF_NCHW] if len(shape) == 4 else shape
        graph = helper.make_graph(self.nodes, self.name, [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
                                  outputs, list(self.initializers.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)

    def drop_unused(self, outputs):
        needed, kept = {output.name for output in outputs}, []
        for node in reversed(self.nodes):
            if node.output[0] in needed:
                needed.update(node.input)
                kept.append(node)
        self.nodes = kept[::-1]
        self.initializers = {name: value for name, value in self.initializers.items() if name in needed}


# -- the canonical face ------------------------------------------------------------------------------------------------


def protobuf_fields(message):
    """(number, value) of each field; numbers as int, anything longer as bytes."""
    stream = io.BytesIO(message)

    def varint():
        result = shift = 0
        while True:
            byte = stream.read(1)[0]
            result |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return result

    while stream.tell() < len(message):
        key = varint()
        size = {0: None, 1: 8, 2: None, 5: 4}[key & 7]
        value = varint() if key & 7 == 0 else stream.read(size or varint())
        yield key >> 3, value


def decimal(four_bytes):
    """The shortest text that reads back as the same f32."""
    return np.format_float_positional(np.frombuffer(four_bytes, "<f4")[0], unique=True, trim="-")


def canonical_face(metadata):
    """The two data files, from MediaPipe's geometry metadata: field 1 is the mesh (3: five floats a vertex, position
    and texture; 4: three indices a triangle), field 2 a landmark of the Procrustes fit (1: index, 2: weight)."""
    fields = list(protobuf_fields(metadata))
    mesh = list(protobuf_fields(next(value for number, value in fields if number == 1)))
    floats = [value for number, value in mesh if number == 3]
    corners = [value + 1 for number, value in mesh if number == 4]
    lines = [
        "# MediaPipe's canonical face: 468 vertices in centimetres, 898 triangles (indices from 1, as in every OBJ file).",
        "# x: the subject's left (right in an unmirrored picture), y: up, z: out of the face, towards the camera.",
        "# Vertex i + 1 is landmark i. Triangles wind counter-clockwise seen from outside. Made by models/convert.py.",
    ]
    lines += ["v " + " ".join(map(decimal, floats[i:i + 3])) for i in range(0, len(floats), 5)]
    lines += ["f " + " ".join(map(str, corners[i:i + 3])) for i in range(0, len(corners), 3)]
    weights = ["# The landmarks that fix the head pose and their weights in the Procrustes fit: landmark (from 0), weight."]
    for number, value in fields:
        if number == 2:
            pair = dict(protobuf_fields(value))
            weights.append(f"{pair.get(1, 0)} {decimal(pair[2])}")
    return {"canonical_face.obj": "\n".join(lines) + "\n", "procrustes_landmarks.txt": "\n".join(weights) + "\n"}


# -- checking ----------------------------------------------------------------------------------------------------------


def compare(name, flatbuffer, model):
    """Runs a net in LiteRT and in onnxruntime on the same random input; the largest difference of each output."""
    import onnxruntime
    from ai_edge_litert.interpreter import Interpreter

    reference = Interpreter(model_content=flatbuffer)
    reference.allocate_tensors()
    detail = reference.get_input_details()[0]
    values = np.random.default_rng(0).random(detail["shape"], np.float32) * (100 if name == "face_blendshapes" else 1)
    reference.set_tensor(detail["index"], values)
    reference.invoke()
    expected = {NETS[name][d["name"]]: reference.get_tensor(d["index"]) for d in reference.get_output_details()
                if d["name"] in NETS[name]}
    session = onnxruntime.InferenceSession(model)
    values = values.transpose(NHWC_OF_NCHW) if values.ndim == 4 else values
    found = dict(zip([o.name for o in session.get_outputs()], session.run(None, {"input": values})))
    for output, array in expected.items():
        difference = float(np.abs(array - found[output]).max())
        print(f"{name} {output} {array.shape}: largest difference from LiteRT {difference:.2e}")
        if not difference <= 1e-3:
            sys.exit(f"{name}: {output} differs")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", type=Path, help="face_landmarker.task")
    parser.add_argument("--check", action="store_true", help="compare with the files that are there; write nothing")
    arguments = parser.parse_args()
    bundle = arguments.task.read_bytes()
    found = hashlib.sha256(bundle).hexdigest()
    if found != TASK_SHA256:
        sys.exit(f"{arguments.task}: sha256 is {found}, expected {TASK_SHA256}\nhint: README.md says which version it is")
    members = zipfile.ZipFile(io.BytesIO(bundle))
    files = {HERE.parents[1] / "topology" / "data" / name: text.encode() for name, text in canonical_face(members.read(MESH)).items()}
    for name, outputs in NETS.items():
        flatbuffer = members.read(f"{name}.tflite")
        files[HERE / f"{name}.onnx"] = model = Converter(name, flatbuffer, outputs).convert()
        if arguments.check:
            compare(name, flatbuffer, model)
    for path, content in files.items():
        if not arguments.check:
            path.write_bytes(content)
        elif path.read_bytes() != content:
            sys.exit(f"{path} is not what this script makes")
        print(hashlib.sha256(content).hexdigest(), path.relative_to(HERE.parent))


if __name__ == "__main__":
    main()

"""Make the graphs that the package ships, and the smoothing factors that belong to them. A development tool.

    pip install onnx
    python scripts/build_graph.py minilm|e5-multi|arctic-xs [weights]

A graph is BERT in opset 20 with the pooling of its model and L2 norm, each product of activations and weights in int8;
that of a model whose weights were not at hand is in float, and needs none. It has no attention mask: a batch is of
texts of one length. It holds the ranges of the activations and no weights: those are external stubs that
embedding/quantization.py fills when the model is opened. Ranges and smoothing factors are measured here, by running the
same graph in float over texts of the Python distribution and some lines of other scripts. Method: SmoothQuant (Xiao et
al. 2023) with alpha .6 for what a layer norm gives; FFN activations are cut off at 12, which a few tokens of a few
channels pass.
"""

import argparse
import importlib.util
import json
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from vectorstores_server.engines.local.embedding.model_tokens import token_ids
from vectorstores_server.engines.local.embedding.models import CARDS, DIMENSIONS
from vectorstores_server.engines.local.embedding.prepared import data_file, prepared_arrays
from vectorstores_server.engines.local.embedding.quantization import HEAD, graph_arrays, input_name, words_of
from vectorstores_server.engines.local.embedding.tensors import whole
from vectorstores_server.engines.local.embedding.tokenizer import wordpiece
from vectorstores_server.engines.local.embedding.weights import find_weights

MICROSOFT = "com.microsoft"
FFN = 1_536
ALPHA = 0.6
FFN_LIMIT = 12.0


class Graph:
    """Collects nodes and initializers. `ranges` None: in float, and every input of a linear layer is an output."""

    def __init__(self, card, ranges=None, smoothed=()):
        self.card, self.ranges, self.smoothed = card, ranges, smoothed
        self.nodes, self.constants, self.stubs, self.watched = [], {}, {}, {}

    def op(self, kind, *inputs, domain="", **attributes):
        """Add a node, and return its output."""
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def constant(self, name, value):
        """Add a value that is known now."""
        self.constants[name] = np.asarray(value)
        return name

    def stub(self, name, dtype, shape):
        """Add a value that is filled in when the model is opened."""
        self.stubs[name] = (dtype, shape)
        return name

    def norm(self, x, name):
        """Add a layer norm."""
        weights = [self.stub(f"{name}.{part}", TensorProto.FLOAT, [DIMENSIONS]) for part in ("weight", "bias")]
        return self.op("LayerNormalization", x, *weights, axis=-1, epsilon=1e-12)

    def quantised(self, x, name, width):
        """Turn what linear layers read into uint8 of a fixed range; in float it is only watched."""
        if self.ranges is None:
            self.watched[name] = x
            return x
        if name in self.smoothed:
            x = self.op("Mul", x, self.stub(f"{name}.smooth", TensorProto.FLOAT, [width]))
        low, high = self.ranges[name]
        scale = (high - low) / 255
        self.constant(f"{name}.scale", np.float32(scale))
        self.constant(f"{name}.zero", np.uint8(round(-low / scale)))
        return self.op("QuantizeLinear", x, f"{name}.scale", f"{name}.zero")

    def linear(self, x, name, shape):
        """Add a product with weights, and a bias."""
        bias = self.stub(f"{name}.bias", TensorProto.FLOAT, [shape[1]])
        if self.ranges is None:
            product = self.op("MatMul", x, self.stub(f"{name}.weight", TensorProto.FLOAT, shape))
            return self.op("Add", product, bias)
        weight = self.stub(f"{name}.weight", TensorProto.INT8, shape)
        scale = self.stub(f"{name}.weight.scale", TensorProto.FLOAT, [shape[1]])
        read = input_name(name)
        inputs = [x, weight, f"{read}.scale", scale, f"{read}.zero", "", bias]
        return self.op("MatMulIntegerToFloat", *inputs, domain=MICROSOFT)

    def model(self):
        """Return all that was added."""
        initializers = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        initializers += [stub(name, *form) for name, form in self.stubs.items()]
        inputs = [helper.make_tensor_value_info("words", TensorProto.FLOAT, ["batch", "tokens", DIMENSIONS])]
        outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSIONS])]
        outputs += [helper.make_tensor_value_info(x, TensorProto.FLOAT, None) for x in self.watched.values()]
        graph = helper.make_graph(self.nodes, self.card.title, inputs, outputs, initializers)
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="vector-stores-mcp")


def stub(name, dtype, shape):
    """Return an initializer whose bytes are somewhere else."""
    tensor = TensorProto(name=name, data_type=dtype, dims=shape, data_location=TensorProto.EXTERNAL)
    size = math.prod(shape) * (4 if dtype == TensorProto.FLOAT else 1)
    for key, value in (("location", "weights"), ("offset", "0"), ("length", str(size))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


def bert(g):
    for name, value in {"0": [0], "1": [1], "2": [2], "heads": [0, 0, -1, HEAD], "merged": [0, 0, DIMENSIONS]}.items():
        g.constant(name, np.array(value, np.int64))
    if g.card.pooling == "cls":
        g.constant("first", np.array(0, np.int64))
    x = g.norm(embeddings(g), "embeddings.LayerNorm")
    for number in range(g.card.layers):
        x = layer(g, x, f"encoder.layer.{number}")
    pooled = g.op("ReduceMean", x, "1", keepdims=0) if g.card.pooling == "mean" else g.op("Gather", x, "first", axis=1)
    g.nodes.append(helper.make_node("LpNormalization", [pooled], ["embedding"], axis=-1, p=2))


def embeddings(g):
    """Add the positions to the words, which are looked up outside: the runtime would copy all of them."""
    tokens = g.op("Slice", g.op("Shape", "words"), "1", "2", "0")
    positions = g.stub("positions", TensorProto.FLOAT, [g.card.window, DIMENSIONS])
    return g.op("Add", "words", g.op("Slice", positions, "0", tokens, "0"))


def layer(g, x, name):
    square = [DIMENSIONS, DIMENSIONS]
    read = g.quantised(x, f"{name}.attention.self", DIMENSIONS)

    def heads(part, order):
        of_all = g.linear(read, f"{name}.attention.self.{part}", square)
        return g.op("Transpose", g.op("Reshape", of_all, "heads"), perm=order)

    scores = g.op("MatMul", heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]))
    attention = g.op("Softmax", scores, axis=-1)
    seen = g.op("Transpose", g.op("MatMul", attention, heads("value", [0, 2, 1, 3])), perm=[0, 2, 1, 3])
    seen = g.quantised(g.op("Reshape", seen, "merged"), f"{name}.attention.output", DIMENSIONS)
    x = g.norm(
        g.op("Add", g.linear(seen, f"{name}.attention.output.dense", square), x), f"{name}.attention.output.LayerNorm"
    )
    read = g.quantised(x, f"{name}.intermediate", DIMENSIONS)
    wide = g.op("Gelu", g.linear(read, f"{name}.intermediate.dense", [DIMENSIONS, FFN]))
    wide = g.quantised(wide, f"{name}.output", FFN)
    return g.norm(g.op("Add", g.linear(wide, f"{name}.output.dense", [FFN, DIMENSIONS]), x), f"{name}.output.LayerNorm")


def float_arrays(weights):
    """Return the arrays of the float graph: weights as they are, only word embeddings in int8."""
    arrays = graph_arrays(weights.tensors(), {}, replace(weights.card, precision="float32"))
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def session(graph, arrays):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(arrays[name]) for name in graph.stubs]
    options.add_external_initializers(list(graph.stubs), values)
    return onnxruntime.InferenceSession(graph.model().SerializeToString(), options, providers=["CPUExecutionProvider"])


def texts() -> Iterator[str]:
    """English prose, source code, numbers, short questions and other scripts: all that a user may bring."""
    topics = "\n".join(importlib.import_module("pydoc_data.topics").topics.values())
    yield from (topics[at : at + 700] for at in range(0, len(topics) - 700, len(topics) // 150))
    for module in ("typing", "json.decoder", "http.client", "asyncio.tasks"):
        source = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
        yield from (source[at : at + 600] for at in range(0, min(len(source), 18_000), 600))
    chance = random.Random(1)
    yield from (" | ".join(f"{chance.gauss(0, 9):.3f}" for _ in range(60)) for _ in range(10))
    vocabulary = [word for word in wordpiece().get_vocab() if word.isalpha()]
    vocabulary.sort()
    yield from (" ".join(chance.choices(vocabulary, k=110)) for _ in range(30))
    yield from ("error", "how do I open a file?", "a", "?", "12", "the", ".", "password reset", "!!!", "-" * 40, "C++")
    yield "向量数据库是一种专门用于存储和检索高维向量的数据库。" * 5
    yield "Быстрая коричневая лиса прыгает через ленивую собаку. " * 5
    yield "Die schnelle braune Füchsin springt über den faulen Hund; " * 5
    yield "ベクトルデータベースは高次元ベクトルを検索するためのものです。" * 5
    yield "벡터 데이터베이스는 고차원 벡터를 저장하고 검색하기 위한 데이터베이스이다. " * 5
    yield "قاعدة بيانات المتجهات مخصصة لتخزين المتجهات عالية الأبعاد والبحث عنها. " * 5
    yield "वेक्टर डेटाबेस उच्च-आयामी वेक्टर को संग्रहीत करने और खोजने के लिए है। " * 5
    yield "ฐานข้อมูลเวกเตอร์ใช้สำหรับจัดเก็บและค้นหาเวกเตอร์มิติสูง" * 5
    yield "La base de données vectorielle sert à stocker et à retrouver des vecteurs de grande dimension. " * 5


def calibrate(weights):
    """Per input of the linear layers, for each channel, the least and the greatest value over all texts."""
    card = weights.card
    graph = Graph(card)
    bert(graph)
    arrays = float_arrays(weights)
    run = session(graph, arrays)
    ids_of = token_ids(card, weights.tokenizer, prepared_arrays(weights, None) if card.tokens == "unigram" else {})
    least, greatest = {}, {}
    for number, text in enumerate(texts()):
        prefix = card.query_prefix if number % 4 == 0 else card.document_prefix
        ids = np.array([ids_of(prefix + text)], np.int64)
        found = run.run(list(graph.watched.values()), {"words": words_of(arrays, ids)})
        for name, values in zip(graph.watched, found, strict=True):
            low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
            least[name] = np.minimum(least.get(name, low), low)
            greatest[name] = np.maximum(greatest.get(name, high), high)
    return least, greatest


def smoothing_factors(weights, least, greatest):
    """How much of each channel's size to move into the weights, for what comes from a layer norm."""
    weight = {}
    for tensor in weights.tensors():
        read = input_name(tensor.name.removesuffix(".weight"))
        if read.endswith((".attention.self", ".intermediate")) and len(tensor.shape) == 2:
            weight[read] = np.maximum(weight.get(read, 0), np.abs(whole(tensor)).max(axis=0))
    factors = {}
    for name, largest in weight.items():
        factor = np.maximum(-least[name], greatest[name]) ** ALPHA / largest ** (1 - ALPHA)
        factors[name] = (factor / np.exp(np.log(factor).mean())).astype(np.float32)
    return factors


def quantised_graph(weights):
    """Measure ranges, and return the graph in int8 and its factors."""
    least, greatest = calibrate(weights)
    factors = smoothing_factors(weights, least, greatest)
    ranges = {}
    for name in least:
        factor = factors.get(name, 1)
        low, high = float((least[name] / factor).min()), float((greatest[name] / factor).max())
        ffn = name.endswith(".output") and not name.endswith("attention.output")
        ranges[name] = (low, min(high, FFN_LIMIT) if ffn else high)
    print(json.dumps({name: [round(end, 2) for end in pair] for name, pair in ranges.items()}, indent=1))
    return Graph(weights.card, ranges, factors), factors


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("model", choices=CARDS)
    arguments.add_argument("weights", nargs="?", type=Path)
    given = arguments.parse_args()
    card = CARDS[given.model]
    graph, factors = Graph(card), {}
    if card.precision == "int8":
        weights = find_weights(card, given.weights, Path())
        if weights is None:
            sys.exit("The weights are not installed; name their file.")
        graph, factors = quantised_graph(weights)
        np.savez(data_file(f"{card.graph}.npz"), **factors)
    bert(graph)
    graph.watched.clear()  # they are outputs while ranges are measured
    data_file(f"{card.graph}.onnx").write_bytes(graph.model().SerializeToString())


if __name__ == "__main__":
    main()

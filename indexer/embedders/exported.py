"""A sentence transformer as an OpenVINO graph: exported here, int8 weights, started without PyTorch.

Weights are int8, one scale a row; activations are rounded to int8 in groups as they come (dynamic quantisation), so
that no calibration texts are needed and a text's vector does not depend on its neighbours in a batch (Dettmers et al.
2022, LLM.int8(), on why scales per row and group keep the quality).
"""

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GROUP = 128  # activations that share a scale; 384 is no faster and twice as far from the original
_BATCH_TOKENS = 2048  # a batch's padded tokens: larger ones leave the processor's caches
_PLENTY = 1 << 20
_GRAPH, _TOKENIZER, _FACTS = "model.xml", "tokenizer.json", "facts.json"


class CannotExport(RuntimeError):
    """A model, or this machine, does not allow an exported engine."""


def engine_name(kind: str) -> str:
    """Name an engine and its version, as part of a cache key.

    Raises:
        CannotExport: If OpenVINO is not installed.
    """
    try:
        import openvino
    except ImportError:
        raise CannotExport(
            "the package openvino is missing: pip install openvino makes this several times as fast"
        ) from None
    return f"openvino-{openvino.__version__.split('-')[0]}-{kind}-assort-{version('assort')}"


def export(model: Any, folder: Path, *, int8: bool) -> None:
    """Write a sentence transformer as a graph from token ids to sentence vectors, all its modules in it.

    Args:
        model: A `SentenceTransformer`.
        folder: Empty.
        int8: Round the weights to int8; else they are kept as float16.

    Raises:
        CannotExport: If the model is more than a graph from tokens to a vector, or holds what cannot be traced.
    """
    import openvino

    tokenizer = usable_tokenizer(model)
    graph = _traced(model)
    if int8:
        _round_weights(graph)
    try:
        openvino.save_model(graph, folder / _GRAPH, compress_to_fp16=not int8)
    except RuntimeError as error:  # all that OpenVINO says of a full disk is that a stream failed
        raise OSError(f"OpenVINO cannot write there: {str(error).strip().splitlines()[-1]}") from error
    (folder / _TOKENIZER).write_text(tokenizer.backend_tokenizer.to_str(), encoding="utf-8")
    facts = {
        "dim": model.get_embedding_dimension(),
        "max_tokens": model.max_seq_length,
        "pad_id": tokenizer.pad_token_id,
        "lower": bool(getattr(model[0], "do_lower_case", False)),
    }
    (folder / _FACTS).write_text(json.dumps(facts), encoding="utf-8")


class ExportedEngine:
    """Embeds with an exported graph.

    Args:
        folder: As `export` wrote it.
        max_tokens: Cut texts here if the model would not cut them earlier.

    Raises:
        CannotExport: If OpenVINO cannot run the graph on this machine.
        ValueError: If a file in the folder is damaged; KeyError, TypeError and FileNotFoundError likewise.
    """

    def __init__(self, folder: Path, *, max_tokens: int | None = None) -> None:
        import openvino
        from tokenizers import Tokenizer

        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        self.dim = int(facts["dim"])
        self._pad_id, self._lower = int(facts["pad_id"]), bool(facts["lower"])
        self._tokenizer = Tokenizer.from_buffer((folder / _TOKENIZER).read_bytes())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(min(facts["max_tokens"], max_tokens or facts["max_tokens"]))
        # Pinned threads would fight those of Faiss and PyTorch for the same cores.
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": _GROUP,
        }
        core = openvino.Core()
        try:
            graph = core.read_model(folder / _GRAPH)
        except RuntimeError as error:
            raise ValueError(f"'{folder / _GRAPH}' is damaged: delete its folder") from error
        try:
            self._request = core.compile_model(graph, "CPU", options).create_infer_request()
        except RuntimeError as error:  # an operation this processor cannot do
            raise CannotExport(f"OpenVINO cannot run '{folder}' ({str(error).strip().splitlines()[-1]})") from error

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as float32 (b, dim), rows of length 1; of like length together, so that little is padding."""
        plain = [text.strip().lower() if self._lower else text.strip() for text in texts]
        return self.embed_tokens([encoding.ids for encoding in self._tokenizer.encode_batch_fast(plain)])

    def embed_tokens(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Embed lists of token ids, with those that begin and end a text, as float32 (b, dim), rows of length 1."""
        vectors = np.empty((len(tokens), self.dim), dtype=np.float32)
        for rows in batches([len(ids) for ids in tokens]):
            ids = np.full((len(rows), max(len(tokens[row]) for row in rows)), self._pad_id, dtype=np.int64)
            mask = np.zeros_like(ids)
            for line, row in enumerate(rows):
                ids[line, : len(tokens[row])] = tokens[row]
                mask[line, : len(tokens[row])] = 1
            vectors[rows] = self._request.infer({0: ids, 1: mask}, share_inputs=True)[0]
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        return vectors


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Cut rows into batches of like length, longest first, each of a limited number of tokens with the padding."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def usable_tokenizer(model: Any) -> Any:
    """Give the tokenizer of a model that embeds a text as it stands, padded on the right.

    Raises:
        CannotExport: If it does otherwise.
    """
    tokenizer: Any = getattr(model, "tokenizer", None)
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise CannotExport("its tokenizer is not of the tokenizers library")
    if tokenizer.padding_side != "right" or tokenizer.pad_token_id is None:
        raise CannotExport("it does not pad on the right")
    if model.default_prompt_name is not None:
        raise CannotExport(f"it puts its prompt '{model.default_prompt_name}' before every text")
    if model.truncate_dim is not None:
        raise CannotExport(f"it gives only {model.truncate_dim} of its dimensions")
    if not model.max_seq_length or model.max_seq_length > _PLENTY:
        raise CannotExport("it states no longest text")
    return tokenizer


def _traced(model: Any) -> Any:
    """Follow a model's modules with PyTorch's tracer and hand what happened to OpenVINO."""
    import openvino
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.modules_in_order = torch.nn.ModuleList(model)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            for module in self.modules_in_order:
                features = module(features)
            return features["sentence_embedding"]

    example = {name: torch.ones((2, 7), dtype=torch.int64) for name in ("input_ids", "attention_mask")}
    example["attention_mask"][1, 5:] = 0  # some models take a shorter way, without a mask, where nothing is padded
    try:
        # Not openvino.convert_model: it does the same and reports on it to its makers.
        with _unwarned():
            decoder = TorchScriptPythonDecoder(Whole().eval(), example_input=example)
        frontend = FrontEndManager().load_by_framework("pytorch")
        graph = frontend.convert(frontend.load(decoder))
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        raise CannotExport(f"it cannot be traced ({str(error).strip().splitlines()[0]})") from error
    for place in graph.inputs:
        place.get_node().set_partial_shape(openvino.PartialShape([-1, -1]))
        place.get_node().set_element_type(openvino.Type.i64)
    graph.validate_nodes_and_infer_types()
    return graph


@contextmanager
def _unwarned() -> Iterator[None]:
    """Silence the tracer and transformers, which warn of what may go wrong: texts will tell whether it did."""
    from transformers.utils.logging import get_verbosity, set_verbosity

    verbosity = get_verbosity()
    set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        set_verbosity(verbosity)


def _round_weights(graph: Any) -> None:
    """Replace the weights of each dense layer by int8, one scale for the weights of an output."""
    from openvino import Type
    from openvino import opset13 as op

    for node in graph.get_ordered_ops():
        if node.get_type_name() != "MatMul" or node.input_value(1).get_node().get_type_name() != "Constant":
            continue
        weights = node.input_value(1).get_node().get_data().astype(np.float32)
        if weights.ndim != 2:
            continue
        if not node.get_attributes()["transpose_b"]:
            weights = weights.T
        scale = np.maximum(np.abs(weights).max(axis=1, keepdims=True), np.finfo(np.float32).tiny) / 127
        rounded = op.constant(np.round(weights / scale).astype(np.int8), Type.i8)
        restored = op.multiply(op.convert(rounded, Type.f32), op.constant(scale))
        dense = op.matmul(node.input_value(0), restored, node.get_attributes()["transpose_a"], True)
        dense.set_friendly_name(node.get_friendly_name())
        node.output(0).replace(dense.output(0))
    graph.validate_nodes_and_infer_types()

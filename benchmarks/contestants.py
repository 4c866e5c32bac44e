"""Who is measured: this package, and what a user would take instead. Each reads tokens or text and gives vectors.

A contestant is loaded with a folder of weights, a number format and a device, and then called again and again; it gives
pooled vectors in file order, and on request the last hidden state of some sequences, for parity per residue.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from virnucpro.batching import plan_batches
from virnucpro.embedding.batches import run_batches
from virnucpro.models.checkpoints import open_checkpoint
from virnucpro.models.encoders import encoder_of
from virnucpro.models.esm2 import ESM2
from virnucpro.models.pack import Pack
from virnucpro.models.placement import DTYPES, choose_placement
from virnucpro.models.tokens import PAD
from virnucpro.sequences.ragged import Ragged


class Packed:
    """This package's encoder: packed, planned by a budget of tokens."""

    def __init__(self, model: Path, dtype: str, device: str, max_tokens: int) -> None:
        placement = choose_placement(device, dtype)
        self.encoder = encoder_of(open_checkpoint(model), placement)
        self.max_tokens = max_tokens

    def pooled(self, tokens: list[Tensor]) -> Tensor:
        """One vector per sequence."""
        rows = Ragged.of([t.numpy() for t in tokens])
        vectors = torch.empty(len(rows), self.encoder.width)
        for outcome in run_batches(self.encoder, rows, plan_batches(rows.lengths, self.max_tokens), self.max_tokens):
            vectors[outcome.rows] = torch.from_numpy(outcome.vectors)
        return vectors

    @torch.inference_mode()
    def states(self, tokens: list[Tensor]) -> list[Tensor]:
        """Last hidden states."""
        pack = Pack.of([t.numpy() for t in tokens], self.encoder.model.device)
        return list(self.encoder.model(pack).float().cpu().split([len(t) for t in tokens]))


class OneByOne(Packed):
    """VirNucPro's loop: one sequence per call."""

    def pooled(self, tokens: list[Tensor]) -> Tensor:
        """One vector per sequence."""
        return torch.cat([torch.from_numpy(self.encoder.embed(Ragged.of([t.numpy()]))) for t in tokens])


class Transformers:
    """transformers' EsmModel, sdpa, padded batches with a mask; mean over residues."""

    def __init__(self, model: Path, dtype: str, device: str, max_tokens: int) -> None:
        from transformers import EsmModel

        network = EsmModel.from_pretrained(
            model, dtype=DTYPES[dtype], attn_implementation="sdpa", add_pooling_layer=False
        )
        self.network, self.device, self.max_tokens = network.eval().to(device), device, max_tokens

    def plan(self, tokens: list[Tensor]) -> list[list[int]]:
        """Sorted, by the same budget as this package."""
        return plan_batches([len(t) for t in tokens], self.max_tokens)

    @torch.inference_mode()
    def hidden(self, batch: list[Tensor]) -> Tensor:
        """Last hidden states of one padded batch."""
        ids = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=PAD).to(self.device)
        states: Tensor = self.network(input_ids=ids, attention_mask=(ids != PAD).long()).last_hidden_state
        return states

    @torch.inference_mode()
    def pooled(self, tokens: list[Tensor]) -> Tensor:
        """One vector per sequence."""
        vectors: list[Tensor] = [torch.empty(0)] * len(tokens)
        for batch in self.plan(tokens):
            hidden = self.hidden([tokens[i] for i in batch])
            for row, index in zip(hidden, batch, strict=True):
                vectors[index] = row[1 : len(tokens[index]) - 1].float().mean(0)
        return torch.stack(vectors).cpu()

    def states(self, tokens: list[Tensor]) -> list[Tensor]:
        """Last hidden states."""
        hidden = self.hidden(tokens).float().cpu()
        return [row[: len(t)] for row, t in zip(hidden, tokens, strict=True)]


class AsWritten(Transformers):
    """The same as people write it: file order, batches of eight."""

    def plan(self, tokens: list[Tensor]) -> list[list[int]]:
        """Eight neighbours at a time."""
        return [list(range(start, min(start + 8, len(tokens)))) for start in range(0, len(tokens), 8)]


class FairEsm(Transformers):
    """fair-esm's network under its extraction loop: sorted by length, at least 4,096 padded tokens per batch."""

    def __init__(self, model: Path, dtype: str, device: str, max_tokens: int) -> None:
        from esm.model.esm2 import ESM2 as FairESM2  # noqa: N811

        native = open_checkpoint(model).load(choose_placement("cpu", "fp32"))
        shape = native.config
        self.network = FairESM2(shape.layers, shape.width, shape.heads).eval()
        self.network.load_state_dict(_fair_state(native), strict=False)
        self.network.to(device, DTYPES[dtype])
        self.device, self.last, self.max_tokens = device, shape.layers, max(max_tokens, 4096)

    def plan(self, tokens: list[Tensor]) -> list[list[int]]:
        """Shortest first; a batch's longest sequence times its sequences stays within the budget."""
        batches: list[list[int]] = [[]]
        for index in sorted(range(len(tokens)), key=lambda i: len(tokens[i])):
            if batches[-1] and len(tokens[index]) * (len(batches[-1]) + 1) > self.max_tokens:
                batches.append([])
            batches[-1].append(index)
        return batches

    @torch.inference_mode()
    def hidden(self, batch: list[Tensor]) -> Tensor:
        """Last hidden states of one padded batch."""
        ids = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=PAD).to(self.device)
        states: Tensor = self.network(ids, repr_layers=[self.last])["representations"][self.last]
        return states


_FAIR_NAMES = {
    "attention_norm": "self_attn_layer_norm", "attention_output": "self_attn.out_proj", "expand": "fc1",
    "contract": "fc2", "feed_forward_norm": "final_layer_norm", "final_norm": "emb_layer_norm_after",
    "embedding": "embed_tokens",
}  # fmt: skip


def _fair_state(native: ESM2) -> dict[str, Tensor]:
    """This package's weights under fair-esm's names."""
    state: dict[str, Tensor] = {}
    for name, tensor in native.state_dict().items():
        if name == "inverse_frequencies":
            state |= {f"layers.{n}.self_attn.rot_emb.inv_freq": tensor for n in range(len(native.layers))}
        elif "query_key_value" in name:
            for part, third in zip("qkv", tensor.chunk(3), strict=True):
                state[name.replace("query_key_value", f"self_attn.{part}_proj")] = third
        else:
            state[".".join(_FAIR_NAMES.get(part, part) for part in name.split("."))] = tensor
    return state


CONTESTANTS = {
    "virnucpro": Packed,
    "one by one": OneByOne,
    "transformers, sorted": Transformers,
    "transformers, as written": AsWritten,
    "fair-esm": FairEsm,
}

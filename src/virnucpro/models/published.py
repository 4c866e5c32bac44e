"""Read the published classifiers, which are pickled modules, without running anything in them.

torch's ``weights_only`` reader accepts only the classes that it is given. It is given stand-ins, made for every file:
an empty class for each module of a published classifier. Any other class is refused by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from torch import Tensor

from virnucpro.errors import WeightsError
from virnucpro.models.classifier import HIDDEN_WIDTH
from virnucpro.models.pickles import PickleError, is_archive, load_plain

__all__ = ["read_published_tensors"]

_MODULES: Final = (
    "__main__.MLPClassifier",
    "torch.nn.modules.linear.Linear",
    "torch.nn.modules.batchnorm.BatchNorm1d",
    "torch.nn.modules.dropout.Dropout",
    "torch.nn.modules.activation.ReLU",
)
_PUBLISHED: Final = {"hidden_layer": "Linear", "bn1": "BatchNorm1d", "output_layer": "Linear", "dropout": "Dropout"}
_BATCH_NORM_EPS: Final = 1e-5

MAX_FILE_BYTES, MAX_PICKLE_BYTES = 64 << 20, 1 << 20
"""The published files have 7 MB; their pickles have a few kB."""


def read_published_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a pickled ``MLPClassifier``."""
    stand_ins = {name: type(name.rpartition(".")[2], (), {"dump_patches": False}) for name in _MODULES}
    known = [(stand_in, name) for name, stand_in in stand_ins.items()]
    try:
        if not is_archive(path):
            raise WeightsError(
                f"{path} is not a zip archive, as torch writes since 1.6; save it again with a newer torch"
            )
        root = load_plain(path, known, MAX_FILE_BYTES, MAX_PICKLE_BYTES)
        if type(root) is not stand_ins["__main__.MLPClassifier"]:
            raise WeightsError(f"{path} holds a {type(root).__name__}, not a whole MLPClassifier")
        return _tensors_of(path, root)
    except PickleError as error:
        raise WeightsError(f"{path} is no published classifier: it {error}; nothing of it was run") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        reason = f"{type(error).__name__} {error!s:.200}"
        raise WeightsError(f"{path} is no published classifier: {reason}; is it complete?") from error


def _tensors_of(path: Path, root: Any) -> dict[str, Tensor]:  # noqa: ANN401
    """Copy the tensors of an ``MLPClassifier`` from its stand-ins."""
    modules = vars(root)["_modules"]
    kinds = {name: type(module).__name__ for name, module in modules.items()}
    if {name: kind for name, kind in kinds.items() if kind != "ReLU"} != _PUBLISHED:
        raise WeightsError(f"{path} is an MLPClassifier with {kinds!r:.300}; the published ones have {_PUBLISHED}")
    norm = vars(modules["bn1"])
    if norm["eps"] != _BATCH_NORM_EPS or norm["track_running_stats"] is not True:
        raise WeightsError(f"{path} has a batch norm with eps {norm['eps']!r:.50} instead of {_BATCH_NORM_EPS}")
    tensors = {}
    for name, module in modules.items():
        for key, tensor in {**vars(module)["_parameters"], **vars(module)["_buffers"]}.items():
            if not isinstance(tensor, Tensor) or tensor.numel() * tensor.itemsize > MAX_FILE_BYTES:
                raise WeightsError(f"{path} has no tensor {name}.{key!s:.50} of a size that was published")
            tensors[f"{name}.{key}"] = tensor.detach().clone()
    if tensors["hidden_layer.weight"].shape[:1] != (HIDDEN_WIDTH,):
        shape = tuple(tensors["hidden_layer.weight"].shape)
        raise WeightsError(f"{path} has a hidden layer of shape {shape} instead of {HIDDEN_WIDTH} rows")
    return tensors

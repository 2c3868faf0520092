"""A classifier as a graph that runs without vimpac: by torch.export, or as ONNX."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..classification.model import Classifier
from ..errors import TrainingError

EXAMPLE_CLIPS = 2
FORMATS = {".pt2": "torch.export", ".onnx": "ONNX"}


class ClipProbabilities(nn.Module):
    """Codes of clips to class probabilities, with no branch on the data."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.backbone = classifier.backbone
        self.head = classifier.head

    def forward(self, codes: Tensor) -> Tensor:
        """`(N, T, H, W)` int64 codes, [PAD] past a video's end, to `(N, classes)` float32."""
        _, cls = self.backbone(codes, codes == self.backbone.pad)
        probabilities: Tensor = self.head(cls).softmax(1)
        return probabilities


def export_graph(classifier: Classifier, path: Path) -> Path:
    """Write a classifier as a graph: one input `codes`, one output `probabilities`, any N.

    Args:
        classifier: on the CPU.
        path: `NAME.pt2` for `torch.export.load`, `NAME.onnx` for ONNX runtimes (needs the extra
            `onnx`).

    Raises:
        TrainingError: another ending, or the extra is missing.
    """
    if path.suffix not in FORMATS:
        raise TrainingError(f"{path} should end in {' or '.join(FORMATS)}")
    model = ClipProbabilities(classifier).eval()
    shape = (EXAMPLE_CLIPS, classifier.config.frames, *classifier.config.grid)
    example = torch.zeros(shape, dtype=torch.int64)
    path.parent.mkdir(parents=True, exist_ok=True)
    any_number: dict[str, Any] = {"codes": {0: torch.export.Dim("clips")}}
    if path.suffix == ".pt2":
        program = torch.export.export(model, (example,), dynamic_shapes=any_number)
        torch.export.save(program, path)
        return path
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError:
        raise TrainingError("ONNX needs further packages: pip install 'vimpac[onnx]'") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own parts
        torch.onnx.export(
            model,
            (example,),
            path,
            dynamo=True,
            external_data=False,
            input_names=["codes"],
            output_names=["probabilities"],
            dynamic_shapes=any_number,
            verbose=False,
        )
    return path

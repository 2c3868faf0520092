"""The paper's fine-tuning and evaluation of each data set."""

from dataclasses import dataclass, replace

from ..loop.optimizer import OptimizerConfig
from ..model.config import ModelConfig

FINETUNING = OptimizerConfig(lr=1e-4, weight_decay=0.01, betas=(0.9, 0.999), warmup_share=0.1)
LARGE_WIDTH = 1024
"""From this width on, that of the paper's large model, the rate is halved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRecipe:
    """How a data set is fine-tuned on and evaluated.

    Attributes:
        epochs: passes over the training videos.
        batch_size: videos a step.
        optimizer: with the rate of the paper's small and base models.
        fps: token frames a second of a clip; none is as in pre-training.
        crops: squares of a frame that an evaluation averages over: 1, the centre, or 3.
    """

    epochs: int = 50
    batch_size: int = 128
    optimizer: OptimizerConfig = FINETUNING
    fps: float | None = None
    crops: int = 3


TASK_RECIPES = {
    "ssv2": TaskRecipe(epochs=22, fps=4, crops=1),
    "diving48": TaskRecipe(epochs=50, fps=4, crops=1),
    "ucf101": TaskRecipe(epochs=50, fps=2),
    "hmdb51": TaskRecipe(epochs=50, fps=4),
    "kinetics400": TaskRecipe(epochs=30, fps=2),
}


def task_recipe(task: str, model: ModelConfig | None = None) -> TaskRecipe:
    """The recipe of a task; of one's own videos, that of the paper's smaller data sets.

    Args:
        task: a name in `datasets.TASKS`.
        model: halves the rate where it is as wide as the paper's large one.
    """
    recipe = TASK_RECIPES.get(task, TaskRecipe())
    if model is None or model.width < LARGE_WIDTH:
        return recipe
    return replace(recipe, optimizer=replace(recipe.optimizer, lr=recipe.optimizer.lr / 2))

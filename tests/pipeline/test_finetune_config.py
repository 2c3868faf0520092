"""From options to a fine-tuning run, where no training is needed to see it."""

import json
from dataclasses import replace
from types import SimpleNamespace

from vimpac.datasets import LabelSource, TokenStore
from vimpac.pipeline.commands.finetune_config import resolve
from vimpac.trainer import ALONE


def test_another_task_takes_its_own_views(store, classifier, tmp_path):
    identity = TokenStore.open(store).identity
    both = replace(identity, views=("center", "center_flip"), grids=2 * identity.grids)
    mirrored = SimpleNamespace(identity=both, path=store)
    fields = json.loads((classifier / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(fields | {"views": both.views}))
    split, given = SimpleNamespace(classes=("a", "b")), {"config": tmp_path / "config.json"}
    views = {
        task: resolve(mirrored, LabelSource(task=task), split, None, given, ALONE).views
        for task in ("ucf101", "ssv2")
    }
    assert views == {"ucf101": ("center", "center_flip"), "ssv2": ("center",)}

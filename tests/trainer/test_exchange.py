"""Models in and out: the public release's layouts, exported folders, graphs, hostile files."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from vimpac.datasets import LabelSource
from vimpac.trainer import (
    Classifier,
    ImportOptions,
    ModelConfig,
    PretrainModel,
    Run,
    TrainingError,
    export_graph,
    export_run,
    from_pretrained,
    import_model,
    load_classifier,
    load_pretrained,
    read_original,
)
from vimpac.trainer.exchange import hub
from vimpac.trainer.exchange.original_shape import shape_of

PRETRAINED = Path(__file__).parents[1] / "fixtures" / "parity" / "classifier.pt"
CLASSES = ("run", "jump", "to sit")


@pytest.fixture(scope="module")
def codes():
    with np.load(PRETRAINED.with_name("expected.npz"), allow_pickle=False) as arrays:
        return torch.from_numpy(arrays["input_codes"]).long()


@pytest.fixture
def finetuned(tmp_path):
    """A fine-tuned checkpoint in the release's layout: the backbone and `cls_fc`."""
    state = torch.load(PRETRAINED, weights_only=True)
    kept = {name: weight for name, weight in state.items() if name.startswith("backbone.")}
    generator = torch.Generator().manual_seed(0)
    kept["cls_fc.weight"] = torch.randn(3, 128, generator=generator)
    kept["cls_fc.bias"] = torch.randn(3, generator=generator)
    torch.save(kept, tmp_path / "finetuned.pt")
    return tmp_path / "finetuned.pt"


def outputs(model, codes):
    padding = model.backbone.padding_of(codes)
    with torch.no_grad():
        hidden, cls = model.backbone(codes, padding)
        head = model.head(cls) if isinstance(model, Classifier) else model.contrastive_head(cls)
    return hidden, cls, head


def assert_same_outputs(first, second, codes):
    assert type(first) is type(second)
    for one, other in zip(outputs(first, codes), outputs(second, codes), strict=True):
        assert torch.equal(one, other)


def test_a_pretrained_checkpoint_comes_in_and_out_unchanged(tmp_path, codes):
    original = read_original(PRETRAINED).model()
    run = Run(tmp_path / "run")
    import_model(PRETRAINED, run, ImportOptions())
    assert_same_outputs(load_pretrained(run), original, codes)
    export_run(run, tmp_path / "out")
    assert_same_outputs(from_pretrained(tmp_path / "out"), original, codes)
    again = Run(tmp_path / "again")
    import_model(tmp_path / "out", again, ImportOptions())
    assert again.config == run.config
    assert_same_outputs(load_pretrained(again), original, codes)
    export_run(again, tmp_path / "twice")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()


def test_a_finetuned_checkpoint_comes_in_and_out_unchanged(tmp_path, codes, finetuned):
    original = read_original(finetuned).model()
    with torch.no_grad():
        by_hand = outputs(original, codes)[1] @ torch.load(finetuned)["cls_fc.weight"].T
        by_hand += torch.load(finetuned)["cls_fc.bias"]
    torch.testing.assert_close(outputs(original, codes)[2], by_hand, atol=1e-5, rtol=1e-5)
    run, labels = Run(tmp_path / "run"), LabelSource(task="folder")
    import_model(finetuned, run, ImportOptions(classes=CLASSES, labels=labels, stride=4))
    assert_same_outputs(load_classifier(run), original, codes)
    export_run(run, tmp_path / "out")
    assert_same_outputs(from_pretrained(str(tmp_path / "out")), original, codes)
    again = Run(tmp_path / "again")
    import_model(tmp_path / "out", again, ImportOptions())
    assert again.config == run.config
    assert (again.config["classes"], again.config["stride"]) == (list(CLASSES), 4)
    assert_same_outputs(load_classifier(again), original, codes)


def test_the_exported_folder_is_laid_out_as_the_hub_has_it(tmp_path, finetuned):
    import_model(finetuned, Run(tmp_path / "run"), ImportOptions(classes=CLASSES))
    export_run(Run(tmp_path / "run"), tmp_path / "sitting")
    names = {path.name for path in (tmp_path / "sitting").iterdir()}
    assert names == {"README.md", "config.json", "model.safetensors"}
    config = json.loads((tmp_path / "sitting" / "config.json").read_text())
    assert config["library_name"] == "vimpac"
    assert config["classes"] == list(CLASSES)
    card = (tmp_path / "sitting" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: vimpac\npipeline_tag: video-classification\n")
    assert "3 classes: run, jump, to sit." in card
    assert 'from_pretrained("sitting")' in card
    with pytest.raises(TrainingError, match="is there already"):
        export_run(Run(tmp_path / "run"), tmp_path / "sitting")


@pytest.mark.parametrize("prefix", ["module.", ""])
@pytest.mark.parametrize("head", ["cls_fc.", "cls_fc.1."])
def test_other_spellings_of_a_finetuned_checkpoint(tmp_path, codes, finetuned, prefix, head):
    state = torch.load(finetuned, weights_only=True)
    spelt = {prefix + name.replace("cls_fc.", head): value for name, value in state.items()}
    torch.save(spelt, tmp_path / "spelt.pt")
    wanted, read = (read_original(path).model() for path in (finetuned, tmp_path / "spelt.pt"))
    assert_same_outputs(read, wanted, codes)


def test_narrow_attention_has_heads_of_32_as_the_large_model():
    for preset in ("small", "large"):
        config = ModelConfig(
            vocabulary=8192, frames=5, grid=(16, 16), layers=1, width=1024, mlp_width=64,
            heads=16, attention_width=512 if preset == "large" else 0, projection_layers=3,
            projection_width=32,
        )  # fmt: skip
        with torch.device("meta"):
            weights = PretrainModel(config).state_dict()
        assert shape_of(weights) == config


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (Path.touch, (self.target,))


def test_a_hostile_pickle_is_refused_in_one_line_and_nothing_runs(tmp_path):
    for place, content in enumerate(
        (Hostile(tmp_path / "ran"), {"backbone.cls_param": Hostile(tmp_path / "ran")})
    ):
        torch.save(content, tmp_path / f"{place}.pt")
        with pytest.raises(TrainingError, match="nothing in it was run") as refusal:
            import_model(tmp_path / f"{place}.pt", Run(tmp_path / "run"), ImportOptions())
        assert "\n" not in str(refusal.value)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop("backbone.cls_param"), "backbone.cls"),
        (lambda state: state.update({"backbone.extra": torch.zeros(1)}), "backbone.extra"),
        (lambda state: state.update({"cls_fc.bias": torch.zeros(7)}), "head.linear.bias"),
        (lambda state: state.clear(), "backbone.embedding"),
        (lambda state: state.update({"epoch": 3}), "not a state dict"),
    ],
)
def test_what_is_no_checkpoint_of_the_release_is_refused(tmp_path, finetuned, change, says):
    state = torch.load(finetuned, weights_only=True)
    change(state)
    torch.save(state, tmp_path / "changed.pt")
    with pytest.raises(TrainingError, match="not a checkpoint of the public release") as refusal:
        read_original(tmp_path / "changed.pt")
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_head_of_another_task_is_refused(tmp_path, finetuned):
    with pytest.raises(TrainingError, match="has 3 classes, 2 are named"):
        import_model(finetuned, Run(tmp_path / "run"), ImportOptions(classes=("a", "b")))


def test_weights_that_do_not_fit_their_configuration_are_refused(tmp_path, finetuned):
    run = Run(tmp_path / "run")
    import_model(finetuned, run, ImportOptions(classes=CLASSES))
    config = {**run.config, "classes": ["a", "b"]}
    (run.path / "config.json").write_text(json.dumps(config))
    with pytest.raises(TrainingError, match=r"is not of the model .*head\.linear"):
        load_classifier(run)
    with pytest.raises(TrainingError, match="do not fit the configuration"):
        export_run(run, tmp_path / "out")


@pytest.mark.parametrize(
    "changed",
    [{"format_version": "one"}, {"model": None}, {"classes": "ab"}, {"kind": "bert"}],
)
def test_a_folder_that_is_no_exported_model_is_refused(tmp_path, finetuned, changed):
    run, out = Run(tmp_path / "run"), tmp_path / "out"
    import_model(finetuned, run, ImportOptions(classes=CLASSES))
    export_run(run, out)
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps(config | changed))
    with pytest.raises(TrainingError) as refusal:
        from_pretrained(out)
    assert str(out) in str(refusal.value)


def test_a_fresh_head_is_refused(tmp_path, finetuned):
    state = torch.load(finetuned, weights_only=True)
    state["cls_fc.weight"].zero_()
    torch.save(state, tmp_path / "fresh.pt")
    import_model(tmp_path / "fresh.pt", Run(tmp_path / "run"), ImportOptions())
    with pytest.raises(TrainingError, match="its classifier is fresh"):
        load_classifier(Run(tmp_path / "run"))


def test_a_model_of_another_vocabulary_does_not_fit_a_store(tmp_path, store):
    with pytest.raises(TrainingError, match="has 12 codes, the model 8192"):
        import_model(PRETRAINED, Run(tmp_path / "run"), ImportOptions(), store=store)


SMALL = ModelConfig(
    vocabulary=12, frames=3, grid=(2, 2), layers=1, width=16, heads=2, mlp_width=16
)  # fmt: skip


@pytest.fixture(scope="module")
def served():
    torch.manual_seed(0)
    model = Classifier(SMALL, 4).eval()
    torch.nn.init.normal_(model.head.linear.weight)
    clips = torch.randint(12, (5, 3, 2, 2))
    clips[2, 1:] = model.backbone.pad
    with torch.no_grad():
        return model, clips, model(clips).softmax(1)


def test_a_graph_of_torch_export_gives_the_models_probabilities(tmp_path, served):
    model, clips, wanted = served
    export_graph(model, tmp_path / "model.pt2")
    graph = torch.export.load(tmp_path / "model.pt2").module()
    for count in (1, 5):
        torch.testing.assert_close(graph(clips[:count]), wanted[:count], atol=1e-6, rtol=0)


def test_an_onnx_graph_gives_the_models_probabilities(tmp_path, served):
    import onnxruntime

    model, clips, wanted = served
    export_graph(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for count in (1, 5):
        (given,) = session.run(["probabilities"], {"codes": clips[:count].numpy()})
        np.testing.assert_allclose(given, wanted[:count].numpy(), atol=1e-5)


def test_a_graph_of_another_ending_is_refused(tmp_path, served):
    with pytest.raises(TrainingError, match=r"\.pt2 or \.onnx"):
        export_graph(served[0], tmp_path / "model.pb")


@pytest.fixture
def fake_hub(monkeypatch, tmp_path):
    """What of huggingface_hub is used, with a folder in the hub's place."""
    uploaded: dict[str, object] = {}

    def snapshot_download(repository, allow_patterns):
        if repository not in uploaded:
            raise FileNotFoundError(f"404: {repository}\nno such repository")
        return uploaded[repository]

    library = SimpleNamespace(
        create_repo=lambda repository, private, exist_ok: uploaded.setdefault(repository, None),
        upload_folder=lambda repo_id, folder_path: uploaded.update({repo_id: folder_path}),
        snapshot_download=snapshot_download,
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", library)


def test_a_pushed_model_can_be_had_by_its_name(tmp_path, finetuned, codes, fake_hub):
    import_model(finetuned, Run(tmp_path / "run"), ImportOptions(classes=CLASSES))
    folder = export_run(Run(tmp_path / "run"), tmp_path / "out")
    assert hub.push(folder, "me/sitting") == "https://huggingface.co/me/sitting"
    assert_same_outputs(
        from_pretrained("me/sitting"), load_classifier(Run(tmp_path / "run")), codes
    )
    with pytest.raises(TrainingError, match="me/none is neither a folder nor a model") as refusal:
        from_pretrained("me/none")
    assert "\n" not in str(refusal.value)


def test_without_the_extra_the_hub_is_refused_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(TrainingError, match=r"pip install 'vimpac\[hub\]'"):
        from_pretrained("me/none")

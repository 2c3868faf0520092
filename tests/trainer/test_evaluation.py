"""Evaluation against a slow reference, on one rank and two; features with nothing fine-tuned."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from counting_stores import VOCABULARY, build
from ranks import run_ranks
from vimpac.datasets import (
    FULL,
    LabelSource,
    PlanItem,
    ShardWriter,
    SourceInfo,
    StoreIdentity,
    TokenizerIdentity,
    TokenStore,
    commit_shard,
    create_store,
    make_plan,
)
from vimpac.trainer import (
    ALONE,
    EvaluationConfig,
    FinetuneConfig,
    LoopConfig,
    ModelConfig,
    OptimizerConfig,
    PretrainConfig,
    Run,
    TrainingError,
    VideoClassifier,
    evaluate_classifier,
    evaluate_features,
    finetune,
    load_classifier,
    pretrain,
)
from vimpac.trainer.classification.inference import clip_probabilities, spread_order

CROPS = ("center", "top_left", "bottom_right")
CLASSES = ("a", "b", "c", "d", "e", "f")
MODEL = ModelConfig(
    vocabulary=VOCABULARY, frames=3, grid=(2, 2), layers=1, width=16, heads=2, mlp_width=16,
    projection_width=8, init_std=0.3,
)  # fmt: skip
OPTIMIZER = OptimizerConfig(lr=0.03, weight_decay=0.0, betas=(0.9, 0.98))
STRIDE, CLIPS = 2, 4
LENGTHS = (1, 4, 5, 9, 23)
GRIDS = {FULL: (3, 5)}


def build_views(path: Path, keys: list[str], views: tuple[str, ...]) -> TokenStore:
    """Random videos of several lengths, in squares of 2 x 2 codes or in whole frames of 3 x 5."""
    identity = StoreIdentity(
        tokenizer=TokenizerIdentity(
            name="toy", fingerprint="f" * 64, vocabulary=VOCABULARY, compression=8
        ),
        fps=4.0,
        size=16,
        views=views,
    )
    plan = make_plan([PlanItem(key=key, source=key) for key in keys], 3)
    create_store(path, identity, plan)
    rng = np.random.default_rng(0)
    for shard, items in enumerate(plan.shards):
        with ShardWriter(path, shard) as writer:
            for item in items:
                frames = int(rng.choice(LENGTHS))
                shown = {
                    view: rng.integers(
                        0, VOCABULARY, (frames, *((3, 5) if view == FULL else (2, 2)))
                    )
                    for view in views
                }
                writer.add(item.key, shown, SourceInfo())
            written = writer.finish()
        commit_shard(path, shard, written)
    return TokenStore.open(path)


def keys_of(count: int) -> list[str]:
    training = [f"train/{name}/0" for name in CLASSES]
    return training + [f"validation/{CLASSES[n * n % 5]}/{n}" for n in range(count)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    store = build_views(folder / "tokens", keys_of(0), CROPS)
    config = FinetuneConfig(
        labels=LabelSource(task="folder"), classes=CLASSES, init=None, model=MODEL,
        optimizer=OPTIMIZER, loop=LoopConfig(steps=5), batch_size=6, stride=STRIDE,
    )  # fmt: skip
    finetune(store, Run(folder / "run"), config, init=None)
    return Run(folder / "run")


def slow_reference(run: Run, store: TokenStore, crops) -> tuple[np.ndarray, np.ndarray]:
    """Mean probabilities `(videos, classes)` and labels, a clip at a time by the rule itself."""
    model = load_classifier(run)
    rows, labels = [], []
    for index, key in enumerate(store.keys):
        if not key.startswith("validation/"):
            continue
        views = []
        for crop in crops:
            if FULL in store.identity.views:
                whole = store.codes(index, FULL)
                top, left = {"center": (0, 1), "top_left": (0, 0), "bottom_right": (1, 3)}[crop]
                codes = whole[:, top : top + 2, left : left + 2]
            else:
                codes = store.codes(index, crop)
            for k in range(CLIPS):
                span = (MODEL.frames - 1) * STRIDE + 1
                start = int(max(len(codes) - span, 0) * k / (CLIPS - 1))
                clip = np.full((MODEL.frames, 2, 2), VOCABULARY + 1)
                for t in range(MODEL.frames):
                    if start + t * STRIDE < len(codes):
                        clip[t] = codes[start + t * STRIDE]
                with torch.no_grad():
                    logits = model(torch.from_numpy(clip)[None].long())[0].double()
                views.append(torch.softmax(logits, 0).numpy())
        rows.append(np.mean(views, axis=0))
        labels.append(CLASSES.index(key.split("/")[1]))
    return np.array(rows), np.array(labels)


def figures_of(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    ranked = np.argsort(-probabilities, axis=1)
    right = ranked[:, 0] == labels
    return {
        "top1": np.mean(right),
        "top5": np.mean((ranked[:, :5] == labels[:, None]).any(1)),
        "mean_class_accuracy": np.mean([right[labels == k].mean() for k in set(labels.tolist())]),
    }


def work(distributed, run_path: Path, stores: list[Path]) -> None:
    """Evaluate on stores one after the other, leaving a report a rank and the predictions."""
    for store in stores:
        report = evaluate_classifier(
            Run(run_path),
            TokenStore.open(store),
            EvaluationConfig(clips=CLIPS, crops=3),
            distributed=distributed,
            predictions=store.with_name(f"{store.name}.jsonl"),
        )
        store.with_name(f"{store.name}.{distributed.rank}.json").write_text(json.dumps(report))


@pytest.mark.parametrize(("videos", "views"), [(1, CROPS), (7, CROPS), (13, (FULL,))])
def test_figures_equal_a_slow_reference(run, tmp_path, videos, views):
    store = build_views(tmp_path / "tokens", keys_of(videos), views)
    work(ALONE, run.path, [store.path])
    check_against_reference(run, store, ranks=1)


def test_two_ranks_count_every_video_once(run, tmp_path):
    stores = [build_views(tmp_path / f"{n}", keys_of(n), CROPS) for n in (1, 13)]
    run_ranks(work, 2, run.path, [store.path for store in stores])
    for store in stores:
        check_against_reference(run, store, ranks=2)


def check_against_reference(run: Run, store: TokenStore, ranks: int) -> None:
    probabilities, labels = slow_reference(run, store, CROPS)
    wanted = figures_of(probabilities, labels)
    for rank in range(ranks):
        report = json.loads(store.path.with_name(f"{store.path.name}.{rank}.json").read_text())
        assert (report["videos"], report["clips"]) == (len(labels), CLIPS)
        assert report["views"] == list(CROPS)
        assert {name: report[name] for name in wanted} == pytest.approx(wanted)
        assert np.sum(report["confusion_matrix"]) == len(labels)
        assert report["accuracy_by_views"][-1]["top1"] == report["top1"]
        assert len(report["accuracy_by_views"]) == CLIPS * 3
    lines = store.path.with_name(f"{store.path.name}.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["video"] for row in rows] == [key for key in store.keys if key[0] == "v"]
    for row, own in zip(rows, probabilities, strict=True):
        for guess in row["best"]:
            likelihood = own[CLASSES.index(guess["class"])]
            assert guess["probability"] == pytest.approx(likelihood, abs=1e-5)


def test_one_video_at_a_time_agrees_with_the_evaluation(run, tmp_path):
    store = build_views(tmp_path / "tokens", keys_of(5), CROPS)
    classifier = VideoClassifier(run, device=torch.device("cpu"), clips=CLIPS)
    assert classifier.stored_views == CROPS
    probabilities, _ = slow_reference(run, store, CROPS)
    for place, own in enumerate(probabilities):
        index = len(CLASSES) + place
        codes = {view: store.codes(index, view) for view in CROPS}
        np.testing.assert_allclose(classifier.probabilities(codes), own, atol=1e-5)
    best = classifier.best(codes, top=2)
    assert [guess["class"] for guess in best] == [CLASSES[k] for k in np.argsort(-own)[:2]]
    with pytest.raises(TrainingError, match="the model reads"):
        classifier.probabilities({view: codes[view][:, :1] for view in CROPS})


def test_equal_clips_are_computed_once(run):
    model = load_classifier(run)
    clips = torch.randint(VOCABULARY, (6, 3, 2, 2))
    clips[1] = clips[0]
    clips[4] = clips[3] = clips[2]
    seen = []
    model.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    together = clip_probabilities(model, clips, torch.device("cpu"), at_once=2)
    assert seen == [2, 1]
    alone = [clip_probabilities(model, clip[None], torch.device("cpu")) for clip in clips]
    torch.testing.assert_close(together, torch.cat(alone))


def test_the_first_views_are_spread_over_the_video():
    assert spread_order(10)[:3] == [5, 0, 9]
    for count in range(1, 12):
        assert sorted(spread_order(count)) == list(range(count))


def test_an_evaluation_on_other_tokens_or_classes_is_refused(run, tmp_path):
    other = build(tmp_path / "grid", ["validation/a/0"], grid=(2, 3))
    with pytest.raises(TrainingError, match=r"grid of 2 x 2 .* has 2 x 3"):
        evaluate_classifier(run, other)
    tokenizer = build(tmp_path / "tokenizer", ["validation/a/0"], fingerprint="0" * 64)
    with pytest.raises(TrainingError, match="whose codes differ"):
        evaluate_classifier(run, tokenizer)
    slower = build(tmp_path / "slower", ["validation/a/0"], grid=(2, 2), fps=1.0)
    with pytest.raises(TrainingError, match=r"4 stored frames a second, .* has 1"):
        evaluate_classifier(run, slower)
    with pytest.raises(TrainingError, match=r"\.csv or \.jsonl"):
        evaluate_classifier(run, slower, predictions=tmp_path / "answers.txt")
    with pytest.raises(TrainingError, match="1 or 3 crops"):
        EvaluationConfig(crops=2)


def test_features_of_a_pretrained_backbone_tell_the_classes(store, tmp_path):
    run = Run(tmp_path / "pretrain")
    config = PretrainConfig(
        model=ModelConfig(
            vocabulary=12, frames=4, grid=(2, 3), layers=1, width=32, heads=2, mlp_width=64,
            projection_width=16,
        ),
        optimizer=OPTIMIZER, loop=LoopConfig(steps=40), batch_size=16, exclude="validation/*",
    )  # fmt: skip
    pretrain(store, run, config)
    labels = LabelSource(task="motion")
    report = evaluate_features(run, store, labels, ["knn", "linear_probe"], clips=2)
    assert (report["videos"], report["training_videos"], report["chance"]) == (16, 16, 0.5)
    for method in ("knn", "linear_probe"):
        assert 0 <= report[method]["top1"] <= 1
        assert report[method]["top5"] == 1
    same = evaluate_features(run, store, labels, ["linear_probe"], split="train", clips=2)
    assert same["linear_probe"]["top1"] > 0.8

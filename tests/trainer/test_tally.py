"""Counts of an evaluation against slow ones, its tables and files, and the linear probe."""

import csv
import json

import numpy as np
import pytest
import torch
from vimpac.trainer import TrainingError
from vimpac.trainer.classification.probe import linear_probe
from vimpac.trainer.classification.report import accuracies, answers, write_answers
from vimpac.trainer.classification.tally import Tally

CLASSES = tuple("abcdefg")
VIEWS, VIDEOS = 4, 23


@pytest.fixture
def drawn():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(VIDEOS, VIEWS, len(CLASSES), generator=generator)
    labels = torch.randint(len(CLASSES) - 1, (VIDEOS,), generator=generator)  # none of class g
    return (2 * logits).softmax(2), labels


def tally_of(probabilities, labels, batch):
    tally = Tally(classes=len(CLASSES), views=VIEWS, videos=VIDEOS)
    for first in range(0, VIDEOS, batch):
        part = slice(first, first + batch)
        tally.add(torch.arange(VIDEOS)[part] + 100, labels[part], probabilities[part])
    return tally


@pytest.mark.parametrize("batch", [1, 5, 23])
def test_figures_are_those_of_a_slow_count(drawn, batch):
    probabilities, labels = drawn
    shown = accuracies(tally_of(probabilities, labels, batch), CLASSES)
    slow = probabilities.double().numpy()
    confusion = np.zeros((7, 7), dtype=int)
    for views in range(1, VIEWS + 1):
        ranked = np.argsort(-slow[:, :views].mean(1), axis=1)
        one = np.mean(ranked[:, 0] == labels.numpy())
        five = np.mean(
            [label in row[:5] for label, row in zip(labels.tolist(), ranked, strict=True)]
        )
        assert shown["accuracy_by_views"][views - 1] == {
            "views": views, "top1": pytest.approx(one), "top5": pytest.approx(five),
        }  # fmt: skip
    for label, answer in zip(labels.tolist(), ranked[:, 0], strict=True):
        confusion[label, answer] += 1
    assert shown["confusion_matrix"] == confusion.tolist()
    assert (shown["top1"], shown["top5"]) == (pytest.approx(one), pytest.approx(five))
    present = [label for label in range(7) if confusion[label].sum()]
    each = {CLASSES[k]: confusion[k, k] / confusion[k].sum() for k in present}
    assert shown["class_accuracy"] == pytest.approx(each)
    assert shown["mean_class_accuracy"] == pytest.approx(np.mean(list(each.values())))
    for row in shown["per_class"]:
        k = CLASSES.index(row["class"])
        wrong = np.delete(confusion[k], k)
        taken_for = row["most_taken_for"]
        assert (row["videos"], row["right"]) == (confusion[k].sum(), confusion[k, k])
        assert (taken_for is None) == (wrong.sum() == 0)
        assert taken_for is None or confusion[k, CLASSES.index(taken_for)] == wrong.max()


def test_answers_are_written_as_csv_and_as_json_lines(drawn, tmp_path):
    probabilities, labels = drawn
    tally = tally_of(probabilities, labels, 5)
    keys = [f"video, {number}" for number in range(200)]
    write_answers(tmp_path / "a.jsonl", answers(tally, keys, CLASSES))
    write_answers(tmp_path / "a.csv", answers(tally, keys, CLASSES))
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert len(lines) == len(rows) == VIDEOS
    averaged = probabilities.double().mean(1)
    for number, (line, row) in enumerate(zip(lines, rows, strict=True)):
        assert line["video"] == row["video"] == f"video, {number + 100}"
        assert line["class"] == row["class"] == CLASSES[labels[number]]
        assert line["predicted"] == row["predicted"] == CLASSES[averaged[number].argmax()]
        assert line["right"] == (line["predicted"] == line["class"]) == (row["right"] == "1")
        best = [guess["probability"] for guess in line["best"]]
        assert best == pytest.approx(averaged[number].sort(descending=True).values[:5].tolist())
        assert float(row["probability_5"]) == best[4]
    with pytest.raises(TrainingError, match=r"\.csv or \.jsonl"):
        write_answers(tmp_path / "a.txt", answers(tally, keys, CLASSES))


def test_fewer_than_five_classes_are_always_among_the_best_five():
    tally = Tally(classes=2, views=1, videos=1)
    tally.add(torch.tensor([0]), torch.tensor([1]), torch.tensor([[[0.9, 0.1]]]))
    shown = accuracies(tally, ("a", "b"))
    assert (shown["top1"], shown["top5"]) == (0, 1)


def test_a_probe_fits_what_is_linear_and_reaches_its_optimum():
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(3, 6, generator=generator)
    labels = torch.arange(3).repeat(20)
    features = 100 + 5 * (centres[labels] + 0.2 * torch.randn(60, 6, generator=generator))
    queries = 100 + 5 * centres
    fitted = linear_probe(queries, features, labels, classes=3)
    assert fitted.argmax(1).tolist() == [0, 1, 2]
    torch.testing.assert_close(fitted.sum(1), torch.ones(3))
    longer = linear_probe(queries, features, labels, classes=3, iterations=1000)
    torch.testing.assert_close(fitted, longer, atol=1e-3, rtol=0)
    heavy = linear_probe(queries, features, labels, classes=3, weight_decay=1e6)
    torch.testing.assert_close(heavy, torch.full((3, 3), 1 / 3), atol=1e-3, rtol=0)

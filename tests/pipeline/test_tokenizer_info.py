"""`vimpac tokenizer list` and `info`."""

import pytest
from vimpac.pipeline.demo_media import photographs
from vimpac.tokenizer import load_tokenizer


def test_list(vimpac):
    document = vimpac("tokenizer", "list", "--json").document
    names = [entry["tokenizer"] for entry in document["tokenizers"]]
    assert names[:6] == ["default", "dalle:PATH", "flava:PATH", "vqgan:PATH", "cosmos:PATH", "PATH"]
    assert "encoder.pkl" in vimpac("tokenizer", "list").out


def test_info(vimpac, tmp_path):
    shown = vimpac("tokenizer", "info", "--json").document
    assert shown == {
        "name": "default",
        "fingerprint": load_tokenizer().fingerprint,
        "vocabulary": 4096,
        "compression": 8,
        "temporal_compression": 1,
        "window": 1,
        "precision": "fp32",
        "has_codebook": True,
    }
    load_tokenizer().save(tmp_path)
    assert vimpac("tokenizer", "info", tmp_path, "--json").document == shown


@pytest.mark.parametrize("given", [True, False])
def test_info_tells_how_many_codes_bfloat16_changes(vimpac, given):
    words = ["tokenizer", "info", "--precision", "bf16", "--json"]
    words += ["--media", sorted(photographs().iterdir())[0]] if given else []
    shown = vimpac(*words).document
    assert shown["precision"] == "bf16"
    assert 0 < shown["codes_differing_from_fp32"] < 0.1
    assert shown["compared_on"].split()[1] == ("given" if given else "generated")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["dalle:{tmp}/none"], "no such file of weights"),
        (["cosmos:{tmp}/none"], "no such file of weights"),
        (["default", "--precision", "int4"], "precision must be one of"),
        (["default", "--device", "abacus"], "device 'abacus'"),
    ],
)
def test_mistakes_are_one_line(vimpac, tmp_path, words, says):
    ended = vimpac("tokenizer", "info", *(word.format(tmp=tmp_path) for word in words))
    assert ended.code == 2
    (line,) = ended.err.strip().splitlines()
    assert says in line

"""Weights files that would run something, lie, or are of something else: one line, nothing run."""

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from test_public_tokenizers import write_dalle, write_diffusers, write_flava, write_taming
from vimpac.tokenizer import TokenizerError, load_tokenizer
from vimpac.tokenizer.public.state_dict import read_state_dict

MEMORY = 300 << 20
"""Bytes that reading a small file may take at most."""


def refused(spec: str) -> str:
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(spec)
    message = str(caught.value)
    assert "\n" not in message
    return message


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.reduced: tuple[Any, ...] = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


def in_zip(pickled: bytes, **members: bytes) -> bytes:
    """A torch zip file around a pickle."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, content in members.items():
            archive.writestr(f"archive/{name}", content)
    return out.getvalue()


def in_legacy(pickled: bytes, storages: bytes = pickle.dumps([], 2)) -> bytes:
    """A torch legacy file around a pickle."""
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    return b"".join([*(pickle.dumps(part, 2) for part in head), pickled, storages])


@pytest.mark.parametrize("wrap", [in_zip, in_legacy, bytes])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_command_is_not_run(
    wrap: Callable[[bytes], bytes], protocol: int, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    calls = [
        Call(os.system, f"touch {touched}"),
        Call(subprocess.Popen, ["touch", str(touched)]),
        Call(eval, f"open({str(touched)!r}, 'w')"),
        Call(getattr, "text", "upper"),
    ]
    file = tmp_path / "encoder.pkl"
    for call in calls:
        for content in (call, {"state_dict": {"weight": call}}, [call]):
            file.write_bytes(wrap(pickle.dumps(content, protocol)))
            for kind in ("dalle", "flava", "vqgan"):
                message = refused(f"{kind}:{file}")
                assert str(file) in message
                assert "refused and not run" in message
    assert not touched.exists()


def test_what_a_module_stands_in_for_is_never_imported(tmp_path: Path) -> None:
    """Not even names within the packages whose objects are passed over."""
    package, trap = types.ModuleType("dall_e"), types.ModuleType("dall_e.trap")
    trap.Trap = type("Trap", (), {"__module__": "dall_e.trap"})
    file = tmp_path / "encoder.pkl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "dall_e", package)
        patch.setitem(sys.modules, "dall_e.trap", trap)
        torch.save({"state_dict": {"weight": torch.ones(2)}, "extra": trap.Trap()}, file)
    assert read_state_dict(file)["weight"].tolist() == [1, 1]


def global_of(name: str) -> bytes:
    module, _, attribute = name.rpartition(".")
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


MALFORMED = {
    "huge memo": b"\x80\x02]r" + struct.pack("<I", 0x7FFFFFF0) + b".",
    "huge byte array": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".",
    "huge frame": b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"}.",
    "huge text": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"a.",
    "function changed": b"\x80\x02"
    + global_of("torch._utils._rebuild_tensor_v2")
    + b"}X\x05\x00\x00\x00_makeK\x01sb.",
    "class changed": b"\x80\x02" + global_of("torch.nn.Module") + b"}X\x01\x00\x00\x00aK\x01sb.",
    "endless hash": b"\x80\x02}(K\x01" + b"2\x86" * 100 + b"K\x01u.",
    "endless hash in a set": b"\x80\x04\x8f(K\x01" + b"2\x86" * 100 + b"\x90.",
    "extension": b"\x80\x02\x82\x01.",
    "text reference": b"Pstorage\n.",
    "nothing": b"",
    "only a stop": b".",
    "text": b"hello, these are not weights",
}


class Storage:
    """Pickles as a reference to a storage of float32 numbers."""

    def __init__(self, key: Any, count: int) -> None:
        self.reference = ("storage", torch.FloatStorage, key, "cpu", count)


def tensor(storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> Call:
    return Call(
        torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, OrderedDict()
    )


def with_state(call: Call, state: object) -> Call:
    """What the call makes, its state set afterwards."""
    call.reduced = (*call.reduced, state)
    return call


def pickled(content: Any) -> bytes:
    out = io.BytesIO()
    pickler = pickle.Pickler(out, 2)
    pickler.persistent_id = lambda value: getattr(value, "reference", None)
    pickler.dump(content)
    return out.getvalue()


FOUR = Storage("0", 4)
LIES = {
    "past its storage": tensor(FOUR, 2, (3,), (1,)),
    "before its storage": tensor(FOUR, -1, (3,), (1,)),
    "strides past its storage": tensor(FOUR, 0, (2,), (1 << 40,)),
    "repeated without end": tensor(FOUR, 0, (1 << 40,), (0,)),
    "many of one storage": [tensor(FOUR, 0, (4,), (1,)) for _ in range(2000)],
    "sizes below zero": tensor(FOUR, 0, (-1, 4), (1, 1)),
    "a storage enlarged": with_state(tensor(FOUR, 0, (4,), (1,)), (FOUR, 0, (1 << 28,), (1,))),
    "a storage it has not": tensor(Storage("7", 4), 0, (4,), (1,)),
    "a storage of another size": tensor(Storage("0", 5), 0, (4,), (1,)),
    "a storage of no size": tensor(Storage("0", 1 << 50), 0, (4,), (1,)),
    "a storage below zero": tensor(Storage("0", -4), 0, (4,), (1,)),
    "a storage by a path": tensor(Storage("../data.pkl", 4), 0, (4,), (1,)),
    "a storage by no name": tensor(Storage((1, 2), 4), 0, (4,), (1,)),
}
# The storage is as large as the file may be, so the list of tensors alone is what is refused.

READ_ALL = f"""
import json, resource, sys
from pathlib import Path
from vimpac.tokenizer import TokenizerError
from vimpac.tokenizer.public.state_dict import read_state_dict

used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {MEMORY},) * 2)
said = {{}}
for file in sorted(Path(sys.argv[1]).iterdir()):
    try:
        said[file.name] = f"read {{list(read_state_dict(file))}}"
    except TokenizerError as error:
        said[file.name] = str(error)
print(json.dumps(said))
"""


@pytest.mark.timeout(60)
def test_lies_and_malformed_pickles_take_neither_time_nor_memory(tmp_path: Path) -> None:
    for name, content in MALFORMED.items():
        (tmp_path / f"{name}, zip").write_bytes(in_zip(content))
        (tmp_path / f"{name}, legacy").write_bytes(in_legacy(content))
    for name, lie in LIES.items():
        raw = struct.pack("<4f", 1, 2, 3, 4)
        lying = pickled({"weight": lie})
        (tmp_path / f"{name}, zip").write_bytes(in_zip(lying, **{"data/0": raw}))
        stored = pickle.dumps(["0"], 2) + struct.pack("<q", 4) + raw
        (tmp_path / f"{name}, legacy").write_bytes(in_legacy(lying, stored))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickled({"weight": tensor(FOUR, 0, (4,), (1,))}))
        archive.writestr("archive/data/0", bytes(1 << 24))
    (tmp_path / "compressed").write_bytes(bomb.getvalue())
    ended = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    assert len(said) == 2 * len(MALFORMED) + 2 * len(LIES) + 1
    for name, message in said.items():
        assert message.startswith(f"{tmp_path / name}: "), message
        assert "\n" not in message
        assert "MemoryError" not in message


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_truncated_at_any_length(form: str, tmp_path: Path) -> None:
    file = write_dalle(tmp_path, form) / "encoder.pkl"
    whole = file.read_bytes()
    for length in (0, 1, 100, 5000, len(whole) // 2, len(whole) - 4, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert "not a whole file" in refused(f"dalle:{file}")


def test_truncated_safetensors(tmp_path: Path) -> None:
    file = write_flava(tmp_path / "model.safetensors")
    whole = file.read_bytes()
    for length in (0, 100, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert "not a whole safetensors file" in refused(f"flava:{file}")


def test_weights_of_another_tokenizer_are_told_whose_they_are(tmp_path: Path) -> None:
    dalle = write_dalle(tmp_path) / "encoder.pkl"
    flava = write_flava(tmp_path / "pytorch_model.bin")
    vqgan = write_taming(tmp_path / "last.ckpt")
    for kind, file, owner in (
        ("flava", dalle, "dalle"),
        ("vqgan", dalle, "dalle"),
        ("dalle", flava, "flava"),
        ("vqgan", flava, "flava"),
        ("dalle", vqgan, "vqgan"),
        ("flava", vqgan, "vqgan"),
    ):
        assert f"give it as {owner}:{file}" in refused(f"{kind}:{file}")


def test_a_wrong_architecture_is_named(tmp_path: Path) -> None:
    file = tmp_path / "encoder.pkl"
    torch.save({"fc.weight": torch.zeros(2, 2)}, file)
    for kind, family in (("dalle", "DALL-E"), ("flava", "FLAVA"), ("vqgan", "VQGAN")):
        assert f"not weights of {family} (it holds fc.weight" in refused(f"{kind}:{file}")
    weights = read_state_dict(write_taming(tmp_path / "last.ckpt"))
    for changed in (
        {name: weight for name, weight in weights.items() if "mid.block_2.conv1" not in name},
        {**weights, "encoder.conv_out.bias": torch.zeros(3)},
        {**weights, "encoder.down.7.block.0.conv1.weight": torch.zeros(3, 3, 3, 3)},
    ):
        torch.save(changed, tmp_path / "last.ckpt")
        assert "does not fit" in refused(f"vqgan:{tmp_path / 'last.ckpt'}")
    torch.save({**weights, "quantize.used": torch.zeros(3)}, tmp_path / "last.ckpt")
    assert "renumbered" in refused(f"vqgan:{tmp_path / 'last.ckpt'}")
    folder = write_diffusers(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    for changed, said in (
        ({"norm_type": "spatial"}, "spatial"),
        ({"_class_name": "AutoencoderKL"}, "AutoencoderKL"),
        ({"norm_num_groups": 7}, "7 groups"),
        ({"norm_num_groups": "8"}, "must be an integer"),
    ):
        (folder / "config.json").write_text(json.dumps({**config, **changed}))
        assert said in refused(f"vqgan:{folder}")


def test_missing_files_are_named(tmp_path: Path) -> None:
    for kind in ("dalle", "flava", "vqgan"):
        assert "no such file" in refused(f"{kind}:{tmp_path / 'none'}")
    assert "encoder.pkl" in refused(f"dalle:{tmp_path}")
    assert "pytorch_model.bin" in refused(f"flava:{tmp_path}")
    assert "config.json" in refused(f"vqgan:{tmp_path}")

"""The card of an exported model: what it is, what it reads, how to use it."""

from collections.abc import Mapping
from typing import Any

SHOWN_CLASSES = 20


def model_card(config: Mapping[str, Any], name: str) -> str:
    """The text of `README.md`, with the front matter that the Hugging Face hub reads.

    Args:
        config: an exported model's.
        name: what to call it.
    """
    classifies = config["kind"] == "finetune"
    task = "pipeline_tag: video-classification\n" if classifies else ""
    kind = "video classifier" if classifies else "pre-trained video model"
    model = config["model"]
    height, width = model["grid"]
    lines = [
        f"---\nlibrary_name: vimpac\n{task}tags:\n- video\n- vimpac\n---",
        f"# {name}",
        f"A {kind} over discrete tokens, made by the method of "
        "[VIMPAC](https://arxiv.org/abs/2106.11250).",
        f"- {model['layers']} layers of width {model['width']}, attention `{model['layout']}`\n"
        f"- reads clips of {model['frames']} frames of {height} x {width} tokens, "
        f"vocabulary {model['vocabulary']}\n{_tokens(config)}",
    ]
    if classifies:
        lines.append(_classes(config["classes"]))
    lines.append(_usage(classifies, name))
    return "\n\n".join(lines) + "\n"


def _tokens(config: Mapping[str, Any]) -> str:
    tokens = config.get("tokens")
    if not tokens:
        return "- its tokenizer is not recorded"
    tokenizer = tokens["tokenizer"]
    rate = tokens["fps"] / config.get("stride", 1)
    return (
        f"- tokens of {tokenizer['name']} (fingerprint `{tokenizer['fingerprint']}`), frames of "
        f"{tokens['size']} px, {rate:g} a second"
    )


def _classes(classes: list[str]) -> str:
    shown = ", ".join(classes[:SHOWN_CLASSES])
    rest = len(classes) - SHOWN_CLASSES
    return f"{len(classes)} classes: {shown}{f' and {rest} more' if rest > 0 else ''}."


def _usage(classifies: bool, name: str) -> str:
    shell = [f"vimpac model import {name} --out runs/{name}"]
    if classifies:
        shell.append(f"vimpac predict runs/{name} clip.mp4")
    python = f'from vimpac.trainer import from_pretrained\n\nmodel = from_pretrained("{name}")'
    return "```bash\n" + "\n".join(shell) + f"\n```\n\n```python\n{python}\n```"

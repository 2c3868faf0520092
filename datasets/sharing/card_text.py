"""The text of a store's README.md, with the head that the Hugging Face hub reads."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .card_fields import CardFields
from .croissant import KEYWORDS

MARK = "<!-- Written by `vimpac tokens card` from card.json: change that, then run it again. -->"

TEMPLATE = """\
---
{head}
---
{mark}

# {title}

{description}

## Figures

{figures}

## Made by

{made_by}

## Use

    vimpac tokens pull URL --out tokens    # URL: where this card lies
    vimpac tokens verify tokens
    vimpac pretrain tokens

A video's codes are an array of {code_dtype}, (frames, rows, columns), {container}.
`commits/` holds the SHA-256 of every file; stores of equal logical hash hold the same codes.
Labels are no part of it.

## Source and licence

{terms}

## Citation

{citation}
"""

# Licences the hub knows by these names; it takes any other as `other` with a name beside it.
CREATIVE_COMMONS = ("by", "by-sa", "by-nc", "by-nc-sa", "by-nd", "by-nc-nd")
HUB_LICENSES = frozenset(
    ["apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "unlicense", "pddl"]
    + ["gpl-3.0", "lgpl-3.0", "agpl-3.0", "odbl", "odc-by", "cdla-permissive-2.0"]
    + [f"cc-{terms}-{version}" for terms in CREATIVE_COMMONS for version in ("3.0", "4.0")]
)
SIZES = {
    10**3: "n<1K",
    10**4: "1K<n<10K",
    10**5: "10K<n<100K",
    10**6: "100K<n<1M",
    10**7: "1M<n<10M",
    10**8: "10M<n<100M",
    10**9: "100M<n<1B",
}
CONTAINERS = {
    "zarr": "in Zarr v3 groups that zarr-python reads",
    "webdataset": "in tars that webdataset reads",
}
FIGURES = {
    "videos": "videos",
    "failed": "videos that could not be tokenized",
    "frames": "token frames",
    "tokens": "tokens",
    "fps": "frames a second",
    "size": "frame size, pixels",
    "views": "views",
    "grid": "tokens a frame",
    "vocabulary": "codes in the vocabulary",
    "codebook_use": "share of them that occurs",
    "bytes_on_disk": "bytes on disk",
    "bytes_per_token": "bytes a token",
    "form": "form of the shards",
    "logical_hash": "logical hash",
}
TERMS = {
    "source": "videos",
    "source_license": "terms of the videos",
    "license": "licence of the tokens",
    "license_url": "text of that licence",
    "creators": "creators",
    "contact": "contact",
    "homepage": "homepage",
    "published": "published",
}


def card_text(card: CardFields, summary: Mapping[str, Any]) -> str:
    """The README.md of a store.

    Args:
        card: What its owner says of it; title and description filled in.
        summary: Its figures (see `TokenStore.summary`).
    """
    made_by = {f"tokenizer's {name}": value for name, value in summary["tokenizer"].items()}
    made_by |= {"precision": summary["precision"], "steadiness": summary["steady"]}
    figures = {**summary, "grid": " x ".join(map(str, summary["grid"]))}
    said = asdict(card)
    return TEMPLATE.format(
        head="\n".join(
            f"{name}: {json.dumps(value)}" for name, value in head(card, summary).items()
        ),
        mark=MARK,
        title=card.title,
        description=card.description,
        figures=table({text: figures[name] for name, text in FIGURES.items()}),
        made_by=table(made_by | summary["versions"]),
        code_dtype=summary["code_dtype"],
        container=CONTAINERS[summary["form"]],
        terms=table({text: said[name] or "not stated" for name, text in TERMS.items()}),
        citation=f"```bibtex\n{card.citation}\n```" if card.citation else "Not stated.",
    )


def head(card: CardFields, summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the hub reads, a field a line: JSON values are YAML as well."""
    known = card.license.lower()
    document: dict[str, Any] = {"license": known or "unknown"}
    if known and known not in HUB_LICENSES:
        link = card.license_url or "README.md"
        document = {"license": "other", "license_name": card.license, "license_link": link}
    sizes = (name for most, name in SIZES.items() if summary["videos"] < most)
    document |= {
        "pretty_name": card.title,
        "tags": [*KEYWORDS, summary["form"]],
        "task_categories": ["video-classification"],
        "size_categories": [next(sizes, "1B<n<10B")],
    }
    if summary["form"] == "webdataset":
        return document | {"configs": [{"config_name": "default", "data_files": "shards/*.tar"}]}
    return document | {"viewer": False}


def table(rows: Mapping[str, object]) -> str:
    """A table of two columns."""
    lines = [f"| {name} | {cell(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def cell(value: object) -> str:
    """A value as it reads best."""
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")

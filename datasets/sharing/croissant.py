"""A store's metadata as MLCommons Croissant 1.0, which data set search and loaders read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..format.files import COMMITS_FOLDER, IDENTITY_FILE, PLAN_FILE, SHARDS_FOLDER, file_sha256
from .card_fields import CardFields

CROISSANT = "http://mlcommons.org/croissant/1.0"
KEYWORDS = ("video", "discrete video tokens", "self-supervised learning", "vimpac")

# The context that the specification recommends.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(store: Path, card: CardFields, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The Croissant document of a store.

    Args:
        store: The store's folder.
        card: What its owner says of it.
        summary: Its figures (see `TokenStore.summary`).
    """
    owner = {
        "license": card.license_url or card.license,
        "url": card.homepage,
        "creator": [{"@type": "sc:Organization", "name": name} for name in card.creators],
        "datePublished": card.published,
        "citeAs": card.citation,
        "isBasedOn": card.source,
        "usageInfo": card.source_license,
    }
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CROISSANT,
        "name": card.title,
        "description": card.description,
        **{name: value for name, value in owner.items() if value},
        "version": "1.0.0",
        "keywords": list(KEYWORDS),
        "identifier": f"sha256:{summary['logical_hash']}",
        "distribution": distribution(store, summary),
        "recordSet": [videos()],
    }


def distribution(store: Path, summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The store's files: two documents with their hashes, and the sets of records and shards."""
    described = {
        IDENTITY_FILE: "What the codes were made by, and how.",
        PLAN_FILE: "The videos of each token shard.",
    }
    documents = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "description": text,
            "contentUrl": name,
            "contentSize": f"{(store / name).stat().st_size} B",
            "encodingFormat": "application/json",
            "sha256": file_sha256(store / name),
        }
        for name, text in described.items()
    ]
    tars = summary["form"] == "webdataset"
    records = "One record a token shard: keys, frames, and the sha256 of every file of the shard."
    return [
        *documents,
        file_set("commits", f"{COMMITS_FOLDER}/*.json", "application/json", records),
        file_set(
            "shards",
            f"{SHARDS_FOLDER}/*.tar" if tars else f"{SHARDS_FOLDER}/*.zarr/**",
            "application/x-tar" if tars else "application/vnd+zarr",
            "The codes: WebDataset tars." if tars else "The codes: Zarr v3 groups.",
        ),
    ]


def file_set(name: str, pattern: str, encoding: str, description: str) -> dict[str, Any]:
    """One set of files."""
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "description": description,
        "encodingFormat": encoding,
        "includes": pattern,
    }


def videos() -> dict[str, Any]:
    """The record set of the stored videos, read off the commit records."""
    columns = {"key": ("sc:Text", "Name of the video."), "frames": ("sc:Integer", "Stored frames.")}
    return {
        "@type": "cr:RecordSet",
        "@id": "videos",
        "name": "videos",
        "description": "The stored videos.",
        "key": {"@id": "videos/key"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"videos/{name}",
                "name": name,
                "description": text,
                "dataType": kind,
                "source": {
                    "fileSet": {"@id": "commits"},
                    "extract": {"jsonPath": f"$.videos.{name}[*]"},
                },
            }
            for name, (kind, text) in columns.items()
        ],
    }

"""Decoding ahead and encoding across videos: same codes, in order, and nothing left running."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rendered_clips import read_all
from vimpac.datasets import View, paper_views
from vimpac.pipeline.tokenizing import Recipe
from vimpac.pipeline.tokenizing.decoding import Piece
from vimpac.pipeline.tokenizing.encoding import VideoEncoder, encode_pieces, encode_videos
from vimpac.pipeline.video import ReadLimits, VideoInfo, VideoSource, find_videos
from vimpac.tokenizer import load_tokenizer

RECIPE = Recipe(fps=4, size=32, views=paper_views(flip=False))
INFO = VideoInfo(width=1, height=1, fps=1, duration_seconds=1, container="mov", codec="h264")


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer()


@pytest.fixture(scope="module")
def sources(motion_set) -> list[VideoSource]:
    """Six whole videos and one that is not."""
    bad = VideoSource(key="bad", path=Path("nowhere.mp4"), extension=".mp4", size=0)
    found = find_videos([motion_set / "train"])[:6]
    return [*found[:2], bad, *found[2:]]


def test_several_decoders_change_neither_codes_nor_order(sources, tokenizer):
    alone = list(encode_videos(sources, tokenizer, RECIPE))
    ahead = list(encode_videos(sources, tokenizer, RECIPE, decoders=4))
    assert [video.error is None for video in ahead] == [source.key != "bad" for source in sources]
    for one, other in zip(alone, ahead, strict=True):
        assert one.codes.keys() == other.codes.keys()
        for view in one.codes:
            np.testing.assert_array_equal(one.codes[view], other.codes[view])


def test_videos_encoded_together_have_the_codes_they_have_apart(sources, tokenizer):
    """As an accelerator has it: pieces of several videos and all views in one batch."""
    recipe = replace(RECIPE, views=(View(), View(crop="full"), View(flip=True)))
    clips = [read_all(source.path, fps=4, size=32) for source in (sources[0], sources[3])]

    def encoders():
        return [VideoEncoder(tokenizer, recipe) for _ in clips]

    together, apart = encoders(), encoders()
    pieces = [Piece(video=number, batch=(clip,)) for number, clip in enumerate(clips)]
    encode_pieces(list(zip(together, pieces, strict=True)), tokenizer)
    for encoder, clip in zip(apart, clips, strict=True):
        for frame in range(len(clip)):
            encode_pieces([(encoder, Piece(video=0, batch=(clip[frame : frame + 1],)))], tokenizer)
    for one, other in zip(together, apart, strict=True):
        mine, theirs = one.end(INFO).codes, other.end(INFO).codes
        assert list(mine) == list(theirs) != []
        for view in mine:
            np.testing.assert_array_equal(mine[view], theirs[view])


def test_steady_codes_do_not_depend_on_the_pieces(sources, tokenizer):
    clip = read_all(sources[0].path, fps=4, size=32)

    def codes(pieces: list[np.ndarray]) -> np.ndarray:
        encoder = VideoEncoder(tokenizer, replace(RECIPE, views=(View(),), steady=0.5))
        for piece in pieces:
            encode_pieces([(encoder, Piece(video=0, batch=(piece,)))], tokenizer)
        return encoder.end(INFO).codes["center"]

    np.testing.assert_array_equal(codes([clip]), codes(np.array_split(clip, 3)))


def test_leaving_early_ends_the_decoders(sources, tokenizer):
    before = threading.active_count()
    videos = encode_videos(8 * sources, tokenizer, RECIPE, decoders=3)
    next(videos)
    assert threading.active_count() > before
    videos.close()
    assert threading.active_count() == before


def test_an_error_that_is_not_the_videos_ends_the_job(sources, tokenizer):
    class Broken(VideoSource):
        def open(self):
            raise OSError(28, "No space left on device")

    broken = Broken(key="a", path=Path("a.tar"), extension=".mp4", offset=0, size=1)
    with pytest.raises(OSError, match="No space left"):
        list(encode_videos([sources[0], broken], tokenizer, RECIPE))


def test_limits_are_kept(sources, tokenizer):
    recipe = replace(RECIPE, limits=ReadLimits(max_seconds=0.5))
    (video,) = encode_videos(sources[:1], tokenizer, recipe)
    assert video.error is not None
    assert video.error.reason == "too_long"

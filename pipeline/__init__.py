"""The command line and all that stands behind it: videos in, stores, runs and predictions out."""

from .errors import PipelineError
from .motion import MotionConfig, make_motion_set
from .predict import Predictor
from .tokenizing import RunOptions, TokenizeConfig, tokenize
from .video import (
    InputError,
    ReadLimits,
    VideoError,
    VideoInfo,
    VideoReader,
    VideoSource,
    find_videos,
    probe,
)

__all__ = [
    "InputError",
    "MotionConfig",
    "PipelineError",
    "Predictor",
    "ReadLimits",
    "RunOptions",
    "TokenizeConfig",
    "VideoError",
    "VideoInfo",
    "VideoReader",
    "VideoSource",
    "find_videos",
    "make_motion_set",
    "probe",
    "tokenize",
]

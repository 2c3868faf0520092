"""The command line and all that stands behind it: videos in, stores, runs and predictions out."""

from .engine import tokenize
from .errors import PipelineError
from .inputs import InputError, VideoSource, find_videos
from .motion import MotionConfig, make_motion_set
from .predict import Predictor
from .tokenize_job import TokenizeConfig
from .video import ReadLimits, VideoReader, probe
from .video_log import VideoError, VideoInfo

__all__ = [
    "InputError",
    "MotionConfig",
    "PipelineError",
    "Predictor",
    "ReadLimits",
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

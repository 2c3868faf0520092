"""Finding and reading video: files, folders and tars in, whole videos or clear failures out."""

from .inputs import InputError, VideoSource, find_videos
from .log import VideoError, VideoInfo
from .reader import Frames, ReadLimits, VideoReader, center_crop, probe

__all__ = [
    "Frames",
    "InputError",
    "ReadLimits",
    "VideoError",
    "VideoInfo",
    "VideoReader",
    "VideoSource",
    "center_crop",
    "find_videos",
    "probe",
]
